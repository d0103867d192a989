"""The advisory lock of a stage and the ledger of runs, on a real Postgres."""

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from cron_stages import until

from bictl.bronze import migrate
from bictl.clients import Clients
from bictl.clients.database import Database
from bictl.errors import LockHeld, RetentionPassed
from bictl.ops.locks import stage_lock
from bictl.ops.runs import recorded
from bictl.settings import Settings

# Holds the lock of load-bronze, and a row of the ledger, until its stdin closes.
HOLDER = """
import json, sys
from bictl.clients.database import Database
from bictl.ops.locks import stage_lock
from bictl.ops.runs import recorded
from bictl.settings import Postgres, Secret
given = json.loads(sys.argv[1])
given["password"] = Secret(sys.stdin.readline().rstrip("\\n"))
postgres = Postgres(**given)
ledger = Database(postgres, application="the ledger's")
with (
    stage_lock(Database(postgres), "load-bronze", "product", wait=0, command="load-bronze product"),
    recorded(ledger, sys.argv[2], command="load-bronze", arguments={}),
):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def database(clients: Clients) -> Database:
    migrate(clients.database, ())
    return clients.database


@pytest.fixture
def holder(database: Database, settings: Settings):
    given = dict(vars(settings.postgres))
    password = given.pop("password").reveal()
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, json.dumps(given), str(uuid.uuid4())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    process.stdin.write(f"{password or ''}\n")
    process.stdin.flush()
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def lock(clients: Clients, *, stage: str = "load-bronze", table: str = "product", wait: float = 0):
    return stage_lock(clients.new_database(), stage, table, wait=wait, command=f"{stage} {table}")


def test_a_second_run_is_refused_and_told_command_pid_host_and_age(clients, holder):
    with pytest.raises(LockHeld) as caught, lock(clients):
        pass
    assert f"pid {holder.pid} on {socket.gethostname()[:30]}" in caught.value.message
    assert "(load-bronze product, 0 s old)" in caught.value.message


def test_stages_and_tables_do_not_wait_for_each_other(clients, holder):
    with lock(clients, stage="embed"), lock(clients, table="category"):
        pass


def test_a_killed_holder_leaves_the_lock_free(clients, holder):
    holder.send_signal(signal.SIGKILL)
    with lock(clients, wait=20):
        pass


def test_the_lock_can_be_taken_again_after_it_was_given_back(clients, database):
    for _ in range(2):
        with lock(clients):
            pass


def test_a_longest_command_still_names_pid_and_host(clients, database):
    command = "transform " + " ".join(f"table_{n}" for n in range(50))
    with (
        stage_lock(clients.new_database(), "transform", "x", wait=0, command=command),
        pytest.raises(LockHeld) as caught,
        lock(clients, stage="transform", table="x"),
    ):
        pass
    assert f"pid {os.getpid()} on {socket.gethostname()[:30]}" in caught.value.message


def rows(database: Database) -> list[dict]:
    return database.dicts("select * from bictl.run order by id")


def test_a_run_of_several_stages_has_a_row_for_each_with_times_and_outcome(database):
    run = str(uuid.uuid4())
    for command in ("load-bronze", "embed"):
        with recorded(database, run, command=command, arguments={"tables": ["product"]}) as outcome:
            assert rows(database)[-1]["status"] == "running"
            outcome.status, outcome.exit_code, outcome.result = "warn", 3, {"rejects": 2}
    first, second = rows(database)
    assert first["run_id"] == second["run_id"] == run
    assert (second["command"], second["status"], second["exit_code"]) == ("embed", "warn", 3)
    assert second["result"] == {"rejects": 2}
    assert second["arguments"] == {"tables": ["product"]}
    assert second["started_at"] <= second["finished_at"]
    assert (second["host"], second["pid"]) == (socket.gethostname(), os.getpid())


def test_a_failed_run_keeps_its_error_and_code_without_secrets(database):
    with (
        pytest.raises(RetentionPassed),
        recorded(database, str(uuid.uuid4()), command="ingest", arguments={"token": "zzz"}),
    ):
        raise RetentionPassed("0:[5,9) is gone; password=hunter2")
    [row] = rows(database)
    assert (row["status"], row["exit_code"]) == ("fail", 6)
    assert row["error"] == "RetentionPassed: 0:[5,9) is gone; password=***"
    assert row["arguments"] == {"token": "***"}


def test_a_run_that_was_killed_is_recognised_by_the_next_one_and_a_living_one_is_not(
    database, holder, clients
):
    with recorded(database, str(uuid.uuid4()), command="embed", arguments={}):
        assert [row["status"] for row in rows(database)] == ["running", "running"]
    holder.send_signal(signal.SIGKILL)
    with lock(clients, wait=20):  # its connections end, one after the other
        pass
    theirs = "select count(*) from pg_stat_activity where application_name = 'the ledger''s'"
    until(lambda: database.value(theirs) == 0)
    again = str(uuid.uuid4())
    with recorded(database, again, command="embed", arguments={}):
        killed, _, mine = rows(database)
    assert (killed["status"], killed["exit_code"]) == ("killed", None)
    assert killed["error"] == f"found dead by run {again}"
    assert mine["status"] == "running"


def test_a_second_signal_is_recorded_as_killed(database):
    with (
        pytest.raises(KeyboardInterrupt),
        recorded(database, str(uuid.uuid4()), command="embed", arguments={}),
    ):
        raise KeyboardInterrupt
    assert [(row["status"], row["exit_code"]) for row in rows(database)] == [("killed", 130)]


def test_without_its_table_the_ledger_stands_in_the_log_only(clients, caplog):
    with (
        caplog.at_level(logging.INFO, logger="bictl"),
        recorded(clients.database, str(uuid.uuid4()), command="ingest", arguments={}),
    ):
        pass
    assert "the run is not in the ledger" in caplog.text
    assert "ingest ended: ok, exit code 0" in caplog.text


def test_without_postgres_the_ledger_stands_in_the_log_only(caplog, settings):
    with (
        caplog.at_level(logging.INFO, logger="bictl"),
        recorded(None, str(uuid.uuid4()), command="ingest", arguments={}),
    ):
        pass
    assert "ingest started" in caplog.text


def test_the_process_list_never_shows_the_password(holder, settings):
    secret = settings.postgres.password.reveal()
    assert secret
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = process.read_bytes()
        except OSError:  # it has ended
            continue
        assert secret.encode() not in line
