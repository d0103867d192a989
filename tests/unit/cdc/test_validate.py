"""The worker's verdict, by answers that a real one once gave."""

import pytest
from connect_replay import saved

from bictl.cdc import Around, ConnectorFile, ask, look
from bictl.cdc.validate import Verdict
from bictl.errors import TimedOut, Unreachable

RIGHT = saved("validate_ss-good")["request"]["body"]
PLUGIN = f"/connector-plugins/{RIGHT['connector.class']}/config"


def draft(name: str) -> ConnectorFile:
    config = {key: value for key, value in saved(name)["request"]["body"].items() if key != "name"}
    return ConnectorFile("ss-product", config, "ss.json")


def verdict(replay, worker, name: str) -> Verdict:
    """What the worker's saved answer comes to, without the local rules' say."""
    replay.give(name)
    return ask(worker, draft(name), Verdict(findings=()))


def by_key(found: Verdict) -> dict[str, list[str]]:
    keys: dict[str, list[str]] = {}
    for one in found.findings:
        assert (one.level, one.by) == ("fail", "worker")
        keys.setdefault(one.key, []).append(one.message)
    return keys


def test_a_right_connector_lacks_its_database_only(replay, worker):
    found = verdict(replay, worker, "validate_ss-good")
    assert found.findings == ()
    assert isinstance(found.silence, Unreachable)
    assert found.silence.message.startswith(
        "the worker cannot reach the database at sqlserver:1433"
    )
    assert "cannot be created or changed while" in (found.silence.hint or "")
    [(place, sent)] = replay.sent
    assert place == f"PUT {PLUGIN}/validate"
    assert sent == RIGHT


def test_errors_stand_by_their_keys_once(replay, worker):
    assert set(by_key(verdict(replay, worker, "validate_ss-badtypes"))) == {
        "database.port",
        "decimal.handling.mode",
        "tombstones.on.delete",
        "max.batch.size",
    }


def test_an_error_beside_the_missing_database_is_what_counts(replay, worker):
    found = verdict(replay, worker, "validate_ss-badenum")
    assert by_key(found).keys() == {"snapshot.mode"}
    assert found.silence is None


def test_a_broken_expression_is_given_its_key(replay, worker):
    found = verdict(replay, worker, "validate_ss-badregex")
    assert by_key(found) == {
        "table.include.list": [
            "'dbo.Product[' is no regular expression: Unclosed character class near index 11"
        ]
    }


def test_a_reference_to_a_missing_file_is_given_its_key(replay, worker):
    said = "org.apache.kafka.common.config.ConfigException: Could not read properties from file /s"
    replay.say(f"PUT {PLUGIN}/validate", 500, {"error_code": 500, "message": said})
    wanted = draft("validate_ss-good")
    config = {**wanted.config, "database.password": "${file:/s:password}"}
    found = ask(worker, ConnectorFile("x", config, "x.json"), Verdict(findings=()))
    assert by_key(found) == {"database.password": ["Could not read properties from file /s"]}


@pytest.mark.parametrize("silence", ["the worker's 500", "no answer"])
def test_a_silent_database_is_named_while_the_worker_answers(replay, worker, silence):
    if silence == "no answer":
        replay.hang(f"PUT {PLUGIN}/validate")
        place = "sqlserver:1433"
    else:
        replay.give("validate_ss-silent")
        place = "127.0.0.1:14331"
    replay.give("root")
    name = "validate_ss-good" if silence == "no answer" else "validate_ss-silent"
    found = ask(worker, draft(name), Verdict(findings=()))
    assert isinstance(found.silence, TimedOut)
    assert found.silence.message.startswith(f"the database at {place} is silent: the worker")


def test_a_refused_login_is_no_silence(replay, worker):
    answer = saved("validate_ss-good")["body"]
    [host] = [item for item in answer["configs"] if item["value"]["errors"]]
    host["value"]["errors"] = [
        "Unable to connect. Check this and other connection properties. "
        "Error: Login failed for user 'debezium'."
    ]
    replay.say(f"PUT {PLUGIN}/validate", 200, answer)
    found = ask(worker, draft("validate_ss-good"), Verdict(findings=()))
    assert by_key(found).keys() == {"database.hostname"}
    assert found.silence is None
    assert "database.password" in found.findings[0].hint


def plugin_is_there(replay) -> None:
    replay.give("connector_plugins", "connectors_expand")
    listed = saved("validate_ss-good")["body"]["configs"]
    replay.say(PLUGIN, 200, [item["definition"] for item in listed])


def test_what_the_rules_refuse_is_not_sent(replay, worker):
    plugin_is_there(replay)
    wanted = draft("validate_ss-misspelt")
    own = look(worker, wanted, Around())
    assert {"snapshot.mdoe"} <= {one.key for one in own.failures}
    assert ask(worker, wanted, own) is own
    assert replay.sent == []


def test_a_key_that_the_plugin_lists_is_known_and_its_connectors_are_neighbours(replay, worker):
    plugin_is_there(replay)
    listed = saved("validate_ss-good")["body"]["configs"]
    definitions = [item["definition"] for item in listed]
    replay.answers.pop(PLUGIN)
    replay.say(PLUGIN, 200, [*definitions, {"name": "snapshot.mdoe"}])
    wanted = draft("validate_ss-misspelt")
    running = next(iter(saved("connectors_expand")["body"].values()))["info"]["config"]
    config = {**wanted.config, "topic.prefix": running["topic.prefix"]}
    own = look(worker, ConnectorFile("x", config, "x.json"), Around())
    assert "snapshot.mdoe" not in {one.key for one in own.failures}
    assert ("fail", "topic.prefix") in {(one.level, one.key) for one in own.findings}


def test_a_class_that_the_worker_lacks_lists_those_it_has(replay, worker):
    plugin_is_there(replay)
    wanted = ConnectorFile("x", {"connector.class": "io.debezium.X"}, "x.json")
    [finding] = look(worker, wanted, Around()).failures
    assert finding.message.startswith("unknown connector class 'io.debezium.X'")
    assert "SqlServerConnector" in finding.hint


def test_without_a_worker_the_rules_still_have_their_say(worker, replay):
    replay.hang("/connector-plugins")
    own = look(worker, draft("validate_ss-misspelt"), Around())
    assert isinstance(own.silence, TimedOut)
    assert "snapshot.mdoe" in {one.key for one in own.failures}


def test_a_signal_ends_the_wait_for_the_database(replay, worker):
    replay.hang(f"PUT {PLUGIN}/validate")
    found = ask(worker, draft("validate_ss-good"), Verdict(findings=()), stop=lambda: True)
    assert "stopped while the worker tried the database at sqlserver:1433" in str(found.silence)
