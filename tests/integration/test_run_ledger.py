"""The ledger of runs as it is read, and how it keeps out of the way of what needs no Postgres."""

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from bictl.bronze import migrate
from bictl.clients.database import Database
from bictl.errors import NotFound, StageFailed, UsageError
from bictl.ops import ledger
from bictl.ops.runs import recorded, recorded_aside, write_ended
from bictl.settings import Secret

# Opens a row and waits until its stdin closes.
OPEN_ROW = """
import json, sys
from bictl.clients.database import Database
from bictl.ops.runs import recorded
from bictl.settings import Postgres, Secret
given = json.loads(sys.argv[1])
given["password"] = Secret(sys.stdin.readline().rstrip("\\n"))
database = Database(Postgres(**given))
with recorded(database, sys.argv[2], command="embed", arguments={"tables": ["product"]}):
    print("open", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def database(clients) -> Database:
    migrate(clients.database, ())
    return clients.database


@pytest.fixture
def record(database):
    """`record("embed", "product", status="warn")`: a run of one stage that has ended."""

    def write(stage, *tables, run=None, error=None, result=None, **outcome):
        run = run or str(uuid.uuid4())
        with recorded(database, run, command=stage, arguments={"tables": list(tables)}) as ended:
            for name, value in outcome.items():
                setattr(ended, name, value)
            ended.result = result
            ended.error = error
        return run

    return write


@pytest.fixture
def open_row(settings, database):
    """A process that has a row open; (process, run)."""
    given = dict(vars(settings.postgres))
    password, run = given.pop("password").reveal(), str(uuid.uuid4())
    process = subprocess.Popen(
        [sys.executable, "-c", OPEN_ROW, json.dumps(given), run],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    process.stdin.write(f"{password}\n")
    process.stdin.flush()
    assert process.stdout.readline() == "open\n"
    yield process, run
    process.kill()
    process.communicate()


def test_runs_come_newest_first_and_every_filter_narrows(database, record):
    first = record("ingest", "product", result={"summary": "wrote 1 batch"})
    second = record("embed", "category", status="fail", exit_code=1, error="StageFailed: no")
    third = record("transform", "product", "category")
    assert [run.run_id for run in ledger.runs(database)] == [third, second, first]
    assert [run.run_id for run in ledger.runs(database, limit=1)] == [third]
    assert [run.run_id for run in ledger.runs(database, table="product")] == [third, first]
    assert [run.run_id for run in ledger.runs(database, stage="ingest")] == [first]
    assert [run.run_id for run in ledger.runs(database, state="fail")] == [second]
    now = datetime.now(UTC)
    assert len(ledger.runs(database, since=now - timedelta(hours=1))) == 3
    assert ledger.runs(database, since=now + timedelta(hours=1)) == []
    [one] = ledger.runs(database, stage="ingest")
    assert (one.summary, one.tables, one.pid) == ("wrote 1 batch", ("product",), os.getpid())
    assert one.seconds is not None
    assert 0 <= one.seconds < 60


def test_a_run_is_found_by_how_its_id_begins(database, record):
    ids = ["aaaa0000-0000-4000-8000-000000000001", "aaab0000-0000-4000-8000-000000000002"]
    for run in ids:
        for stage in ("ingest", "load-bronze"):
            record(stage, "product", run=run)
    found = ledger.find(database, "AAAA0000-00")
    assert [(run.run_id, run.stage) for run in found] == [
        (ids[0], "ingest"),
        (ids[0], "load-bronze"),
    ]
    with pytest.raises(UsageError, match="2 runs begin with 'aaa'"):
        ledger.find(database, "aaa")
    for wrong in ("bbbb", "no such run", "%"):
        with pytest.raises(NotFound) as caught:
            ledger.find(database, wrong)
        assert ids[0][:8] in caught.value.hint


def test_a_killed_run_is_seen_as_killed_by_a_reader_who_may_not_write(
    database, settings, open_row, record
):
    process, run = open_row
    assert [item.state for item in ledger.runs(database)] == ["running"]
    role = f"reader_{uuid.uuid4().hex[:8]}"
    database.script(
        f"create role {role} login password 'reader-s3cret'; grant usage on schema bictl to {role};"
        f"grant select on bictl.run to {role}"
    )
    postgres = replace(settings.postgres, user=role, password=Secret("reader-s3cret"))
    try:
        with closing(Database(postgres)) as reader:
            assert [item.state for item in ledger.runs(reader)] == ["running"]
            process.send_signal(signal.SIGKILL)
            process.wait()
            while ledger.runs(reader, state="running"):  # the server notices the closed socket
                pass
            [killed] = ledger.runs(reader, state="killed")
            assert (killed.run_id, killed.seconds) == (run, None)
            assert killed.summary == "its process is gone"
            [last] = ledger.last(reader, stages=["embed"], tables=["product"])
            assert (last.newest_state, last.at) == ("killed", None)
        assert database.value("select status from bictl.run") == "running"  # nobody wrote
    finally:
        database.script(
            f"revoke all on bictl.run from {role}; revoke all on schema bictl from {role};"
            f"drop role {role}"
        )
    record("embed", "product")
    assert [item.state for item in ledger.runs(database)] == ["ok", "killed"]


def test_the_last_success_of_each_stage_and_table_and_what_failed_since(database, record):
    good = record("embed", "product", result={"summary": "all well"})
    record("embed", "product", status="fail", exit_code=4, error="Unreachable: gone")
    record("embed", "product", status="warn", exit_code=143, result={"stopped": True})
    record("ingest", "category", status="warn", exit_code=3, result={"summary": "2 rejects"})
    both = record(
        *("transform", "product", "category"),
        status="fail",
        exit_code=1,
        result={"tables": {"product": "ok", "category": "fail"}},
    )
    found = {
        (item.table, item.stage): item
        for item in ledger.last(
            database,
            stages=["ingest", "transform", "embed", "prune"],
            tables=["product", "category"],
            always=["ingest"],
        )
    }
    assert list(found) == [
        ("product", "ingest"),
        ("product", "transform"),
        ("product", "embed"),
        ("category", "ingest"),
        ("category", "transform"),
    ]
    embed = found["product", "embed"]
    assert (embed.run_id, embed.summary, embed.failed_since) == (good, "all well", 2)
    assert embed.newest_state == "warn"
    assert found["product", "ingest"].newest_state == "never"
    assert found["category", "ingest"].summary == "2 rejects"
    transform = found["product", "transform"]
    assert (transform.run_id, transform.newest_state, transform.failed_since) == (both, "ok", 0)
    other = found["category", "transform"]
    assert (other.run_id, other.newest_state, other.failed_since) == (None, "fail", 1)


def test_a_database_without_bictl_s_tables_has_no_runs(clients):
    assert ledger.runs(clients.database) == []
    assert ledger.last(clients.database, stages=["ingest"], tables=["product"]) == []
    with pytest.raises(NotFound):
        ledger.find(clients.database, "aa")


def aside(open_database, **more):
    return recorded_aside(
        open_database,
        str(uuid.uuid4()),
        command="ingest",
        arguments={"tables": ["product"]},
        **more,
    )


def test_a_stage_that_needs_no_postgres_is_recorded_too(database, clients):
    with aside(clients.new_database) as outcome:
        outcome.result = {"summary": "wrote 2 batches"}
    [run] = ledger.runs(database)
    assert (run.stage, run.state, run.summary) == ("ingest", "ok", "wrote 2 batches")
    with pytest.raises(StageFailed), aside(clients.new_database):
        raise StageFailed("the store is full")
    assert ledger.runs(database)[0].summary == "StageFailed: the store is full"


@pytest.fixture
def silent_port():
    """A port that accepts connections and never says anything, as a stopped server does."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield server.getsockname()[1]


def test_a_postgres_that_hangs_costs_a_stage_less_than_two_seconds(settings, silent_port, caplog):
    frozen = partial(Database, replace(settings.postgres, host="127.0.0.1", port=silent_port))
    with caplog.at_level(logging.INFO, logger="bictl"):
        started = time.monotonic()
        with aside(frozen):
            begun = time.monotonic() - started
        whole = time.monotonic() - started
    assert begun < 0.5
    assert whole < 2
    assert "not in the ledger: Postgres did not answer within 1.5 s" in caplog.text


def test_a_postgres_that_hangs_meanwhile_costs_no_more(database, clients):
    with aside(clients.new_database):
        while not ledger.runs(database):
            pass
        blocker = clients.new_database()
        with closing(blocker), blocker.transaction():
            blocker.execute("lock table bictl.run in access exclusive mode")
            started = time.monotonic()
            with aside(clients.new_database):
                pass
            assert time.monotonic() - started < 2


@pytest.mark.parametrize("wrong", [{"port": 1}, {"password": Secret("wrong-one")}, {"dbname": "x"}])
def test_a_postgres_that_refuses_is_passed_over_in_silence(settings, wrong, caplog):
    refusing = partial(Database, replace(settings.postgres, **wrong))
    with caplog.at_level(logging.WARNING), aside(refusing):
        pass
    assert caplog.records == []


def test_a_database_without_the_ledger_is_passed_over_in_silence(clients, caplog):
    with caplog.at_level(logging.WARNING), aside(clients.new_database):
        pass
    assert caplog.records == []


def test_a_stage_that_ended_before_the_ledger_was_made_stands_in_it_afterwards(clients, settings):
    run, unwritten = str(uuid.uuid4()), []
    before = datetime.now(UTC)
    aside = partial(Database, settings.postgres)
    with recorded_aside(
        aside, run, command="ingest", arguments={"tables": ["product"]}, unwritten=unwritten
    ) as outcome:
        outcome.result = {"summary": "wrote 1 batch"}
    assert len(unwritten) == 1
    migrate(clients.database, ())
    write_ended(clients.database, unwritten)
    assert unwritten == []
    [row] = ledger.find(clients.database, run)
    assert (row.stage, row.tables, row.state) == ("ingest", ("product",), "ok")
    assert row.summary == "wrote 1 batch"
    assert before <= row.started_at <= row.finished_at <= datetime.now(UTC)
    with recorded_aside(
        aside, run, command="verify", arguments={"tables": ["product"]}, unwritten=unwritten
    ):
        pass
    assert unwritten == []
