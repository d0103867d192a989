"""Checks side by side: in the order of their layer, and none keeps the others."""

import threading
from types import SimpleNamespace

import pytest
from evidence import TABLE

from bictl.verify.frame import Definition
from bictl.verify.lanes import Lanes
from bictl.verify.report import State, passed


def world(**more):
    given = {"table": TABLE, "may_be_empty": False, "cut_words": "", "cancel": lambda: None}
    return SimpleNamespace(**{**given, **more})


def lanes(definitions, *, stop=lambda: False, **more):
    """The checks, and whether every lane has ended."""
    of = world(**more)
    found = Lanes(definitions, of, stop=stop, on_progress=lambda _: None).run()
    return found, not of.abandoned


def definition(name, judge=lambda _: passed(1), **fields):
    return Definition(name, f"check {name}", "b", judge, grows="not at all", **fields)


def test_the_layers_run_beside_each_other_and_are_told_in_flow_order():
    meet = threading.Barrier(2)  # breaks unless both are at work at once

    def waits(_):
        meet.wait(30)
        return passed(1)

    found, ended = lanes([definition("K1", waits), definition("B1", waits), definition("K2")])
    assert [(check.id, check.state) for check in found] == [
        ("K1", State.OK), ("B1", State.OK), ("K2", State.OK),
    ]  # fmt: skip
    assert ended


def test_a_long_check_keeps_no_other_of_its_layer():
    goes_on = threading.Event()
    found, _ = lanes(
        [
            definition("K1", lambda _: passed(goes_on.wait(30)), is_long=True),
            definition("K2", lambda _: passed(goes_on.set() is None)),
        ]
    )
    assert [check.state for check in found] == [State.OK, State.OK]


def test_a_probe_that_never_ends_is_left_behind_and_everything_else_is_told():
    hangs, asked = threading.Event(), threading.Event()
    done = threading.Event()
    found, ended = lanes(
        [
            definition("K1", lambda _: passed(hangs.wait())),
            definition("K2"),
            definition("B1", lambda _: passed(done.set() is None)),
        ],
        stop=done.is_set,
        cancel=asked.set,
    )
    assert [check.state for check in found] == [State.UNKNOWN, State.UNKNOWN, State.OK]
    assert (ended, asked.is_set()) == (False, True)
    hangs.set()


def test_what_begins_after_it_was_asked_to_end_is_asked_once_more():
    """A statement that was not sent yet when the server was asked to give up."""
    done, asked, ended_by = threading.Event(), [], threading.Event()

    def cancel():
        asked.append(1)
        if len(asked) == 2:
            ended_by.set()

    found, ended = lanes(
        [
            definition("K1", lambda _: passed(ended_by.wait(30))),
            definition("B1", lambda _: passed(done.set() is None)),
        ],
        stop=done.is_set,
        cancel=cancel,
    )
    assert (ended, len(asked)) == (True, 2)
    assert [check.id for check in found] == ["K1", "B1"]


def test_a_bug_in_one_lane_ends_the_run():
    def broken(_):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        lanes([definition("K1", broken), definition("B1")])


def test_progress_names_the_check_that_is_at_work_for_longest():
    goes_on, told = threading.Event(), []

    def first(_):
        begun.set()
        return passed(goes_on.wait(30))

    def last(_):
        goes_on.set()
        return passed(1)

    begun = threading.Event()
    checks = [
        definition("K1", first),
        definition("B1", lambda _: passed(begun.wait(30))),
        definition("B2", last),
    ]
    Lanes(checks, world(), stop=lambda: False, on_progress=told.append).run()
    during = [step.note for step in told if step.done == 1]
    assert during
    assert set(during) == {"K1 check K1"}
