"""The order of a key's events: generation, offset, the source's position."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bictl.trace.event import Began, Event, Position, in_order, is_closed, newest
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


def test_a_later_snapshot_closes_what_was_written_before_it():
    began = Began(
        source_table="",
        generation_no=1,
        partition=0,
        offset=5,
        timestamp=NOON + timedelta(seconds=5),
    )
    assert is_closed(event(9, life=0), [began])
    assert is_closed(event(4, life=1, lsn=9), [began])
    assert not is_closed(event(5, life=1), [began])
    assert not is_closed(event(6, life=1, lsn=1), [began])
    assert is_closed(event(9, life=1, partition=1, second=4), [began])
    assert not is_closed(event(1, life=1, partition=1, second=5), [began])
    assert not is_closed(event(1, life=2), [began])
    assert not is_closed(event(1), [])


def test_a_snapshot_closes_keys_of_its_own_table_only():
    began = Began(source_table="a.dbo.t", generation_no=0, partition=0, offset=5, timestamp=NOON)
    assert is_closed(replace(event(1), source_table="a.dbo.t"), [began])
    assert not is_closed(replace(event(1), source_table="b.dbo.t"), [began])
    assert is_closed(event(1), [began])


def test_what_a_snapshot_read_is_not_closed_by_it_whatever_another_partitions_clock_says():
    began = Began(
        source_table="",
        generation_no=1,
        partition=0,
        offset=5,
        timestamp=NOON + timedelta(seconds=5),
        generation="g1",
        position=f"{7:08x}",
    )
    early = event(9, life=1, partition=1, second=4, lsn=7)
    own = replace(early, snapshot="true")
    assert not is_closed(own, [began])
    assert is_closed(replace(own, snapshot="false"), [began])
    assert is_closed(replace(own, position=Position(lsn=6)), [began])
    assert is_closed(own, [replace(began, position="")])
    assert is_closed(own, [replace(began, position=Position(lsn=7).text)])
    assert Position(commit_lsn="a", change_lsn="b").text == "a/b"


def test_postgres_positions_are_numbers():
    nine, ten = Position(lsn=9), Position(lsn=10)
    assert nine.order < ten.order
