"""Every verb of `bictl cdc` once against a real worker, its effect read back by another call."""

import json
from contextlib import closing

import pytest

from bictl.clients.topics import TopicReader
from bictl.local.stack import Stack

pytestmark = [pytest.mark.jvm, pytest.mark.timeout(300)]
INSERT = 'insert into dbo."Product" ("ID", "Name", "Created") values (%s, %s, now())'
SIGNALS = {
    "signal.data.collection": "dbo.debezium_signal",
    "signal.enabled.channels": "source,kafka",
    "signal.poll.interval.ms": "200",
    "incremental.snapshot.chunk.size": "2",
}


@pytest.fixture
def verb(cli):
    """`verb("pause")`: runs `bictl cdc pause --yes`, which has to succeed; its one row."""

    def run(*words: str) -> dict:
        done = cli("--timeout", "60", "cdc", *words, "--yes", "--json")
        assert done.exit_code == 0, done.stderr
        [row] = json.loads(done.stdout)["rows"]
        return row

    return run


def health(cli) -> tuple[int, str, str]:
    done = cli("cdc", "status", "--json")
    [row] = json.loads(done.stdout)["rows"]
    return done.exit_code, row["health"], row["reason"]


def events(source, first: int = 0) -> list[dict]:
    """The envelopes of the topic from an offset on, without tombstones."""
    with closing(TopicReader(source.kafka)) as reader:
        end = reader.offsets(source.topic(), [0])[0].stable
        return [
            json.loads(record.value)["payload"]
            for chunk in reader.read(source.topic(), 0, first=first, end=end)
            for record in chunk.records
            if record.value
        ]


def marks(source, first: int) -> list[str]:
    """What the records of the topic say about snapshots."""
    return [event["source"]["snapshot"] for event in events(source, first)]


def test_a_connector_is_paused_resumed_stopped_reset_and_deleted(source, verb, cli, until):
    for number in range(3):
        source.sql(INSERT, (number, "from the first snapshot"))
    name = source.capture()
    until(lambda: source.end() == 3)
    assert health(cli) == (0, "ok", "")
    [row] = json.loads(cli("cdc", "status", name, "--json").stdout)["rows"]
    assert (row["snapshot"], row["newest"] is None, row["delay"]) == ("complete", False, None)

    assert verb("pause")["changed"] is True
    assert source.states() == ["PAUSED", "PAUSED"]
    assert health(cli)[:2] == (3, "warn")
    source.sql(INSERT, (3, "written while it was paused"))
    assert verb("resume")["changed"] is True
    until(lambda: source.end() == 4)

    refused = cli("cdc", "offsets", "reset", "--yes")
    assert refused.exit_code == 2
    assert f"bictl cdc stop {name}" in refused.stderr
    assert verb("stop")["now"] == "STOPPED, no task"
    assert source.states() == ["STOPPED"]
    assert json.loads(cli("cdc", "offsets", "show", "--json").stdout)["rows"]
    assert verb("offsets", "reset")["changed"] is True
    assert source.rest("GET", f"/connectors/{name}/offsets") == (200, {"offsets": []})
    assert verb("resume")["changed"] is True
    until(lambda: source.end() == 8)
    assert marks(source, 4) == ["first", "true", "true", "last"]  # a whole snapshot once more

    assert verb("restart", "--all")["changed"] is True
    assert source.states() == ["RUNNING", "RUNNING"]
    assert verb("delete", name)["now"] == "it is not there"
    assert source.rest("GET", f"/connectors/{name}")[0] == 404


def test_a_task_that_its_source_brought_down_is_restarted_when_the_source_is_back(
    source, verb, cli, until, jvm_stack
):
    name = source.capture(config={"retriable.restart.connector.wait.ms": "500"})
    jvm_stack.kill("source")
    until(lambda: source.states() == ["RUNNING", "FAILED"])
    code, state, reason = health(cli)
    assert (code, state) == (1, "fail")
    assert "Connection" in reason
    refused = cli("cdc", "restart", "--yes")  # it fails again: one RUNNING proves nothing
    assert refused.exit_code == 1
    assert f"then: bictl cdc restart {name}" in refused.stderr

    Stack.start(jvm_stack.state_dir, jvm=True)
    assert health(cli)[0] == 1  # nothing restarts it by itself
    assert verb("restart")["was"] == "RUNNING, 1 task FAILED"
    assert source.states() == ["RUNNING", "RUNNING"]
    source.sql(INSERT, (1, "after the restart"))
    until(lambda: source.end() == 1)


def test_a_task_with_a_broken_transformation_fails_again_with_its_root_cause(source, cli, until):
    broken = {
        "transforms": "key",
        "transforms.key.type": "org.apache.kafka.connect.transforms.ValueToKey",
        "transforms.key.fields": "no_such_field",
    }
    source.capture(config=broken)
    source.sql(INSERT, (1, "nobody can carry this"))
    until(lambda: source.states() == ["RUNNING", "FAILED"])
    # it runs until it comes to the record: how long that takes is the machine's affair
    again = cli("cdc", "restart", "--yes")
    assert "no_such_field" in again.stderr or "RUNNING for 5 s" in again.stderr
    until(lambda: source.states() == ["RUNNING", "FAILED"])
    code, state, reason = health(cli)
    assert (code, state) == (1, "fail")
    assert "no_such_field" in reason


def test_a_killed_worker_is_told_from_a_lost_connector_and_comes_back(
    source, cli, until, jvm_stack
):
    source.capture()
    source.sql(INSERT, (1, "before"))
    until(lambda: source.end() == 1)
    jvm_stack.kill("connect")
    for words in (("status",), ("restart", "--yes"), ("delete", source.name, "--yes")):
        done = cli("cdc", *words)
        assert (done.exit_code, done.stdout) == (4, ""), words
        assert "unknown connector" not in done.stderr
    source.sql(INSERT, (2, "while the worker was away"))
    Stack.start(jvm_stack.state_dir, jvm=True, timeout=120)
    until(lambda: health(cli)[0] == 0)
    # what was not committed when it was killed may come twice
    until(lambda: events(source)[-1]["after"]["ID"] == 2)


def test_snapshots_are_asked_for_by_kafka_and_by_the_signal_table(source, settings, cli, until):
    for number in range(5):
        source.sql(INSERT, (number, "x"))
    source.capture()
    until(lambda: source.end() == 5)
    lacking = cli("cdc", "snapshot", "--yes")
    assert lacking.exit_code == 2
    assert "signal.data.collection is missing" in lacking.stderr
    assert 'CREATE TABLE "dbo"."debezium_signal"' in lacking.stderr

    source.sql(
        "create table dbo.debezium_signal"
        " (id varchar(64) primary key, type varchar(32) not null, data text)"
    )
    topic = f"{source.database}.signals"
    servers = settings.kafka.bootstrap_servers
    source.capture(
        config={
            **SIGNALS,
            "signal.kafka.topic": topic,
            "signal.kafka.bootstrap.servers": servers,
        }
    )
    source.sql(INSERT, (5, "streams"))  # a signal before the stream begins is thrown away
    until(lambda: source.end() == 6)
    asked = cli("cdc", "snapshot", "--yes", "--json")
    assert asked.exit_code == 0, asked.stderr
    [row] = json.loads(asked.stdout)["rows"]
    assert row["began"] == f"{source.topic()} 0:6"
    until(lambda: source.end() == 12)
    assert marks(source, 6) == ["incremental"] * 6

    printed = cli("cdc", "snapshot", "--channel", "table", "-o", "tsv")
    assert printed.exit_code == 0, printed.stderr
    source.sql(printed.stdout)
    until(lambda: source.end() == 18)
    assert marks(source, 12) == ["incremental"] * 6

    # Debezium 2.4.0 fails and stands still when the slot was made since its task began
    assert cli("cdc", "restart", "--all", "--yes").exit_code == 0
    blocking = cli("cdc", "snapshot", "--blocking", "--yes")
    assert blocking.exit_code == 0, blocking.stderr
    until(lambda: source.end() == 24)
    assert marks(source, 18) == ["first", "true", "true", "true", "true", "last"]
    source.sql(INSERT, (6, "the stream goes on"))
    until(lambda: source.end() == 25)
