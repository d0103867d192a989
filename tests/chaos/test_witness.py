"""The soak's judge: it refutes a verdict that contradicts the truth, and no other."""

import json

import pytest
from cron import Start
from witness import Judged, Look

OLD, YOUNG = (0, 5), (0, 6)
STAMPS = {OLD: (600_000, "1"), YOUNG: (990_000, "2")}  # milliseconds, key
BEGAN, ENDED, MAX_LAG = 1000.0, 1005.0, 300


def looks(**seen) -> list[Look]:
    """What was seen every two seconds, before, during and after."""
    found = {"sealed": {0: 100}, "missing": (), **seen}
    missing = frozenset(found["missing"])
    return [
        Look(at, at + 0.5, found["sealed"], missing, frozenset(), frozenset())
        for at in range(990, 1020, 2)
    ]


def judged(start: Start, *, loaded: dict | None = None, **seen) -> Judged:
    """One start; `loaded` says between which moments a record came into bronze."""
    return Judged([start], looks(**seen), loaded or {}, STAMPS, MAX_LAG)


def red(id: str, *, offset: int | None = None, keys: tuple[str, ...] = ()) -> Start:
    """A verdict that names a record, or keys."""
    ranges = [] if offset is None else [{"partition": 0, "first": offset, "next": offset + 1}]
    check = {
        "id": id,
        "state": "fail",
        "message": "said",
        "missing": {"ranges": ranges, "keys": keys},
        "extra": {"ranges": [], "keys": []},
    }
    return Start("verify --json", BEGAN, ENDED, "", 1, json.dumps({"checks": [check]}))


CALM = Start("verify --json", BEGAN, ENDED, "", 0, "{}")
LOAD = Start("load-bronze", BEGAN, ENDED, "", 0, "")


@pytest.mark.parametrize(
    ("start", "known"),
    [
        (red("B1", offset=5), {"loaded": {OLD: (700.0, 702.0)}}),  # it was there
        (red("B1", offset=6), {}),  # it was young
        (red("K5", offset=5), {}),  # it was sealed
        (red("E1", keys=("1",)), {}),  # it had its vector
        (red("E1", keys=("2",)), {"missing": ("2",), "loaded": {YOUNG: (992.0, 994.0)}}),
        (red("B3", offset=5), {}),  # nothing in a soak explains it
    ],
)
def test_a_red_verdict_that_contradicts_the_truth_is_a_false_alarm(start, known):
    assert len(judged(start, **known).false_alarms()) == 1


@pytest.mark.parametrize(
    ("start", "known"),
    [
        (red("B1", offset=5), {}),
        (red("B1", offset=5), {"loaded": {OLD: (1002.0, 1004.0)}}),  # at its first moments
        (red("K5", offset=5), {"sealed": {0: 3}}),
        (red("E1", keys=("1",)), {"missing": ("1",), "loaded": {OLD: (700.0, 702.0)}}),
    ],
)
def test_a_red_verdict_that_may_have_been_true_is_none(start, known):
    assert judged(start, **known).false_alarms() == []


def test_a_calm_verdict_must_have_named_what_was_old_and_absent_to_its_end():
    assert judged(CALM).false_calm()
    assert not judged(CALM, loaded={OLD: (1003.0, 1004.0)}).false_calm()
    assert judged(CALM, loaded={OLD: (700.0, 702.0)}, missing=("1",)).false_calm()


def test_a_load_that_ends_well_has_loaded_what_was_sealed_before_it():
    assert judged(LOAD).idle_loads()
    both = {OLD: (1001.0, 1003.0), YOUNG: (1001.0, 1003.0)}
    assert not judged(LOAD, loaded=both).idle_loads()
    assert not judged(LOAD, sealed={0: 3}).idle_loads()
