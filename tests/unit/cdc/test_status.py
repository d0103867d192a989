"""`cdc status`: what a connector's states come to, on the answers of a real worker."""

from datetime import UTC, datetime

import pytest
from connect_replay import saved

from bictl import cdc
from bictl.clients.connect import ConnectWorker, Offset
from bictl.errors import NotFound, TimedOut
from bictl.settings import Connect

STREAMING = saved("offsets_streaming")["body"]["offsets"]
SNAPSHOT = saved("offsets_running")["body"]["offsets"]


def one(replay, worker, status, **changes) -> cdc.ConnectorStatus:
    replay.connector(status, offsets=STREAMING, **changes)
    [found] = cdc.status(worker)
    return found


def tasks(*states: str) -> list[dict]:
    return [{"id": number, "state": state, "worker_id": "w"} for number, state in enumerate(states)]


def connector(state: str) -> dict:
    return {"state": state, "worker_id": "w"}


def test_a_running_connector_with_a_running_task_is_well(replay, worker):
    found = one(replay, worker, "status_running")
    assert (found.health, found.reason, found.state) == ("ok", "", "RUNNING")
    assert found.plugin == "PostgresConnector"
    assert found.topics == ("cord.public.product",)
    assert cdc.exit_code([found]) == 0


def test_running_with_a_failed_task_is_a_failure_with_its_root_cause(replay, worker):
    found = one(replay, worker, "status_pg_down")
    assert (found.state, found.health) == ("RUNNING", "fail")
    assert found.tasks[0].error == (
        "io.debezium.DebeziumException: Couldn't obtain encoding for database concorddb"
    )
    assert found.tasks[0].cause == "java.net.ConnectException: Connection refused"
    assert found.tasks[0].cause in found.reason
    assert found.hint == "remove the cause, then: bictl cdc restart pg-product"
    assert cdc.exit_code([found]) == 1


def test_the_last_cause_is_the_root_cause(replay, worker):
    found = one(replay, worker, "status_failed_smt")
    assert found.tasks[0].error.endswith("Tolerance exceeded in error handler")
    assert "no_such_field" in found.tasks[0].cause


def test_one_failed_task_among_running_ones_is_a_failure(replay, worker):
    found = one(replay, worker, "status_running", tasks=tasks("RUNNING", "FAILED", "RUNNING"))
    assert found.health == "fail"
    assert found.reason.startswith("1 of 3 tasks FAILED")


def test_a_failed_task_stays_a_failure_while_its_connector_is_paused(replay, worker):
    found = one(
        replay, worker, "status_paused", connector=connector("PAUSED"), tasks=tasks("FAILED")
    )
    assert found.health == "fail"


def test_a_failed_connector_without_tasks_is_a_failure(replay, worker):
    failed = {"state": "FAILED", "worker_id": "w", "trace": "a.B: x\n\tat y\nCaused by: c.D: why"}
    found = one(replay, worker, "status_running", connector=failed, tasks=[])
    assert (found.health, found.reason) == ("fail", "the connector FAILED: c.D: why")


def test_running_without_a_task_is_a_failure(replay, worker):
    found = one(replay, worker, "status_just_created")
    assert (found.state, found.health) == ("RUNNING", "fail")
    assert "without a task" in found.reason


@pytest.mark.parametrize(
    ("status", "state"), [("status_paused", "PAUSED"), ("status_stopped", "STOPPED")]
)
def test_a_connector_at_rest_is_a_warning_and_no_success(replay, worker, status, state):
    found = one(replay, worker, status)
    assert (found.state, found.health) == (state, "warn")
    assert found.reason.startswith(state)
    assert found.hint == "to go on: bictl cdc resume pg-product"
    assert cdc.exit_code([found]) == 3


@pytest.mark.parametrize("state", ["UNASSIGNED", "RESTARTING", "A_NEW_STATE"])
def test_a_state_in_between_is_unknown_and_never_well(replay, worker, state):
    found = one(replay, worker, "status_running", tasks=tasks(state))
    assert (found.health, cdc.exit_code([found])) == ("unknown", 3)
    assert state in found.reason


def test_an_unassigned_connector_is_unknown(replay, worker):
    found = one(replay, worker, "status_running", connector=connector("UNASSIGNED"), tasks=[])
    assert found.health == "unknown"


def test_the_stale_answer_after_a_deletion_is_unknown(replay, worker):
    found = one(replay, worker, "status_after_delete_0")
    assert (found.health, found.kind) == ("unknown", "unknown")
    assert "deleted" in found.reason


def test_running_from_memory_while_kafka_is_down_is_unknown(replay, worker):
    replay.give("kdown_offsets")
    replay.connector("kdown_status")
    found = cdc.status(ConnectWorker(Connect(url=replay.url), timeout=0.3))
    assert [(each.state, each.health) for each in found] == [("RUNNING", "unknown")]
    assert "Kafka may be down" in found[0].reason
    assert cdc.exit_code(found) == 3


def test_a_silent_worker_is_asked_for_offsets_once_and_not_per_connector(replay, worker):
    replay.give("connectors_expand_with_failed")
    names = saved("connectors_expand_with_failed")["body"]
    for name in names:
        replay.hang(f"/connectors/{name}/offsets")
    found = cdc.status(ConnectWorker(Connect(url=replay.url), timeout=0.3))
    assert len(found) == len(names)
    assert sum(path.endswith("/offsets") for path, _ in replay.asked) == 1


def test_a_worker_too_old_for_offsets_is_judged_without_them(replay, worker):
    replay.give("connectors_expand", "connectors_list", "connector_topics")
    [found] = cdc.status(worker)
    assert (found.health, found.positions) == ("ok", ())


def test_a_worker_that_does_not_track_topics_is_judged_without_them(replay, worker):
    replay.give("connectors_expand", "offsets_streaming")
    forbidden = {"error_code": 403, "message": "Topic tracking is disabled."}
    replay.say("/connectors/pg-product/topics", 403, forbidden)
    [found] = cdc.status(worker)
    assert (found.health, found.topics) == ("ok", ())


def test_one_connector_can_be_asked_for_by_its_name(replay, worker):
    replay.connector("status_running", offsets=STREAMING)
    [found] = cdc.status(worker, name="pg-product")
    assert found.health == "ok"
    with pytest.raises(NotFound, match="unknown connector 'pg-prodct'"):
        cdc.status(worker, name="pg-prodct")


def test_an_overview_that_does_not_come_is_an_error_and_no_verdict(replay):
    replay.hang("/connectors?expand=status&expand=info")
    with pytest.raises(TimedOut):
        cdc.status(ConnectWorker(Connect(url=replay.url), timeout=0.3))


def test_no_connector_at_all_is_not_well(replay, worker):
    replay.give("connectors_empty")
    assert cdc.exit_code(cdc.status(worker)) == 3


def test_a_failure_weighs_more_than_what_is_unknown(replay, worker):
    replay.give("connectors_expand_with_failed")
    found = cdc.status(worker)
    assert "fail" in {each.health for each in found}
    assert cdc.exit_code(found) == 1


@pytest.mark.parametrize(
    ("saved_offsets", "mode", "text", "at"),
    [
        (STREAMING, "streaming", "lsn 0/290CD70", datetime(2026, 11, 22, 23, 16, 51, 2470, UTC)),
        (SNAPSHOT, "snapshot", "lsn 0/27B30C0", datetime(2026, 11, 22, 23, 16, 12, 521919, UTC)),
    ],
)
def test_postgres_positions_are_written_as_postgres_writes_them(saved_offsets, mode, text, at):
    position = cdc.decode(Offset(**saved_offsets[0]))
    assert (position.source, position.mode, position.text) == ("cord", mode, text)
    assert position.at == at


# Key names of Debezium 2.4's SqlServerOffsetContext and SourceInfo.
@pytest.mark.parametrize(
    ("offset", "mode", "text"),
    [
        (
            {
                "commit_lsn": "0000002c:00000870:0003",
                "change_lsn": "0000002c:00000870:0002",
                "event_serial_no": 1,
                "transaction_id": None,
            },
            "streaming",
            "commit_lsn 0000002c:00000870:0003, change_lsn 0000002c:00000870:0002",
        ),
        (
            {"commit_lsn": "0000002c:00000870:0003", "snapshot": True, "snapshot_completed": False},
            "snapshot",
            "commit_lsn 0000002c:00000870:0003",
        ),
    ],
)
def test_sql_server_positions_show_their_lsns(offset, mode, text):
    position = cdc.decode(Offset({"server": "cord", "database": "ConcordDb"}, offset))
    assert (position.source, position.mode, position.text) == ("cord/ConcordDb", mode, text)


def test_a_sinks_position_is_a_kafka_offset():
    position = cdc.decode(
        Offset({"kafka_topic": "t", "kafka_partition": 0}, {"kafka_offset": 61443})
    )
    assert (position.source, position.mode, position.text) == ("t 0", "sink", "offset 61443")
