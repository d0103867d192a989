"""Sets of offsets as ranges: everything verify compares is one of these, whatever its size.

A set is a sequence of `Range`; `merged` gives its one form: sorted, disjoint, without neighbours.
`Packed` is that form for sets of a hundred thousand ranges, which are compared without unpacking
them: what is computed of two of them is usually small.
"""

import heapq
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import overload

from bictl.counted import counted
from bictl.records import Range

Ranges = tuple[Range, ...]


class Packed(Sequence[Range]):
    """Ranges of one partition in their one form, sixteen bytes each."""

    def __init__(self, partition: int, ranges: Iterable[Range] = ()) -> None:
        self._partition = partition
        self._firsts, self._nexts = array("q"), array("q")
        for item in ranges:
            self.append(item.first, item.next)

    def append(self, first: int, after: int) -> None:
        """One range more, which starts at or behind the start of the last one."""
        if self._nexts and first <= self._nexts[-1]:
            self._nexts[-1] = max(self._nexts[-1], after)
        elif first < after:
            self._firsts.append(first)
            self._nexts.append(after)

    def within(self, bounds: Range) -> Iterator[Range]:
        """What of the set is inside the bounds."""
        start = bisect_right(self._nexts, bounds.first)
        for at in range(start, bisect_left(self._firsts, bounds.next)):
            first = max(self._firsts[at], bounds.first)
            after = min(self._nexts[at], bounds.next)
            if first < after and bounds.partition == self._partition:
                yield Range(self._partition, first, after)

    def __iter__(self) -> Iterator[Range]:
        pairs = zip(self._firsts, self._nexts, strict=True)
        return (Range(self._partition, first, after) for first, after in pairs)

    def __len__(self) -> int:
        return len(self._firsts)

    @overload
    def __getitem__(self, at: int) -> Range: ...
    @overload
    def __getitem__(self, at: slice) -> Ranges: ...
    def __getitem__(self, at: int | slice) -> Range | Ranges:
        if isinstance(at, slice):
            return tuple(self[one] for one in range(*at.indices(len(self))))
        return Range(self._partition, self._firsts[at], self._nexts[at])


def merged(*sets: Iterable[Range]) -> Ranges:
    """All offsets of the sets in their one form."""
    return tuple(_merged(*sets))


def subtract(left: Iterable[Range], right: Iterable[Range]) -> Ranges:
    """The offsets of `left` that are not in `right`."""
    return tuple(_subtract(left, right))


def common(left: Iterable[Range], right: Iterable[Range]) -> Ranges:
    """The offsets that are in both."""
    return tuple(_common(left, right))


def within(ranges: Iterable[Range], bounds: Range) -> Ranges:
    """What of the set is inside the bounds; of a packed one the rest is not looked at."""
    if isinstance(ranges, Packed):
        return tuple(ranges.within(bounds))
    return common(ranges, [bounds])


def total(ranges: Iterable[Range]) -> int:
    """How many offsets the set holds."""
    return sum(len(item) for item in _merged(ranges))


def shared(left: Iterable[Range], right: Iterable[Range]) -> int:
    """How many offsets are in both."""
    return sum(len(item) for item in _common(left, right))


def _merged(*sets: Iterable[Range]) -> Iterator[Range]:
    """Range by range; what is packed is read where it lies."""
    last: Range | None = None
    for item in heapq.merge(
        *(one if isinstance(one, Packed) else sorted(one) for one in sets), key=_place
    ):
        if item.next <= item.first:  # len() raises where it would be negative
            continue
        if last is None:
            last = item
        elif last.partition == item.partition and item.first <= last.next:
            if item.next > last.next:
                last = Range(item.partition, last.first, item.next)
        else:
            yield last
            last = item
    if last is not None:
        yield last


def _subtract(left: Iterable[Range], right: Iterable[Range]) -> Iterator[Range]:
    cuts = _merged(right)
    cut = next(cuts, None)
    for item in _merged(left):
        first = item.first
        while cut is not None and _ends_before(cut, item):
            cut = next(cuts, None)
        while cut is not None and _overlap(cut, item):
            if cut.first > first:
                yield Range(item.partition, first, cut.first)
            first = max(first, cut.next)
            if cut.next > item.next:  # it may reach into the next one
                break
            cut = next(cuts, None)
        if first < item.next:
            yield Range(item.partition, first, item.next)


def _common(left: Iterable[Range], right: Iterable[Range]) -> Iterator[Range]:
    others = _merged(right)
    other = next(others, None)
    for item in _merged(left):
        while other is not None and _ends_before(other, item):
            other = next(others, None)
        while other is not None and _overlap(other, item):
            yield Range(item.partition, max(item.first, other.first), min(item.next, other.next))
            if other.next > item.next:  # it may reach into the next one
                break
            other = next(others, None)


def from_offsets(partition: int, offsets: Iterable[int]) -> Ranges:
    """The set of single offsets, which may come in any order."""
    out: list[Range] = []
    for offset in sorted(offsets):
        if out and out[-1].next >= offset:
            out[-1] = Range(partition, out[-1].first, max(out[-1].next, offset + 1))
        else:
            out.append(Range(partition, offset, offset + 1))
    return tuple(out)


def in_words(ranges: Sequence[Range], *, shown: int = 3) -> str:
    """`partition 0, offsets [115,61443)`, the first few of them and how many more there are."""
    parts = [f"partition {item.partition}, offsets [{item.first},{item.next})" for item in ranges]
    more = f" and {counted(len(parts) - shown, 'more range')}" if len(parts) > shown else ""
    return "; ".join(parts[:shown]) + more


def _place(item: Range) -> tuple[int, int]:
    return item.partition, item.first


def _ends_before(cut: Range, item: Range) -> bool:
    return (cut.partition, cut.next) <= (item.partition, item.first)


def _overlap(cut: Range, item: Range) -> bool:
    return cut.partition == item.partition and cut.first < item.next and item.first < cut.next
