"""doctor on the real services: what it finds when all is well, and what it says when it is not."""

import json

import pytest

from bictl.bronze import migrate
from bictl.clients import Clients
from bictl.clients.database import Database
from bictl.doctor import examine
from bictl.doctor.services import connect, kafka, postgres
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


def test_a_role_that_may_only_read_is_told_what_it_cannot_do(ready, settings):
    role = f"reader_{settings.postgres.dbname}"
    ready.database.execute(f"create role {role} login password 'reader-secret'")
    try:
        given = vars(settings.postgres) | {"user": role, "password": Secret("reader-secret")}
        found = rights_of(Postgres(**given), settings)
        assert found.state == "warn"
        assert "schema bictl" in found.detail
        assert f"grant create on database {settings.postgres.dbname} to {role}" in found.hint
    finally:
        ready.database.execute(f"drop role {role}")


def rights_of(given: Postgres, settings):
    import dataclasses

    from bictl.doctor.probe import answers

    with Clients(dataclasses.replace(settings, postgres=given)) as clients:
        return by_place(answers("postgres", postgres(clients)))["postgres", "rights"]


def test_a_lock_that_does_not_outlive_its_transaction_is_found_out(ready, monkeypatch):
    from bictl.doctor.probe import answers

    def try_lock(self: Database, name: str) -> bool:  # what a pooler in transaction mode does
        return bool(self.value("select pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [name]))

    monkeypatch.setattr(Database, "try_lock", try_lock)
    found = by_place(answers("postgres", postgres(ready)))["postgres", "session locks"]
    assert found.state == "fail"
    assert "transaction mode" in found.detail


def test_wrong_passwords_and_services_that_are_down_are_told_apart(settings):
    import dataclasses

    from bictl.doctor.probe import answers

    wrong = dataclasses.replace(
        settings,
        postgres=dataclasses.replace(settings.postgres, password=Secret("S3CR3T-wrong")),
        kafka=dataclasses.replace(settings.kafka, bootstrap_servers="127.0.0.1:1"),
        connect=dataclasses.replace(settings.connect, url="http://127.0.0.1:1"),
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
