"""Offsets as places on a line of 100 %, and sets of ranges as marks that can be seen.

One record of a million is a millionth of the line: a mark has a least width, so that it is seen,
and a second line on another scale gives the ranges that matter as much room as they need.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log2

from bictl.records import Range
from bictl.verify.ranges import merged

LEAST = 0.5  # per cent of the line that a mark takes at least
APART = 0.15  # per cent between two marks below which they become one
SHOWN_LARGE = 16  # stretches that a magnified line gives room of their own


@dataclass(frozen=True)
class Scale:
    """Straight between its knots: `offsets` rise strictly, `places` rise from 0 to 100."""

    offsets: tuple[int, ...]
    places: tuple[float, ...]

    def at(self, offset: int) -> float:
        """The place of an offset; what is beyond the ends stands at the ends."""
        first, last = self.offsets[0], self.offsets[-1]
        if offset <= first or first == last:
            return 0.0
        if offset >= last:
            return 100.0
        after = bisect_right(self.offsets, offset)
        low, high = self.offsets[after - 1], self.offsets[after]
        share = (offset - low) / (high - low)
        return self.places[after - 1] + share * (self.places[after] - self.places[after - 1])


@dataclass(frozen=True)
class Mark:
    """Ranges of one kind that are drawn as one piece: from `x`, `width` wide, both per cent."""

    x: float
    width: float
    first: int
    next: int
    records: int
    ranges: int
    widened: bool  # wider than its offsets are


def true(first: int, after: int) -> Scale:
    """Each offset as wide as any other."""
    return Scale((first, max(after, first + 1)), (0.0, 100.0))


def steps(first: int, after: int) -> list[int]:
    """Round offsets between the ends, four to nine of them where there is room for so many."""
    size = 10 ** max(len(str(after - first)) - 2, 0)
    size = next((size * by for by in (1, 2, 5, 10) if after - first <= 8 * size * by), size * 20)
    return list(range((first // size + 1) * size, after, size))


def magnified(first: int, after: int, notable: Iterable[Range]) -> Scale | None:
    """Room for each stretch of notable offsets, by the logarithm of its length; None where all of
    them, and what lies between them, are wide enough on the true scale."""
    plain, stretches = true(first, after), merged(notable)
    ends = sorted({first, after, *(end for item in stretches for end in (item.first, item.next))})
    if all(plain.at(high) - plain.at(low) >= LEAST for low, high in pairwise(ends)):
        return None
    knots, weights = [first], list[float]()
    for item in together(stretches, SHOWN_LARGE):
        if item.first > knots[-1]:
            weights.append(2 + log2(item.first - knots[-1]) / 2)
            knots.append(item.first)
        weights.append(3 + log2(len(item)))
        knots.append(item.next)
    if after > knots[-1]:
        weights.append(2 + log2(after - knots[-1]) / 2)
        knots.append(after)
    places, whole, so_far = [0.0], sum(weights), 0.0
    for weight in weights:
        so_far += weight
        places.append(100 * so_far / whole)
    return Scale(tuple(knots), (*places[:-1], 100.0))


def together(ranges: Sequence[Range], most: int) -> list[Range]:
    """At most so many stretches that hold the ranges: those with the smallest gaps are joined."""
    if len(ranges) <= most:
        return list(ranges)
    gaps = sorted(
        (after.first - before.next, at) for at, (before, after) in enumerate(pairwise(ranges))
    )
    kept = sorted(at for _, at in gaps[len(gaps) - (most - 1) :])
    found, start = [], 0
    for end in [*kept, len(ranges) - 1]:
        found.append(Range(ranges[0].partition, ranges[start].first, ranges[end].next))
        start = end + 1
    return found


def marks(ranges: Iterable[Range], scale: Scale) -> list[Mark]:
    """The ranges as marks in their order, none of which touches another."""
    found: list[Mark] = []
    for item in merged(ranges):
        mark = _mark(item, scale)
        if found and mark.x - (found[-1].x + found[-1].width) < APART:
            mark = _joined(found.pop(), mark, scale)
        found.append(mark)
    return found


def _mark(item: Range, scale: Scale) -> Mark:
    x, width, widened = _seen(scale.at(item.first), scale.at(item.next))
    return Mark(x, width, item.first, item.next, len(item), 1, widened)


def _joined(before: Mark, after: Mark, scale: Scale) -> Mark:
    x, width, widened = _seen(scale.at(before.first), scale.at(after.next))
    return Mark(
        min(x, before.x),
        max(x + width, before.x + before.width) - min(x, before.x),
        before.first,
        after.next,
        before.records + after.records,
        before.ranges + after.ranges,
        widened,
    )


def _seen(start: float, end: float) -> tuple[float, float, bool]:
    """Start and width of a piece that is at least LEAST wide and within the line."""
    if end - start >= LEAST:
        return start, end - start, False
    x = min(max((start + end - LEAST) / 2, 0.0), 100.0 - LEAST)
    return x, LEAST, True
