"""Changes to a connector on the rare answers of a worker: late, stale, passing, none at all."""

import time

import pytest
from connect_replay import saved

from bictl import cdc
from bictl.cdc import change as machinery
from bictl.clients.connect import ConnectWorker
from bictl.errors import NotFound, StageFailed, TimedOut, UsageError
from bictl.settings import Connect

NAME = "pg-product"
PATH = f"/connectors/{NAME}"
RESTART = f"POST {PATH}/restart?includeTasks=true&onlyFailed="
OLD_TRACE = "a.B: x\nCaused by: c.D: why it was down"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(machinery, "HOLD", 0.3)
    for verb in (cdc.RESUME, cdc.RESTART_FAILED, cdc.RESTART_ALL):
        monkeypatch.setitem(vars(verb), "hold", 0.3)
    monkeypatch.setattr("bictl.cdc.patience.PAUSE", 0.02)


def look(state: str = "RUNNING", *tasks: str, trace: str = OLD_TRACE) -> dict:
    return saved("status_running")["body"] | {
        "connector": {"state": state, "worker_id": "w"},
        "tasks": [
            {"id": number, "state": one, "worker_id": "w"}
            | ({"trace": trace} if one == "FAILED" else {})
            for number, one in enumerate(tasks)
        ],
    }


@pytest.fixture
def there(replay):
    """`there(first, *later)`: the statuses that the worker gives, one after the other."""

    def tell(*looks: dict) -> None:
        replay.say("/connectors", 200, [NAME])
        replay.say("/", 200, saved("root")["body"])
        replay.say(PATH, 200, saved("connector_info")["body"])
        for one in looks:
            replay.say(f"{PATH}/status", 200, one)

    return tell


def carry(worker, verb, seconds: float = 3.0, stop=lambda: False):
    wanted = cdc.prepare(worker, NAME, verb)
    patience = cdc.Patience(until=time.monotonic() + seconds, stop=stop)
    return cdc.carry_out(worker, wanted, patience=patience)


def test_a_change_is_done_when_it_was_seen(replay, worker, there):
    running = look("RUNNING", "RUNNING")
    there(running, running, look("PAUSED", "RUNNING"), look("PAUSED", "PAUSED"))
    replay.say(f"PUT {PATH}/pause", 202, {})
    done = carry(worker, cdc.PAUSE)
    assert (done.changed, done.was) == (True, "RUNNING, 1 task RUNNING")
    assert done.now == "PAUSED, 1 task PAUSED"


def test_what_is_so_already_is_not_asked_for(replay, worker, there):
    there(look("PAUSED", "PAUSED"))
    done = carry(worker, cdc.PAUSE)
    assert (done.changed, replay.sent) == (False, [])
    assert done.summary.startswith("nothing to do")


def test_the_failure_of_before_is_waited_out_after_a_restart(replay, worker, there):
    failed, runs = look("RUNNING", "FAILED"), look("RUNNING", "RUNNING")
    there(failed, failed, failed, look("RUNNING", "RESTARTING"), runs)
    replay.say(f"{RESTART}true", 202, {})
    assert carry(worker, cdc.RESTART_FAILED).now == "RUNNING, 1 task RUNNING"


def test_a_task_that_runs_for_a_moment_and_fails_again_is_a_failure(replay, worker, there):
    failed, runs = look("RUNNING", "FAILED"), look("RUNNING", "RUNNING")
    there(failed, failed, look("RUNNING", "RESTARTING"), runs, runs, failed)
    replay.say(f"{RESTART}true", 202, {})
    with pytest.raises(StageFailed, match=r"c\.D: why it was down") as caught:
        carry(worker, cdc.RESTART_FAILED)
    assert f"bictl cdc restart {NAME}" in caught.value.hint


def test_a_change_without_an_answer_is_read_back_and_not_repeated(replay, there):
    worker = ConnectWorker(Connect(url=replay.url), timeout=0.3)
    there(look("RUNNING", "RUNNING"), look("PAUSED", "PAUSED"))
    replay.hang(f"PUT {PATH}/pause")
    done = carry(worker, cdc.PAUSE)
    assert done.summary.endswith("the worker had not answered")
    assert len(replay.sent) == 1


def test_a_change_that_is_not_seen_says_what_is_there(replay, worker, there):
    there(look("RUNNING", "RUNNING"))
    replay.say(f"PUT {PATH}/pause", 202, {})
    with pytest.raises(TimedOut, match="not seen in time: RUNNING, 1 task RUNNING") as caught:
        carry(worker, cdc.PAUSE, 0.3)
    assert caught.value.hint.endswith(f"bictl cdc status {NAME}")


def test_a_signal_ends_the_wait_and_the_summary_says_that_it_was_asked_for(replay, worker, there):
    there(look("RUNNING", "RUNNING"))
    replay.say(f"PUT {PATH}/pause", 202, {})
    done = carry(worker, cdc.PAUSE, stop=lambda: True)
    assert done.summary == f"asked to pause {NAME}, not seen yet: RUNNING, 1 task RUNNING"


def test_a_rebalance_delays_a_change(replay, worker, there):
    there(look("RUNNING", "RUNNING"), look("PAUSED", "PAUSED"))
    replay.say(f"PUT {PATH}/pause", 409, {"error_code": 409, "message": "rebalance"})
    replay.say(f"PUT {PATH}/pause", 202, {})
    assert carry(worker, cdc.PAUSE).changed
    assert len(replay.sent) == 2


@pytest.mark.parametrize("verb", [cdc.PAUSE, cdc.DELETE])
def test_what_another_operator_deleted_meanwhile_is_gone(replay, worker, there, verb):
    there(look("RUNNING", "RUNNING"))
    wanted = cdc.prepare(worker, NAME, verb)
    missing = {"error_code": 404, "message": "Connector pg-product not found"}
    replay.answers.clear()
    replay.say("/connectors", 200, [])
    for path in (f"PUT {PATH}/pause", f"DELETE {PATH}", PATH):
        replay.say(path, 404, missing)
    patience = cdc.Patience(until=time.monotonic() + 3)
    if verb is cdc.DELETE:
        assert cdc.carry_out(worker, wanted, patience=patience).now == "it is not there"
    else:
        with pytest.raises(StageFailed, match="somebody deleted it"):
            cdc.carry_out(worker, wanted, patience=patience)


def test_an_unknown_connector_lists_those_that_are(worker, there):
    there(look())
    with pytest.raises(NotFound, match="unknown connector 'pg-prodct'") as caught:
        cdc.prepare(worker, "pg-prodct", cdc.PAUSE)
    assert NAME in caught.value.hint


@pytest.mark.parametrize(
    ("said", "means"),
    [
        ("3.9.1", (3, 9)),
        ("3.6.0-SNAPSHOT", (3, 6)),
        ("7.5.1-ccs", (3, 5)),
        ("7.6.0-ce", (3, 6)),
        ("8.0.0-ccs", (4, 0)),
        ("4.1.0", (4, 1)),
        ("unknown", None),
    ],
)
def test_versions_of_workers_are_kafkas(said, means):
    assert cdc.kafka_version(said) == means


@pytest.mark.parametrize(
    ("version", "does"),
    [
        ("3.4.1", lambda worker: cdc.prepare(worker, NAME, cdc.STOP)),
        ("7.5.1-ccs", lambda worker: cdc.plan_reset(worker, NAME)),
    ],
)
def test_a_worker_that_is_too_old_is_not_asked(replay, worker, version, does):
    replay.say("/", 200, {"version": version, "commit": "c", "kafka_cluster_id": "k"})
    with pytest.raises(UsageError, match=f"the worker at .* is {version}"):
        does(worker)
    assert replay.sent == []


def test_offsets_are_reset_only_while_the_connector_is_stopped(replay, worker, there):
    there(look("PAUSED", "PAUSED"))
    replay.give("offsets_streaming")
    with pytest.raises(UsageError, match="only while a connector is stopped") as caught:
        cdc.plan_reset(worker, NAME)
    assert caught.value.hint.startswith(f"bictl cdc stop {NAME}")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a b", "bictl cdc stop 'a b'"),
        ("-x", "bictl cdc stop -- -x"),
        ("a'; rm", """bictl cdc stop 'a'"'"'; rm'"""),
    ],
)
def test_a_hint_can_be_pasted_whatever_the_name(name, words):
    from bictl.cdc.words import command

    assert command("stop", name) == words
