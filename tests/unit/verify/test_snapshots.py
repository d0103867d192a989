"""C4: whether the connector's newest snapshot came to its end."""

from datetime import UTC, datetime, timedelta

import pytest

from bictl.settings import Table
from bictl.verify.report import State
from bictl.verify.snapshots import Snapshot, complete

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
TABLE = Table(name="product", topic="t")


def snapshot(*, begins: bool, age: int = 3600, so_far: int = 500, **known: int) -> Snapshot:
    return Snapshot(
        source_table="C.dbo.P",
        begins=begins,
        generation="g",
        partition=0,
        offset=61_000,
        first_partition=0,
        first_offset=0,
        newest_at=NOW - timedelta(seconds=age),
        rows_so_far=so_far if begins else 0,
        **{"quarantined": 0, **known},
    )


def judged(*snapshots: Snapshot, waiting: int = 0, rows: int = 9):
    return complete(
        snapshots, rows=rows, waiting=lambda: waiting, now=NOW, max_lag=300, table=TABLE
    )


def test_an_end_is_an_end_whatever_came_before_it():
    assert judged(snapshot(begins=False)).state is State.OK


def test_a_topic_without_a_snapshot_has_none_that_is_incomplete():
    assert (judged().state, judged().evaluated) == (State.OK, 1)
    assert judged(rows=0).evaluated == 0


def test_one_without_an_end_is_incomplete_with_its_beginning_its_rows_and_its_repair():
    found = judged(snapshot(begins=True))
    assert found.state is State.FAIL
    assert found.message == (
        "the snapshot of C.dbo.P that began at 0:61000 has no end: 500 rows so far,"
        " none since 2026-01-01 11:00 UTC"
    )
    assert "bictl cdc restart" in found.hint
    assert found.extra.total == 1


@pytest.mark.parametrize(
    ("one", "waiting", "words"),
    [
        (snapshot(begins=True, age=299), 0, "the newest just now"),
        (snapshot(begins=True), 7, "7 records are not in bronze yet"),
        (snapshot(begins=True, so_far=1), 0, "the first of several tables"),
        (snapshot(begins=False, quarantined=2), 0, "2 records of the snapshot of C.dbo.P"),
        (snapshot(begins=False, unloaded=2), 0, "2 offsets of the snapshot of C.dbo.P"),
    ],
)
def test_what_may_still_come_or_cannot_be_told_is_a_warning(one, waiting, words):
    found = judged(one, waiting=waiting)
    assert found.state is State.WARN
    assert words in found.message
    assert found.hint


def test_one_table_of_several_is_enough():
    found = judged(snapshot(begins=False), snapshot(begins=True))
    assert found.state is State.FAIL
