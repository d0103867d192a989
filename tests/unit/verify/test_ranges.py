from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bictl.records import Range
from bictl.verify.ranges import (
    Packed,
    common,
    from_offsets,
    in_words,
    merged,
    shared,
    subtract,
    total,
    within,
)

ranges = st.lists(
    st.builds(
        lambda partition, first, size: Range(partition, first, first + size),
        st.integers(0, 2),
        st.integers(0, 30),
        st.integers(0, 8),
    ),
    max_size=12,
)


def offsets(items):
    return {(item.partition, offset) for item in items for offset in range(item.first, item.next)}


def of_one(items):
    return [item for item in items if item.partition == 0]


@given(ranges)
def test_merging_keeps_the_set_and_leaves_no_neighbours(items):
    whole = merged(items)
    assert offsets(whole) == offsets(items)
    assert list(whole) == sorted(whole)
    for left, right in pairwise(whole):
        assert left.partition != right.partition or left.next < right.first
    assert total(items) == len(offsets(items))


@given(ranges, ranges)
def test_subtraction_is_that_of_the_sets(left, right):
    assert offsets(subtract(left, right)) == offsets(left) - offsets(right)
    assert subtract(left, right) == merged(subtract(left, right))


@given(ranges, ranges)
def test_the_common_part_is_that_of_the_sets(left, right):
    assert offsets(common(left, right)) == offsets(left) & offsets(right)


@given(ranges, ranges)
def test_the_common_part_is_counted_without_being_kept(left, right):
    assert shared(left, right) == len(offsets(left) & offsets(right))


@given(ranges, ranges)
def test_packed_sets_answer_as_the_others_do(left, right):
    ours, theirs = merged(of_one(left)), merged(of_one(right))
    packed, other = Packed(0, ours), Packed(0, theirs)
    assert tuple(packed) == tuple(packed[:]) == ours
    assert merged(packed, other) == merged(ours, theirs)
    assert subtract(packed, other) == subtract(ours, theirs)
    assert common(packed, other) == common(ours, theirs)
    assert total(packed) == total(ours)


@given(ranges)
def test_a_set_is_packed_from_ranges_in_the_order_of_their_starts(items):
    assert tuple(Packed(0, sorted(of_one(items)))) == merged(of_one(items))


@given(ranges, st.integers(0, 40), st.integers(0, 40))
def test_what_is_within_bounds_is_the_common_part(items, first, after):
    bounds, whole = Range(0, first, after), merged(of_one(items))
    expected = common(whole, [bounds])
    assert within(whole, bounds) == within(Packed(0, whole), bounds) == expected


@given(st.lists(st.integers(0, 60)))
def test_offsets_become_the_ranges_of_just_those_offsets(numbers):
    found = from_offsets(3, numbers)
    assert offsets(found) == {(3, number) for number in numbers}
    assert found == merged(found)


def test_many_ranges_are_named_in_part_and_counted_whole():
    items = [Range(0, start, start + 1) for start in range(0, 10, 2)]
    assert in_words(items) == (
        "partition 0, offsets [0,1); partition 0, offsets [2,3); partition 0, offsets [4,5)"
        " and 2 more ranges"
    )
