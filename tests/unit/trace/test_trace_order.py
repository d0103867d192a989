"""The order of a key's events: generation, offset, the source's position."""

from datetime import UTC, datetime, timedelta

from bictl.trace.event import Event, Position, in_order, is_closed, newest
from bictl.trace.report import Place

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def event(
    offset: int,
    *,
    partition: int = 0,
    life: int = 0,
    op: str = "u",
    lsn: int | None = None,
    second: int | None = None,
) -> Event:
    return Event(
        place=Place(f"g{life}", partition, offset),
        generation_no=life,
        timestamp=NOON + timedelta(seconds=offset if second is None else second),
        op=op,
        source_at=None,
        position=Position() if lsn is None else Position(commit_lsn=f"{lsn:08x}"),
        snapshot="false",
        where="bronze",
    )


def test_inside_a_partition_the_offset_decides_whatever_the_position_says():
    first, second = event(1, lsn=9), event(2, lsn=1)
    assert in_order([second, first]) == [first, second]
    assert newest([second, first]) == second


def test_a_later_generation_comes_after_every_earlier_one():
    old, new = event(100, life=0, lsn=9), event(1, life=1, lsn=1)
    assert newest([new, old]) == new
    assert in_order([new, old]) == [old, new]


def test_across_partitions_the_position_decides():
    here, there = event(5, lsn=2), event(1, partition=1, lsn=3)
    assert newest([here, there]) == there


def test_a_tombstone_stands_where_the_record_before_it_stands():
    moved = event(1, partition=1, lsn=5)
    deleted, gone = event(3, op="d", lsn=4), event(4, op="tombstone")
    assert newest([moved, deleted, gone]) == moved
    later = event(3, op="d", lsn=6)
    assert newest([moved, later, gone]) == gone


def test_a_tombstone_with_nothing_before_it_stands_behind_what_is_older():
    gone = event(4, op="tombstone", second=10)
    assert newest([gone, event(1, partition=1, lsn=5, second=9)]) == gone
    assert newest([gone, event(1, partition=1, lsn=5, second=11)]).op == "u"


def test_a_key_that_nobody_saw_has_no_newest_record():
    assert newest([]) is None
    assert in_order([]) == []


def test_a_later_snapshot_closes_what_is_older_than_it():
    snapshot = (1, Position(commit_lsn="00000005"))
    assert is_closed(event(1, life=0, lsn=9), snapshot)
    assert is_closed(event(1, life=1, lsn=4), snapshot)
    assert not is_closed(event(1, life=1, lsn=5), snapshot)
    assert not is_closed(event(1, life=2, lsn=1), snapshot)
    assert not is_closed(event(1, life=1), snapshot)
    assert not is_closed(event(1, lsn=1), None)


def test_postgres_positions_are_numbers():
    nine, ten = Position(lsn=9), Position(lsn=10)
    assert nine.is_before(ten)
    assert not ten.is_before(nine)
    assert nine.order < ten.order
