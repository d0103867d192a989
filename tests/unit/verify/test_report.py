from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bictl.records import Range
from bictl.verify.checks import CHECKS
from bictl.verify.report import (
    NOTHING,
    Boundary,
    Check,
    Kind,
    Report,
    State,
    Tally,
    exit_code,
    of_keys,
    of_ranges,
    percent,
    worst,
)

states = st.sampled_from(State)


def check(state, *, kind=Kind.FAILED, evaluated=1, unreachable=False):
    return Check(
        id="X1",
        title="",
        boundary="a → b",
        state=state,
        kind=kind,
        evaluated=evaluated,
        unreachable=unreachable,
    )


@given(st.integers(0, 10**12), st.integers(1, 10**12))
def test_a_percentage_never_says_more_than_the_integers(part, whole):
    part = min(part, whole)
    shown = percent(part, whole)
    assert (shown == "100.00") == (part == whole)
    assert float(shown) <= 100 * part / whole + 1e-9


def test_115_of_61443_is_0_18_percent():
    assert percent(115, 61443) == "0.18"


def test_all_but_one_of_many_is_not_a_hundred():
    assert percent(10**9 - 1, 10**9) == "99.99"


def test_nothing_expected_is_no_percentage_of_a_hundred():
    assert percent(0, 0) == "0.00"


@given(st.lists(states))
def test_unknown_never_rolls_up_to_better_than_unknown(found):
    rolled = worst(found)
    if State.FAIL in found:
        assert rolled is State.FAIL
    elif State.UNKNOWN in found or not found:
        assert rolled is State.UNKNOWN
    else:
        assert rolled in (State.OK, State.WARN)


@pytest.mark.parametrize(
    ("checks", "code"),
    [
        ([check(State.FAIL, kind=Kind.LOSS), check(State.FAIL), check(State.UNKNOWN)], 6),
        ([check(State.FAIL), check(State.UNKNOWN, evaluated=0, unreachable=True)], 1),
        ([check(State.UNKNOWN, evaluated=0, unreachable=True)] * 2, 4),
        ([check(State.UNKNOWN, evaluated=0, unreachable=True), check(State.OK)], 3),
        ([check(State.UNKNOWN, evaluated=0)], 3),
        ([check(State.WARN), check(State.OK)], 0),
        ([check(State.OK)], 0),
    ],
)
def test_exit_codes_are_loss_failure_unreachable_unknown_fine(checks, code):
    assert exit_code(checks, worst(item.state for item in checks)) == code


@given(st.lists(st.tuples(states, st.sampled_from(Kind), st.integers(0, 1)), min_size=1))
def test_only_a_report_without_failure_and_unknown_exits_0(found):
    checks = [check(state, kind=kind, evaluated=count) for state, kind, count in found]
    code = exit_code(checks, worst(item.state for item in checks))
    fine = all(item.state in (State.OK, State.WARN) for item in checks)
    assert (code == 0) == fine


def report(boundaries, *, state=State.OK, level="default", partial=False):
    return Report(
        table="product",
        topic="t",
        level=level,
        run="",
        started=datetime(2024, 5, 14, 12, tzinfo=UTC),
        seconds=0.0,
        cut=("0:10",),
        scope=(),
        unverified=("source",),
        boundaries=tuple(boundaries),
        checks=(check(state),),
        state=state,
        partial=partial,
    )


def boundary(tally, state=State.OK):
    return Boundary(upstream="a", downstream="b", verb="carried", state=state, tally=tally)


WHOLE = Tally(expected=10, accounted=10)


def test_complete_means_equal_integers_on_every_boundary():
    assert report([boundary(WHOLE)]).complete
    assert report([boundary(WHOLE)], state=State.WARN).complete
    assert not report([boundary(WHOLE), boundary(Tally(expected=10, accounted=9))]).complete
    assert not report([boundary(Tally(expected=9, accounted=9, extra=of_keys(["7"])))]).complete
    assert not report([boundary(Tally(expected=10, accounted=9, in_flight=1))]).complete
    assert not report([boundary(Tally(expected=10, accounted=10, leaving=1))]).complete
    assert not report([boundary(None)]).complete
    assert not report([]).complete


def test_a_quick_or_partial_look_is_never_complete():
    assert not report([boundary(WHOLE)], level="quick").complete
    assert not report([boundary(WHOLE)], partial=True).complete


@pytest.mark.parametrize("state", [State.FAIL, State.UNKNOWN])
def test_a_failure_or_an_unknown_is_never_complete(state):
    assert not report([boundary(WHOLE)], state=state).complete


def test_samples_are_capped_and_totals_are_whole():
    many = of_ranges([Range(0, 2 * n, 2 * n + 1) for n in range(500)])
    assert (len(many.ranges), many.total) == (100, 500)
    keys = of_keys([str(n) for n in range(500)])
    assert (len(keys.keys), keys.total) == (100, 500)
    assert str(keys) == "0, 1, 2, 3, 4 and 495 more"
    assert not NOTHING


def test_a_key_of_a_megabyte_does_not_fill_the_sentence():
    sample = of_keys(["x" * 1_000_000, "7"])
    assert str(sample) == f"{'x' * 256}…, 7"
    assert len(sample.keys[0]) == 1_000_000


def test_each_check_has_an_id_of_its_own():
    names = [check.id for check in CHECKS]
    assert len(set(names)) == len(names)
