"""demo --jvm and stack --jvm: from a live source to a verified search, through every accident."""

import json
import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from bictl import settings as configured
from bictl.clients.database import Database
from bictl.clients.topics import TopicReader
from bictl.local.arrival import end_of
from bictl.local.stack import Stack
from bictl.local.traffic import touch

pytestmark = [pytest.mark.jvm, pytest.mark.timeout(240)]
SMALL = ("--products", "60", "--changes", "40")
TOTALS = 'select count(*), sum("Price"), sum("ID"), count("Description") from dbo."Product"'
STAGED = "select count(*), sum(price), sum(product_id), count(description) from {}.stg_product"


@pytest.fixture
def command(jvm_stack):
    """The arguments of subprocess for bictl on this session's stack, which no file configures."""
    environment = {key: value for key, value in os.environ.items() if key[:6] != "BICTL_"}
    environment["BICTL_STATE_DIR"] = str(jvm_stack.state_dir)

    def arguments(*words: str) -> dict:
        program = [sys.executable, "-m", "bictl", *words]
        return {"args": program, "env": environment, "cwd": jvm_stack.state_dir, "text": True}

    return arguments


@pytest.fixture
def bictl(command):
    def run(*words: str) -> subprocess.CompletedProcess:
        return subprocess.run(**command(*words), capture_output=True, check=False, timeout=200)

    return run


@pytest.fixture
def live(jvm_stack):
    """The demo's source."""
    with closing(Database(jvm_stack.source)) as database:
        yield database


def staged(stack: Stack) -> list[tuple]:
    found = configured.load(config=str(stack.configuration), environment={})
    with closing(Database(found.postgres)) as database:
        return database.rows(STAGED.format(found.dbt.view_schema))


def test_a_demo_from_a_live_source_is_complete_and_says_how_long_a_change_takes(
    bictl, jvm_stack, live
):
    done = bictl("demo", "--jvm", *SMALL, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["schema"] == "bictl.demo/1"
    assert found["verify"]["complete"]
    assert found["published"]["topic"] == "cord.ConcordDb.dbo.Product"
    assert 60 <= found["published"]["first"] < found["published"]["next"]
    latency = found["latency"]
    assert 0 < latency["commit_to_topic"]["p50"] <= latency["commit_to_topic"]["p99"] < 60
    assert 0 < latency["one_change"]["topic"] < latency["one_change"]["staging"] < 120
    said = [line.split(" ")[0] for line in done.stderr.splitlines()]
    order = ["stack", "source", "connector", "snapshot", "traffic", "ingest", "latency"]
    assert [word for word in said if word in order] == order
    assert "bictl demo --jvm" in done.stderr
    assert live.rows(TOTALS) == staged(jvm_stack)


def test_killed_services_and_a_taken_port_are_survived_and_two_starts_at_once_agree(
    bictl, jvm_stack, live, until
):
    before = {one.name: one for one in jvm_stack.status()}
    live.close()
    for name in ("connect", "source", "kafka"):
        jvm_stack.kill(name)
    port = int(before["source"].endpoint.rpartition(":")[2].partition("/")[0])
    with (
        socket.create_server(("127.0.0.1", port)),
        ThreadPoolExecutor(2) as pool,
    ):
        both = list(
            pool.map(lambda words: bictl(*words), (("stack", "up"), ("stack", "up", "--jvm")))
        )
    assert [done.returncode for done in both] == [0, 0], [done.stderr for done in both]
    assert f"port {port} (source) is taken" in both[0].stderr + both[1].stderr
    after = {one.name: one for one in Stack(jvm_stack.state_dir).status()}
    assert {one.state for one in after.values()} == {"running"}
    assert {name for name in after if after[name].pid == before[name].pid} == {"s3", "postgres"}
    found = configured.load(config=str(jvm_stack.configuration), environment={})
    with (
        closing(Database(jvm_stack.source)) as moved,
        closing(TopicReader(found.kafka)) as reader,
    ):
        first = end_of(reader, found.table("product").topic)
        touch(moved)  # the connector, which nobody changed, goes on at the source's new port
        until(lambda: end_of(reader, found.table("product").topic) > first)


def test_ctrl_c_in_the_traffic_is_clean_and_the_next_demo_carries_what_was_committed(
    bictl, command, jvm_stack
):
    child = subprocess.Popen(
        **command("demo", "--jvm", "--products", "60", "--changes", "100000"),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    with child, child.stderr:
        said = []
        for line in child.stderr:
            said.append(line)
            if line.startswith("connector"):
                child.send_signal(signal.SIGINT)
        assert child.wait(60) == 130, "".join(said)
    assert any("the stack keeps running" in line for line in said)
    assert "Traceback" not in "".join(said)
    source = Stack.start(jvm_stack.state_dir, jvm=True).source
    with closing(Database(source)) as live:
        query = "select count(*) from pg_stat_activity where application_name like 'bictl demo%'"
        assert live.value(query) == 0
    assert bictl("cdc", "status").returncode == 0
