"""doctor: what a probe may say, how findings add up, and that a lying store is found out."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from bictl.doctor import Examination, machine
from bictl.doctor.kafka import _headroom, _topic
from bictl.doctor.postgres import _server, _vector
from bictl.doctor.probe import Answer, Finding, Probe, answers
from bictl.errors import AccessDenied, StageFailed, TimedOut
from bictl.ingest.keeping import span
from bictl.ops.clock import skew
from bictl.settings import Embedding, Kafka, Postgres, Secret, Settings, Table


def probes(*looks, door=False):
    yield from (Probe(f"p{number}", look, door) for number, look in enumerate(looks))


def raising(error):
    def look():
        raise error

    return look


def test_what_stands_in_one_probe_does_not_stop_the_next():
    found = list(answers("a", probes(raising(StageFailed("broken")), lambda: Answer("ok", "fine"))))
    assert [(one.state, one.exit_code) for one in found] == [("fail", 1), ("ok", 0)]


def test_behind_a_closed_door_nothing_is_looked_at():
    looks = (raising(AccessDenied("wrong password")), raising(AssertionError()))
    assert [one.detail for one in answers("a", probes(*looks, door=True))] == ["wrong password"]


def test_a_bug_in_a_probe_is_not_taken_for_a_finding():
    with pytest.raises(ZeroDivisionError):
        list(answers("a", probes(lambda: 1 / 0)))


@pytest.mark.parametrize(
    ("looks", "code"),
    [
        ([Answer("ok", ""), Answer("warn", ""), Answer("skipped", "")], 0),
        ([Answer("ok", ""), Answer("unknown", "")], 3),
        ([Answer("unknown", ""), TimedOut("")], 4),
        ([Answer("fail", ""), TimedOut("")], 1),
        ([StageFailed(""), Answer("unknown", "")], 1),
    ],
)
def test_the_worst_finding_is_the_exit_code(looks, code):
    callables = [raising(one) if isinstance(one, Exception) else lambda a=one: a for one in looks]
    found = Examination(findings=tuple(answers("a", probes(*callables))))
    assert found.exit_code == code


def test_the_summary_counts_the_worst_first():
    looks = (lambda: Answer("ok", ""), lambda: Answer("fail", ""), lambda: Answer("ok", ""))
    assert Examination(findings=tuple(answers("a", probes(*looks)))).summary == "1 fail, 2 ok"


@pytest.mark.parametrize(
    ("seconds", "state", "words"),
    [
        (0, "ok", "agrees"),
        (-4, "ok", "agrees"),
        (60, "warn", "60 s ahead of this machine's"),
        (-60, "warn", "60 s behind this machine's"),
        (3600, "fail", "3600 s ahead of"),
    ],
)
def test_a_clock_that_is_apart_is_measured_in_its_direction(seconds, state, words):
    found = skew(lambda: datetime.now(UTC) + timedelta(seconds=seconds))
    assert found.state == state
    assert words in found.detail


def test_a_clock_that_is_rounded_to_seconds_is_not_blamed_for_it():
    found = skew(lambda: datetime.now(UTC) - timedelta(seconds=5.9), resolution=1.0)
    assert found.state == "ok"


def look(generator) -> list[Finding]:
    return list(answers("x", generator))


def with_settings(**sections) -> SimpleNamespace:
    return SimpleNamespace(settings=Settings(**sections))


def test_a_password_that_everybody_knows_fails_without_being_shown():
    clients = with_settings(postgres=Postgres(password=Secret("analytics")))
    found = look(machine.configuration(clients))[1]
    assert (found.state, found.detail) == (
        "fail",
        "postgres.password: a password that everybody knows",
    )


def test_missing_configuration_is_a_warning_that_names_the_next_command():
    found = look(machine.configuration(with_settings()))[0]
    assert (found.state, found.hint) == ("warn", "bictl config init")


def test_the_packaged_models_files_are_hashed_and_others_are_out_of_scope():
    assert look(machine.model(with_settings()))[0].state == "ok"
    [other] = look(machine.model(with_settings(embedding=Embedding(model="other/model"))))
    assert (other.state, other.exit_code) == ("skipped", 0)


def test_a_damaged_model_file_fails(tmp_path, monkeypatch):
    from bictl.clients import model_files

    for name in model_files.PINNED:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((model_files.folder() / name).read_bytes())
    (tmp_path / "vocab.txt").write_bytes(b"damaged")
    monkeypatch.setattr(model_files, "folder", lambda: tmp_path)
    [found] = look(machine.model(with_settings()))
    assert (found.state, found.exit_code) == ("fail", 1)
    assert "vocab.txt" in found.detail


def test_dbt_and_its_adapter_are_found_with_their_versions():
    found, models = look(machine.dbt(with_settings()))
    assert (found.state, models.state) == ("ok", "ok")
    assert "dbt-core 1." in found.detail
    assert "dbt-postgres 1." in found.detail


def test_a_missing_adapter_is_named_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    [found] = look(machine.dbt(with_settings()))
    assert (found.state, found.hint) == ("fail", "pip install dbt-core")


def test_a_full_disk_and_a_state_directory_that_will_be_made(tmp_path, monkeypatch):
    clients = with_settings(state_dir=tmp_path / "not" / "yet")
    directory, disk = look(machine.machine(clients))
    assert (directory.state, disk.state) == ("ok", "ok")
    assert "will be made" in directory.detail
    for free, state in ((500 << 20, "warn"), (1 << 20, "fail")):
        usage = SimpleNamespace(free=free)
        monkeypatch.setattr("shutil.disk_usage", lambda path, found=usage: found)
        assert look(machine.machine(clients))[1].state == state


def answering(*row) -> SimpleNamespace:
    """A database that gives one row."""
    return SimpleNamespace(rows=lambda query, parameters=(): [row])


@pytest.mark.parametrize(
    ("row", "state", "words"),
    [
        (("18.4", 180004, "UTF8", False), "ok", "Postgres 18.4"),
        (("16.0", 160000, "UTF8", False), "ok", "Postgres 16.0"),
        (("15.9", 150009, "UTF8", False), "fail", "Postgres 15.9"),
        (("17.1", 170001, "SQL_ASCII", False), "fail", "SQL_ASCII"),
        (("17.1", 170001, "UTF8", True), "warn", "read only"),
    ],
)
def test_the_server_must_be_new_enough_and_hold_every_text(row, state, words):
    found = _server(answering(*row))
    assert found.state == state
    assert words in found.detail
    assert (found.hint is None) == (state == "ok")


@pytest.mark.parametrize(
    ("installed", "available", "state"),
    [
        ("0.8.5", "0.8.5", "ok"),
        ("0.8.4", "0.8.5", "ok"),
        ("0.10.0", "0.10.0", "ok"),
        (None, "0.8.5", "ok"),
        ("0.8.3", "0.8.5", "warn"),
        ("0.5.1", None, "warn"),
        (None, "0.7.0", "warn"),
        (None, None, "fail"),
    ],
)
def test_pgvector_must_be_there_and_should_be_new_enough(installed, available, state):
    assert _vector(answering(installed, available)).state == state


def test_a_broker_without_topic_ids_is_a_warning_that_says_what_is_lost():
    topic = SimpleNamespace(id=None, partitions=(0,))
    found = _topic(SimpleNamespace(describe=lambda name: topic), "t", [])
    assert found.state == "warn"
    assert "by its last sealed record" in found.detail


@pytest.mark.parametrize(
    ("kept", "age", "state"),
    [(7 * 86400, None, "ok"), (7 * 86400, 86400, "ok"), (7 * 86400, 6 * 86400, "warn"),
     (3600, 3600, "fail")],
)  # fmt: skip
def test_records_that_kafka_will_soon_discard_unread_are_warned_about(kept, age, state):
    found = _headroom(kept, age, "product")
    assert found.state == state
    assert (found.hint is None) == (state == "ok")


def test_a_span_is_told_in_its_largest_unit_of_which_there_are_two():
    assert [span(s) for s in (1, 119, 120, 7200, 7 * 86400)] == [
        "1 s", "119 s", "2 min", "2 h", "7 d",
    ]  # fmt: skip


def test_a_model_that_the_project_does_not_have_fails_with_the_nearest():
    tables = {"product": Table(name="product", topic="t", staging="stg_prodcut")}
    found = look(machine.dbt(with_settings(tables=tables)))[1]
    assert (found.state, found.exit_code) == ("fail", 1)
    assert found.hint.startswith("did you mean 'stg_product'?")


def test_a_file_of_secrets_that_others_may_change_fails(tmp_path):
    kept = tmp_path / "pg.pass"
    kept.write_text("a-S3CR3T")
    for mode, state in ((0o600, "ok"), (0o620, "fail")):
        kept.chmod(mode)
        clients = with_settings(postgres=Postgres(password=Secret(file=str(kept))))
        found = look(machine.configuration(clients))[2]
        assert found.state == state
    assert found.hint == f"chmod go-w {kept}"


def test_a_secret_that_cannot_be_read_fails_with_what_to_do():
    clients = with_settings(postgres=Postgres(password=Secret(command="false")))
    found = look(machine.configuration(clients))[2]
    assert (found.state, found.exit_code) == ("fail", 1)
    assert "'false' failed: it ended with code 1" in found.detail


@pytest.mark.parametrize(
    ("sections", "state"),
    [
        ({}, "ok"),
        ({"kafka": Kafka(bootstrap_servers="kafka.example:9092")}, "warn"),
        ({"kafka": Kafka(bootstrap_servers="k.example:9092", security_protocol="SSL")}, "ok"),
        ({"postgres": Postgres(host="db.example", sslmode="disable")}, "warn"),
        ({"postgres": Postgres(host="db.example")}, "ok"),
    ],
)
def test_what_travels_unencrypted_to_another_machine_is_warned_about(sections, state):
    assert look(machine.configuration(with_settings(**sections)))[3].state == state


def finding(state: str, hint: str | None, *, code: int = 0, what: str = "w") -> Finding:
    return Finding(area="a", what=what, state=state, detail="d", hint=hint, exit_code=code)


def test_what_to_do_begins_with_what_stands_in_the_way_and_says_each_thing_once():
    found = Examination(
        findings=(
            finding("warn", "migrate"),
            finding("fail", "grant", code=1, what="first"),
            finding("fail", "grant", code=1, what="second"),
            finding("unknown", "again", code=3),
            finding("fail", "start it", code=4),
            finding("ok", None),
        )
    )
    assert found.todo == [
        "a, w: start it",
        "a, first; a, second: grant",
        "a, w: again",
        "a, w: migrate",
    ]
    assert Examination(findings=(finding("ok", None), finding("skipped", "x"))).todo == []
