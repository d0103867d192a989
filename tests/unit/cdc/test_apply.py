"""Applying a connector: nothing is put twice, and an old status is not taken for a new one."""

import sys
import time
from dataclasses import replace

import pytest
from connect_replay import saved

from bictl.cdc import ConnectorFile, Patience, apply, consequences, plan
from bictl.cdc.known_keys import POSTGRES
from bictl.errors import StageFailed, TimedOut

NAME = "pg-product"
OLD = {"connector.class": POSTGRES, "tasks.max": "1", "topic.prefix": "cord", "slot.name": "s"}
NEW = {**OLD, "max.batch.size": "512", "database.password": "planted-1"}
PATH = f"/connectors/{NAME}"
DRAFT = ConnectorFile(NAME, NEW, "c.json")
TRACE = "E: old\n\tat x\nCaused by: Y: why"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """States are believed sooner: the order of what is seen is the same."""
    monkeypatch.setattr(sys.modules["bictl.cdc.apply"], "CALM", 0.5)
    monkeypatch.setattr(sys.modules["bictl.cdc.apply"], "_LONELY", 0.5)


@pytest.fixture
def told(replay):
    """`told(path, *bodies)`: the worker gives these answers, one after the other."""

    def tell(path: str, *bodies: object) -> None:
        for body in bodies:
            replay.say(path, *(body if isinstance(body, tuple) else (200, body)))

    return tell


def status(state="RUNNING", *tasks: str, trace=TRACE) -> dict:
    return {
        "name": NAME,
        "connector": {"state": state, "worker_id": "w"},
        "tasks": [
            {"id": number, "state": task, "worker_id": "w"}
            | ({"trace": trace} if task == "FAILED" else {})
            for number, task in enumerate(tasks)
        ],
        "type": "source",
    }


def tasks(config: dict) -> list:
    return [{"id": {"connector": NAME, "task": 0}, "config": {**config, "task.class": "T"}}]


def there(told, before: dict, *after: dict) -> None:
    """The connector has the old configuration, then the new one; its states follow each other."""
    told(PATH, {"name": NAME, "config": {**OLD, "name": NAME}, "tasks": [], "type": "source"})
    told(f"{PATH}/config", {**OLD, "name": NAME}, {**NEW, "name": NAME})
    told(f"{PATH}/status", before, *after)
    told(f"PUT {PATH}/config", {"name": NAME})


def carry_out(worker, seconds: float = 5.0):
    planned = plan(worker, DRAFT)
    return apply(worker, DRAFT, planned, patience=Patience(until=time.monotonic() + seconds))


def test_the_plan_shows_what_differs_and_no_secret(worker, told):
    there(told, status("RUNNING", "RUNNING"))
    planned = plan(worker, DRAFT)
    assert planned.rows == [
        {"change": "added", "key": "database.password", "old": None, "new": "***"},
        {"change": "added", "key": "max.batch.size", "old": None, "new": "512"},
    ]
    assert planned.summary == "change 2 keys of pg-product"
    assert "planted-1" not in repr(planned)


def test_a_new_connector_is_all_new(worker, replay, told):
    replay.give("missing_status", path=PATH)
    told("/connectors", [])
    planned = plan(worker, DRAFT)
    assert (planned.before, planned.summary) == (None, "create pg-product")
    assert {one.key for one in planned.changes} == set(NEW)


def test_nothing_is_put_where_nothing_differs(worker, replay, told):
    told(PATH, {"name": NAME, "config": OLD, "tasks": [], "type": "source"})
    told(f"{PATH}/config", {**NEW, "name": NAME})
    told(f"{PATH}/status", status("RUNNING", "FAILED"))
    told(f"{PATH}/tasks", tasks(NEW))
    done = carry_out(worker)
    assert replay.sent == []
    assert (done.changed, done.exit_code) == (False, 1)
    assert done.summary == (
        "nothing to do: pg-product has this configuration; RUNNING, 1 task FAILED"
    )
    assert done.reason == "E: old — 1 of 1 tasks FAILED: Y: why"


@pytest.mark.parametrize(
    ("later", "code"), [(status("RUNNING", "RUNNING"), 0), (status("RUNNING"), 1)]
)
def test_what_somebody_else_has_just_put_gets_its_time_to_have_tasks(
    worker, replay, told, later, code
):
    told(PATH, {"name": NAME, "config": OLD, "tasks": [], "type": "source"})
    told(f"{PATH}/config", {**NEW, "name": NAME})
    told(f"{PATH}/status", status("RUNNING"), status("RUNNING"), later)
    told(f"{PATH}/tasks", tasks(NEW))
    done = carry_out(worker)
    assert replay.sent == []
    assert (done.changed, done.settled, done.exit_code) == (False, True, code)


def test_the_trace_of_before_is_waited_out(worker, replay, told):
    failed, right = status("RUNNING", "FAILED"), status("RUNNING", "RUNNING")
    there(told, failed, failed, status("UNASSIGNED", "FAILED"), right)
    told(f"{PATH}/tasks", tasks(NEW))
    done = carry_out(worker)
    assert (done.exit_code, done.state, done.tasks) == (0, "RUNNING", ("RUNNING",))
    assert replay.sent == [(f"PUT {PATH}/config", NEW)]


def test_the_trace_of_before_that_stays_is_the_new_one_too(worker, told):
    there(told, status("RUNNING", "FAILED"))
    told(f"{PATH}/tasks", tasks(NEW))
    done = carry_out(worker)
    assert (done.exit_code, done.settled) == (1, True)


def test_another_trace_is_believed_at_once(worker, told, monkeypatch):
    monkeypatch.setattr(sys.modules["bictl.cdc.apply"], "CALM", 10.0)
    there(told, status("RUNNING", "FAILED"), status("RUNNING", "FAILED", trace="F: new"))
    told(f"{PATH}/tasks", tasks(NEW))
    started = time.monotonic()
    assert carry_out(worker).reason == "1 of 1 tasks FAILED: F: new"
    assert time.monotonic() - started < 5


def test_a_task_that_runs_with_the_old_configuration_does_not_count(worker, told):
    there(told, status("RUNNING", "RUNNING"))
    told(f"{PATH}/tasks", tasks(OLD))
    done = carry_out(worker, seconds=1.5)
    assert (done.exit_code, done.settled) == (4, False)
    assert done.reason == "its tasks run, and do not have the new configuration yet"


def test_a_short_run_before_the_failure_is_no_success(worker, told):
    right, failed = status("RUNNING", "RUNNING"), status("RUNNING", "FAILED")
    there(told, right, right, failed)
    told(f"{PATH}/tasks", tasks(NEW))
    assert carry_out(worker).exit_code == 1


def test_a_connector_without_a_task_is_not_well(worker, told):
    there(told, status("RUNNING"))
    done = carry_out(worker)
    assert (done.exit_code, done.reason) == (1, "RUNNING without a task: nothing is captured")


def test_a_paused_connector_is_changed_and_stays_paused(worker, told):
    there(told, status("PAUSED", "PAUSED"))
    told(f"{PATH}/tasks", tasks(OLD))
    done = carry_out(worker)
    assert (done.exit_code, done.state) == (3, "PAUSED")


def test_a_put_without_an_answer_is_read_back_and_not_repeated(worker, replay, told):
    there(told, status("RUNNING", "RUNNING"))
    told(f"{PATH}/tasks", tasks(NEW))
    replay.answers[f"PUT {PATH}/config"] = [None]
    assert carry_out(worker).exit_code == 0
    assert len(replay.sent) == 1


def test_a_put_that_was_not_made_says_so(worker, replay, told):
    there(told, status("RUNNING", "RUNNING"))
    replay.answers[f"{PATH}/config"] = replay.answers[f"{PATH}/config"][:1]
    replay.answers[f"PUT {PATH}/config"] = [None]
    with pytest.raises(TimedOut, match="pg-product does not have the new configuration yet") as one:
        carry_out(worker)
    assert "then run it again" in (one.value.hint or "")
    assert len(replay.sent) == 1


def test_a_put_that_cannot_be_read_back_is_not_known(worker, replay, told):
    there(told, status("RUNNING", "RUNNING"))
    planned = plan(worker, DRAFT)
    replay.answers[f"PUT {PATH}/config"] = [None]
    replay.answers[f"{PATH}/config"] = [None]
    with pytest.raises(TimedOut, match="whether the change was made could not be read back"):
        apply(worker, DRAFT, planned, patience=Patience(until=time.monotonic() + 5))


def test_what_somebody_else_put_meanwhile_is_said(worker, told):
    there(told, status("RUNNING", "RUNNING"))
    told(f"{PATH}/tasks", tasks(NEW))
    planned = plan(worker, DRAFT)
    other = ConnectorFile(NAME, {**NEW, "max.batch.size": "7"}, "c.json")
    with pytest.raises(StageFailed, match="somebody else changed pg-product meanwhile"):
        apply(worker, other, planned, patience=Patience(until=time.monotonic() + 1))


def test_a_rebalance_is_waited_for(worker, replay, told):
    there(told, status("RUNNING", "RUNNING"))
    told(f"{PATH}/tasks", tasks(NEW))
    replay.answers[f"PUT {PATH}/config"].insert(
        0, (409, "application/json", b'{"error_code":409,"message":"rebalance"}')
    )
    assert carry_out(worker).exit_code == 0
    assert len(replay.sent) == 2


def test_a_put_that_the_worker_refuses_is_an_error_of_its_own(worker, replay, told):
    there(told, status("RUNNING", "RUNNING"))
    answer = saved("put_name_mismatch")
    replay.answers.pop(f"PUT {PATH}/config")
    told(f"PUT {PATH}/config", (answer["status"], answer["body"]))
    with pytest.raises(StageFailed, match="answered 400"):
        carry_out(worker)


def test_what_a_change_brings_is_said_for_what_is_there_only(worker, told):
    there(told, status("RUNNING", "RUNNING"))
    wanted = ConnectorFile(NAME, {**OLD, "topic.prefix": "b", "slot.name": "t"}, "c.json")
    planned = plan(worker, wanted)
    assert set(consequences(planned)) == {"topic.prefix", "slot.name"}
    assert consequences(replace(planned, before=None)) == {}
