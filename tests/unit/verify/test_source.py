"""C1 and C2: the connector that writes the topic, by answers that a real worker once gave."""

from types import SimpleNamespace

import pytest
from connect_replay import Replay, saved

from bictl.clients.connect import ConnectWorker
from bictl.settings import Connect, Table
from bictl.verify.checks import chosen
from bictl.verify.report import State
from bictl.verify.source import (
    configuration,
    connector,
    dead_letters,
    read_capture,
    read_dead_letters,
)

INFO = saved("connector_info")["body"]
TOPIC = "cord.public.product"  # what the saved connector writes
TABLE = Table(name="product", topic=TOPIC)
SAFE = {
    "database.password": "${env:PW}",
    "key.converter": "JsonConverter",
    "key.converter.replace.null.with.default": "false",
    "value.converter": "JsonConverter",
    "value.converter.replace.null.with.default": "false",
}


@pytest.fixture
def capture():
    """`capture(status, **keys)`: what is read of the saved connector in this state."""
    replay = Replay()

    def read(status: str, topic: str = TOPIC, **keys: str):
        replay.connector(status, name=INFO["name"])
        overview = "/connectors?expand=status&expand=info"
        info = INFO | {"config": INFO["config"] | SAFE | keys}
        replay.answers.pop(overview)
        replay.say(overview, 200, {INFO["name"]: {"status": saved(status)["body"], "info": info}})
        return read_capture(ConnectWorker(Connect(url=replay.url), timeout=2), topic=topic)

    yield read
    replay.close()


def test_a_connector_that_runs_and_drops_nothing_passes(capture):
    found = capture("status_running")
    assert connector(found, table=TABLE).state is State.OK
    assert configuration(found).state is State.OK


@pytest.mark.parametrize(
    ("status", "state", "words"),
    [
        ("status_failed_smt", State.FAIL, "Unknown field: no_such_field"),
        ("status_paused", State.WARN, "PAUSED"),
        ("status_just_created", State.FAIL, "RUNNING without a task"),
    ],
)
def test_one_that_is_not_well_is_said_with_its_reason(capture, status, state, words):
    found = connector(capture(status), table=TABLE)
    assert (found.state, words in found.message) == (state, True)
    assert found.hint


def test_a_configuration_that_drops_records_is_warned_about(capture):
    found = configuration(capture("status_running", **{"errors.tolerance": "all"}))
    assert found.state is State.WARN
    assert found.message.startswith(f"{INFO['name']}: errors.tolerance: all: a record")


def test_a_topic_that_no_connector_writes_is_warned_about(capture):
    found = capture("status_running", topic="cord.public.other")
    assert found is None
    assert connector(found, table=TABLE).state is State.WARN
    assert "bictl cdc apply --table product" in connector(found, table=TABLE).hint
    assert configuration(found).state is State.OK


def test_behind_a_router_the_prefix_tells(capture):
    router = {"transforms": "r", "transforms.r.type": "x.RegexRouter"}
    assert capture("status_running", topic="cord.elsewhere", **router) is not None
    assert capture("status_running", topic="other.elsewhere", **router) is None


def test_without_a_worker_they_are_out_of_scope():
    without = {check.id for check in chosen(TABLE, "default")}
    with_one = {check.id for check in chosen(TABLE, "default", has_worker=True)}
    assert with_one - without == {"C1", "C2", "C3"}
    assert not {"C1", "C2"} & {check.id for check in chosen(TABLE, "quick", has_worker=True)}


class Worker:
    """A worker with these connectors' configurations."""

    def __init__(self, *configs):
        self._configs = configs

    def overview(self):
        return [SimpleNamespace(config=config) for config in self._configs]


@pytest.mark.parametrize(
    ("config", "state"),
    [
        ({}, "ok"),
        ({"topics": "t", "errors.deadletterqueue.topic.name": ""}, "ok"),
        ({"topics": "t", "errors.deadletterqueue.topic.name": "empty"}, "ok"),
        ({"topics": "other", "errors.deadletterqueue.topic.name": "dead"}, "ok"),
        ({"topics": "a, t", "errors.deadletterqueue.topic.name": "dead"}, "fail"),
        ({"topics.regex": "[a-z]", "errors.deadletterqueue.topic.name": "dead"}, "fail"),
        ({"topics.regex": "(?<broken", "errors.deadletterqueue.topic.name": "dead"}, "ok"),
    ],
)
def test_what_a_connector_put_aside_is_told_with_its_queue(config, state):
    counts = {"dead": 3, "empty": 0}
    found = dead_letters(read_dead_letters(Worker(config), "t", counts.__getitem__))
    assert found.state == state
    if state == "fail":
        assert (found.extra.keys, found.extra.total) == (("dead",), 3)
        assert "--topic dead" in found.hint
