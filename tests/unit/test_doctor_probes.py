"""doctor: what a probe may say, how findings add up, and that a lying store is found out."""

import threading
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from bictl.doctor import Examination, machine, services, storage
from bictl.doctor.clock import skew
from bictl.doctor.probe import Answer, Finding, Probe, answers
from bictl.errors import AccessDenied, NotFound, StageFailed, TimedOut, Unreachable
from bictl.settings import Embedding, Postgres, Secret, Settings

PREFIX = "product/raw/doctor/"


class Store:
    """A bucket in memory; `honest` says whether it keeps If-None-Match under a race."""

    bucket, in_clear = "cord-raw", False

    def __init__(self, *, honest: bool = True, metadata: bool = True, may_delete: bool = True):
        self.objects: dict[str, tuple[bytes, dict[str, str]]] = {}
        self._honest, self._metadata, self._may_delete = honest, metadata, may_delete
        self._lock = threading.Lock()

    def check(self):
        pass

    def clock(self):
        return datetime.now(UTC)

    def put_new(self, key, body, *, metadata):
        with self._lock:
            if key in self.objects and self._honest:
                return False
            self.objects[key] = (body, metadata if self._metadata else {})
            return True

    def get(self, key):
        return self.objects[key]

    def head(self, key):
        if key not in self.objects:
            raise NotFound("object", key)
        return None, {}

    def delete(self, key):
        if not self._may_delete:
            raise AccessDenied("no right to delete")
        self.objects.pop(key, None)


class Full(Store):
    """One that finds every key taken."""

    def put_new(self, key, body, *, metadata):
        return False


class Closed(Store):
    """One that refuses to write."""

    def put_new(self, key, body, *, metadata):
        raise AccessDenied("no right to write", hint="grant s3:PutObject")


class Gone(Store):
    """One that does not answer."""

    def check(self):
        raise Unreachable("no answer", hint="start it")


def look_at(store: Store) -> dict[str, Finding]:
    clients = SimpleNamespace(objects=store, settings=Settings())
    return {found.what: found for found in answers("objects", storage.objects(clients))}


def test_a_store_that_lets_exactly_one_racer_win_is_well_and_left_as_it_was():
    store = Store()
    found = look_at(store)
    assert found["conditional PUT"].detail == "exactly 1 of 8 racing PUTs of one new key succeeded"
    assert {one.state for one in found.values()} == {"ok"}
    assert store.objects == {}


def test_a_store_that_ignores_the_condition_fails_and_says_what_that_means():
    found = look_at(Store(honest=False))["conditional PUT"]
    assert (found.state, found.exit_code) == ("fail", 1)
    assert "8 of 8 racing PUTs" in found.detail
    assert "a batch may be overwritten" in found.detail
    assert found.hint


def test_a_store_that_loses_metadata_fails():
    found = look_at(Store(metadata=False))["conditional PUT"]
    assert found.state == "fail"
    assert "metadata" in found.detail


def test_a_race_without_a_winner_is_unknown_and_never_well():
    found = look_at(Full())["conditional PUT"]
    assert (found.state, found.exit_code) == ("unknown", 3)


def test_credentials_that_may_not_delete_are_told_which_object_stays():
    store = Store(may_delete=False)
    found = look_at(store)["probe object"]
    [key] = store.objects
    assert key.startswith(PREFIX)
    assert found.state == "ok"
    assert f"{key} stays" in found.detail


def test_credentials_that_may_not_write_fail_with_the_clients_words_and_leave_nothing():
    store = Closed(may_delete=False)
    found = look_at(store)
    assert (found["conditional PUT"].detail, found["conditional PUT"].hint) == (
        "no right to write",
        "grant s3:PutObject",
    )
    assert found["probe object"].detail == "none was written"


def test_a_service_that_does_not_answer_is_asked_once():
    found = look_at(Gone())
    assert list(found) == ["bucket"]
    assert (found["bucket"].exit_code, found["bucket"].hint) == (4, "start it")


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
    [found] = look(machine.dbt(with_settings()))
    assert found.state == "ok"
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
    found = services._server(answering(*row))
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
    assert services._vector(answering(installed, available)).state == state


def test_a_broker_without_topic_ids_is_a_warning_that_says_what_is_lost():
    topic = SimpleNamespace(id=None, partitions=(0,))
    found = services._topic(SimpleNamespace(describe=lambda name: topic), "t")
    assert found.state == "warn"
    assert "by its last sealed record" in found.detail
