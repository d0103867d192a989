"""The picture's sets are those that the boundaries count, partition by partition."""

from dataclasses import replace

from evidence import LAG, NOW, OLD, YOUNG, batch, cut, part, shelf
from hypothesis import given
from hypothesis import strategies as st

from bictl.records import Range
from bictl.verify import kafka
from bictl.verify.axes import Evidence, What, draw
from bictl.verify.bronze import Bronze, compare
from bictl.verify.expired import Expired
from bictl.verify.ranges import common, merged, total
from bictl.verify.report import Check, State, of_ranges
from bictl.verify.shelf import Acked

ENDS = 60
offsets = st.integers(0, ENDS)
ranges = st.lists(st.tuples(offsets, offsets), max_size=5).map(
    lambda pairs: merged(Range(0, min(pair), max(pair)) for pair in pairs)
)


def evidence(*, batches=(), rows=(), pruned=(), end=0, start=0, age=None, acked=(), checks=()):
    """One partition: its batches, its rows in bronze, its end, the waiting record's timestamp."""
    found = shelf(*batches, acked=acked)
    frontier = found.frontier(("g1", 0))
    one = part(start, end, frontier=frontier, frontier_then=frontier or 0, oldest=age)
    bronze = Bronze(held={("g1", 0): rows}, pruned={("g1", 0): pruned}, rows=total(rows))
    compared = compare(found, bronze, (), later=found, expired=Expired(), now=NOW, max_lag=LAG)
    return Evidence(
        cut=cut(one),
        shelf=found,
        bronze=bronze,
        comparison=compared,
        expired=Expired(),
        checks=checks,
        max_lag=LAG,
    )


def lane(found, layer, generation="g1"):
    (axis,) = [axis for axis in draw(found) if axis.generation == generation]
    return next(lane for lane in axis.lanes if lane.layer == layer)


def test_115_of_61443_is_one_missing_range_and_not_yet_in_bronze():
    (axis,) = draw(evidence(batches=[batch(0, 115)], rows=[Range(0, 0, 115)], end=61443, age=OLD))
    kafka_lane, objects, bronze = axis.lanes
    assert (axis.first, axis.next, axis.frontier, axis.amiss) == (0, 61443, 115, True)
    assert kafka_lane.spans == ((What.HELD, (Range(0, 0, 61443),)),)
    assert dict(objects.spans) == {
        What.MISSING: (Range(0, 115, 61443),),
        What.HELD: (Range(0, 0, 115),),
    }
    assert dict(bronze.spans) == {
        What.HELD: (Range(0, 0, 115),),
        What.NOT_YET: (Range(0, 115, 61443),),
    }


def test_what_is_young_is_in_flight():
    found = evidence(batches=[batch(0, 5)], rows=[Range(0, 0, 5)], end=9, age=YOUNG)
    assert lane(found, "objects").at(What.IN_FLIGHT) == (Range(0, 5, 9),)
    assert not lane(found, "objects").at(What.MISSING)
    young = evidence(batches=[batch(0, 5, written=YOUNG)], end=5)
    assert lane(young, "bronze").at(What.IN_FLIGHT) == (Range(0, 0, 5),)


def test_an_acknowledged_loss_is_not_missing():
    acked = Acked(generation="g1", range=Range(0, 5, 8), words="")
    found = evidence(
        batches=[batch(0, 5), batch(8, 10)], rows=[Range(0, 0, 10)], end=10, acked=(acked,)
    )
    assert lane(found, "objects").at(What.ACKNOWLEDGED) == (Range(0, 5, 8),)
    assert not lane(found, "objects").at(What.MISSING)


def test_quarantined_rows_are_told_apart_from_bronze():
    found = evidence(batches=[batch(0, 9)], rows=[Range(0, 0, 9)], end=9)
    found = replace(found, quarantined={("g1", 0): (Range(0, 3, 4),)})
    assert lane(found, "bronze").at(What.QUARANTINED) == (Range(0, 3, 4),)
    assert total(lane(found, "bronze").at(What.HELD)) == 8


def test_another_life_of_the_topic_has_an_axis_of_its_own():
    found = evidence(batches=[batch(0, 9), batch(0, 4, generation="g0")], end=9)
    old, now = sorted(draw(found), key=lambda axis: axis.generation)
    assert (now.current, old.current) == (True, False)
    assert [lane.layer for lane in old.lanes] == ["objects", "bronze"]


def test_what_a_check_names_and_nothing_else_shows_is_drawn_too():
    named = Check(
        id="K10",
        title="",
        boundary="Kafka → objects",
        state=State.FAIL,
        missing=of_ranges([Range(0, 2, 3)]),
    )
    found = evidence(batches=[batch(0, 9)], rows=[Range(0, 0, 9)], end=9, checks=(named,))
    assert lane(found, "checks").at(What.NAMED) == (Range(0, 2, 3),)


def test_what_could_not_be_read_is_said_and_not_drawn():
    found = Evidence(cut=cut(part(0, 9)), unread={"shelf": "no answer"})
    (axis,) = draw(found)
    assert {lane.layer: lane.unread for lane in axis.lanes} == {
        "Kafka": "",
        "objects": "no answer",
        "bronze": "no answer",
    }
    assert axis.amiss


@given(
    sealed=ranges,
    rows=ranges,
    pruned=ranges,
    start=offsets,
    more=offsets,
    age=st.sampled_from([OLD, YOUNG, None]),
)
def test_missing_is_what_the_boundaries_miss_and_no_offset_is_drawn_twice(
    sealed, rows, pruned, start, more, age
):
    end = max([item.next for item in sealed], default=0) + more
    found = evidence(
        batches=[batch(item.first, item.next) for item in sealed],
        rows=rows,
        pruned=pruned,
        end=max(start, end),
        start=start,
        age=age,
    )
    counted = kafka.tally(found.cut, found.shelf, Expired, told=Expired, max_lag=LAG)
    assert lane(found, "objects").at(What.MISSING) == counted.missing.ranges
    assert lane(found, "bronze").at(What.MISSING) == found.comparison.missing
    assert lane(found, "bronze").at(What.EXTRA) == found.comparison.extra
    for axis in draw(found):
        for one in axis.lanes:
            sets = [ranges for _, ranges in one.spans]
            assert sum(map(total, sets)) == total(item for ranges in sets for item in ranges)
            whole = [item for ranges in sets for item in ranges]
            assert not whole or common(whole, [Range(0, axis.first, axis.next)]) == merged(whole)
