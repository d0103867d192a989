"""doctor on the real services: what it finds when all is well, and what it says when it is not."""

import json
import os
import signal
import time
from contextlib import contextmanager
from dataclasses import replace

import mistakes
import pytest
from mistakes import Given

from bictl.bronze import migrate
from bictl.clients import Clients
from bictl.clients.database import Database
from bictl.doctor import examine
from bictl.doctor.connect import connect
from bictl.doctor.kafka import kafka
from bictl.doctor.postgres import postgres
from bictl.doctor.probe import answers
from bictl.doctor.storage import race
from bictl.settings import Postgres, Secret


@pytest.fixture
def ready(clients, produce):
    """Everything that a pipeline needs is there."""
    produce(clients.settings.table("product").topic, [(b"1", b"{}", [], 1, 0)])
    migrate(clients.database, clients.settings.tables.values())
    return clients


def by_place(found):
    return {(one.area, one.what): one for one in found}


def test_where_everything_is_there_doctor_finds_nothing_wrong_and_leaves_nothing(ready):
    found = examine(ready)
    assert {one.state for one in found.findings} <= {"ok", "skipped"}, found.findings
    assert found.exit_code == 0
    assert list(ready.objects.list("")) == []
    assert {one.area for one in found.findings} == {
        "configuration", "kafka", "objects", "postgres", "connect", "model", "dbt", "machine",
    }  # fmt: skip


def test_the_real_store_lets_exactly_one_racer_win_every_time(clients):
    for number in range(10):
        assert len(race(clients.objects, f"race-{number}")) == 1


def test_a_missing_topic_and_missing_tables_are_named_with_the_next_command(clients):
    found = by_place(examine(clients).findings)
    topic = clients.settings.table("product").topic
    assert found["kafka", f"topic {topic}"].state == "fail"
    tables = found["postgres", "bictl's tables"]
    assert (tables.state, tables.hint) == ("warn", "bictl migrate")


@pytest.fixture
def role(ready, settings, stack, tmp_path):
    """A role that may connect and nothing else."""
    given = Given(settings, tmp_path, stack)
    yield given.role("reader-secret")
    given.drop_roles()


def as_role(settings, role: str) -> Postgres:
    return replace(settings.postgres, user=role, password=Secret("reader-secret"))


def test_each_right_that_a_stage_needs_is_named_with_its_grant(ready, settings, role):
    found = rights_of(as_role(settings, role), settings)
    assert found.state == "fail"
    assert found.detail == (
        f"{role} may not run migrate, load-bronze, search: it lacks "
        f"create on database {settings.postgres.dbname}, create, usage on schema bictl, "
        "select, insert, update on all tables in schema bictl, usage on schema bronze, "
        "select, insert on bronze.product_cdc, usage on schema analytics_features"
    )
    assert f"grant select, insert, update on all tables in schema bictl to {role}; " in found.hint


def test_who_may_only_look_can_search_and_is_told_what_else_it_cannot_do(ready, settings, role):
    for schema in ("bictl", "bronze", "analytics_features"):
        ready.database.execute(f"grant usage on schema {schema} to {role}")
        ready.database.execute(f"grant select on all tables in schema {schema} to {role}")
    found = rights_of(as_role(settings, role), settings)
    assert found.state == "warn"
    assert "may not run migrate, load-bronze: " in found.detail


def test_the_grants_that_doctor_names_are_the_ones_that_were_missing(ready, settings, role):
    hint = rights_of(as_role(settings, role), settings).hint
    for grant in hint.partition(": ")[2].split("; "):
        ready.database.execute(grant)
    assert rights_of(as_role(settings, role), settings).state == "ok"


def rights_of(given: Postgres, settings):
    with Clients(replace(settings, postgres=given)) as clients:
        return by_place(answers("postgres", postgres(clients)))["postgres", "rights"]


def test_a_lock_that_does_not_outlive_its_transaction_is_found_out(ready, monkeypatch):
    def try_lock(self: Database, name: str) -> bool:  # what a pooler in transaction mode does
        return bool(self.value("select pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [name]))

    monkeypatch.setattr(Database, "try_lock", try_lock)
    found = by_place(answers("postgres", postgres(ready)))["postgres", "session locks"]
    assert found.state == "fail"
    assert "transaction mode" in found.detail


def test_wrong_passwords_and_services_that_are_down_are_told_apart(settings):
    wrong = replace(
        settings,
        postgres=replace(settings.postgres, password=Secret("S3CR3T-wrong")),
        kafka=replace(settings.kafka, bootstrap_servers="127.0.0.1:1"),
        connect=replace(settings.connect, url="http://127.0.0.1:1"),
    )
    with Clients(wrong, timeout=2) as clients:
        [password] = answers("postgres", postgres(clients))
        [brokers] = answers("kafka", kafka(clients))
        [worker] = answers("connect", connect(clients))
    assert (password.state, password.exit_code) == ("fail", 1)
    assert "S3CR3T" not in f"{password.detail}{password.hint}"
    assert (brokers.state, brokers.exit_code) == ("fail", 4)
    assert (worker.state, worker.exit_code) == ("fail", 4)


def test_the_command_shows_rows_advice_and_the_exit_code(cli, ready):
    done = cli("doctor", "--json")
    document = json.loads(done.stdout)
    assert (done.exit_code, document["exit_code"]) == (0, 0)
    assert document["schema"] == "bictl.doctor/1"
    assert {"area", "what", "state", "detail", "hint"} == set(document["findings"][0])
    assert done.stderr.startswith("doctor: ")


def test_the_quiet_command_is_silent_when_all_is_well_and_says_the_failures_else(cli, ready):
    done = cli("-q", "doctor")
    assert (done.stdout, done.stderr, done.exit_code) == ("", "", 0)
    done = cli("-q", "doctor", env={"BICTL_S3_BUCKET": "no-such-bucket"})
    assert done.stdout == ""
    assert done.stderr.startswith("error: objects, bucket: unknown bucket 'no-such-bucket'")
    assert done.exit_code == 1


def test_it_ends_with_what_to_do_the_most_important_first(cli, ready):
    done = cli("doctor", env={"BICTL_POSTGRES_PORT": "1"})
    assert done.exit_code == 4
    told = done.stderr.splitlines()
    assert told[0].startswith("doctor: 1 fail, ")
    assert told[1] == "what to do:"
    assert told[2].startswith(" 1. postgres, server: ")


def test_where_all_is_well_it_says_that_nothing_is_to_be_done(cli, ready):
    done = cli("doctor")
    assert done.exit_code == 0
    assert done.stderr.splitlines()[-1] == "nothing is to be done"


def test_with_q_one_failure_is_told_and_how_many_more_there_are(cli, ready):
    env = {"BICTL_POSTGRES_PORT": "1", "BICTL_S3_BUCKET": "no-such-bucket"}
    done = cli("-q", "doctor", env=env)
    error, hint = done.stderr.splitlines()
    assert error.startswith("error: postgres, server: ")
    assert error.endswith(" (and 1 more: bictl doctor)")
    assert hint.startswith("hint: ")
    assert (done.stdout, done.exit_code) == ("", 1)


@pytest.mark.parametrize("service", ["postgres", "s3", "kafka"])
def test_a_frozen_service_is_told_in_time_and_the_others_are_examined(
    cli, ready, fragile_stack, service
):
    [pid] = [one.pid for one in fragile_stack.status() if one.name == service]
    children = [int(word) for word in os.popen(f"pgrep -P {pid}").read().split()]
    area = {"s3": "objects"}.get(service, service)
    for one in (pid, *children):
        os.kill(one, signal.SIGSTOP)
    started = time.monotonic()
    try:
        done = cli("--timeout", "4", "doctor", "--json", timeout=60)
    finally:
        for one in (pid, *children):
            os.kill(one, signal.SIGCONT)
    assert time.monotonic() - started < 30
    found = json.loads(done.stdout)["findings"]
    last = [one for one in found if one["area"] == area][-1]
    assert last["state"] == "fail"
    assert {one["area"] for one in found} >= {"kafka", "objects", "postgres", "dbt", "machine"}
    assert done.exit_code in (1, 4)


def test_a_broker_whose_answer_about_ends_is_too_low_is_found_out(ready, settings, produce):
    topic = settings.table("product").topic
    produce(topic, [(b"1", b"{}", [], 1, 0) for _ in range(50)])
    asked = replace(settings, kafka=replace(settings.kafka, end_offsets="list"))
    with Clients(asked) as clients:
        found = by_place(answers("kafka", kafka(clients)))["kafka", f"ends of {topic}"]
    assert (found.state, found.hint) == ("fail", 'set kafka.end_offsets = "fetch"')


def pgvector_of(given: Given, made):
    with contextmanager(made)(given), Clients(given.settings) as clients:
        return by_place(answers("postgres", postgres(clients)))["postgres", "pgvector"]


def test_an_old_pgvector_is_told(settings, stack, tmp_path):
    found = pgvector_of(Given(settings, tmp_path, stack), mistakes.a_server_with_an_old_pgvector)
    assert found.state == "warn"
    assert found.detail == "version 0.7.4, older than 0.8.4"


def test_a_server_without_pgvector_is_told(settings, stack, tmp_path):
    found = pgvector_of(Given(settings, tmp_path, stack), mistakes.a_server_without_pgvector)
    assert (found.state, found.detail) == ("fail", "the server does not have it")


def test_the_servers_own_disk_is_seen_where_the_role_may_know_the_place(ready, settings, stack):
    given = Given(settings, stack.state_dir, stack)
    given.superuser(f"grant pg_read_all_settings to {settings.postgres.user}")
    try:
        with Clients(settings) as clients:
            found = by_place(answers("postgres", postgres(clients)))["postgres", "disk"]
    finally:
        given.superuser(f"revoke pg_read_all_settings from {settings.postgres.user}")
    assert found.state in ("ok", "warn")
    assert "GB free beside /" in found.detail
