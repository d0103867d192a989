"""Sets of offsets as ranges: everything verify compares is one of these, whatever its size.

A set is a sequence of `Range`; `merged` gives its one form: sorted, disjoint, without neighbours.
"""

from collections.abc import Iterable, Sequence

from bictl.records import Range

Ranges = tuple[Range, ...]


def merged(ranges: Iterable[Range]) -> Ranges:
    """The same set of offsets in its one form."""
    out: list[Range] = []
    for item in sorted(ranges):
        if item.next <= item.first:  # len() raises where it would be negative
            continue
        if out and out[-1].partition == item.partition and item.first <= out[-1].next:
            out[-1] = Range(item.partition, out[-1].first, max(out[-1].next, item.next))
        else:
            out.append(item)
    return tuple(out)


def subtract(left: Iterable[Range], right: Iterable[Range]) -> Ranges:
    """The offsets of `left` that are not in `right`."""
    cuts, out, at = merged(right), [], 0
    for item in merged(left):
        first = item.first
        while at < len(cuts) and _ends_before(cuts[at], item):
            at += 1
        here = at
        while here < len(cuts) and _overlap(cuts[here], item):
            if cuts[here].first > first:
                out.append(Range(item.partition, first, cuts[here].first))
            first = max(first, cuts[here].next)
            here += 1
        if first < item.next:
            out.append(Range(item.partition, first, item.next))
    return tuple(out)


def common(left: Iterable[Range], right: Iterable[Range]) -> Ranges:
    """The offsets that are in both."""
    left = merged(left)
    return subtract(left, subtract(left, right))


def total(ranges: Iterable[Range]) -> int:
    """How many offsets the set holds."""
    return sum(len(item) for item in merged(ranges))


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
    more = f" and {len(parts) - shown} more ranges" if len(parts) > shown else ""
    return "; ".join(parts[:shown]) + more


def _ends_before(cut: Range, item: Range) -> bool:
    return (cut.partition, cut.next) <= (item.partition, item.first)


def _overlap(cut: Range, item: Range) -> bool:
    return cut.partition == item.partition and cut.first < item.next and item.first < cut.next
