"""Which objects are to be loaded anew, and which are not to be believed."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from bictl.records import BatchName, Range
from bictl.verify.ranges import total
from bictl.verify.report import Check, Sample, State

if TYPE_CHECKING:
    from bictl.verify import Report

Names = Sequence[tuple[str, BatchName]]
_EVER = 2**63 - 1
# What says that an object, or what stands beside its records in bronze, is not the truth.
_DOUBTS = ("K10", "O4", "O5", "O6", "B7")
_NEEDED = ("O4", "O5", "O6", "B7")


def to_reload(report: "Report", names: Names, checks: Iterable[Check]) -> tuple[str, ...]:
    """The objects that hold what the checks name; all of them where the checks do not list it."""
    wanted = list(checks)
    if all(_is_listed(sample) for one in wanted for sample in (one.missing, one.extra)):
        ranges = [r for one in wanted for s in (one.missing, one.extra) for r in s.ranges]
        found = _holding(names, ranges)
    else:
        found = [key for key, _ in names]
    doubted = doubts(report, names)
    return tuple(key for key in found if key not in doubted)


def doubts(report: "Report", names: Names) -> frozenset[str]:
    """The objects that bronze must not be made from by a program alone: changed, damaged or in
    conflict, or covering rows that no object holds, which a reload would take away."""
    checks = {check.id: check for check in report.checks}
    every = frozenset(key for key, _ in names)
    if any(name not in checks or checks[name].state is State.UNKNOWN for name in _NEEDED):
        return every
    found: set[str] = set()
    for check in (checks[name] for name in _DOUBTS if name in checks):
        if check.state is not State.FAIL:
            continue
        samples = (check.missing, check.extra)
        if not all(sample.ranges or sample.keys for sample in samples if sample):
            return every
        if any(_is_cut(sample) for sample in samples):
            return every
        found |= {key for sample in samples for key in sample.keys}
        found |= set(_holding(names, [r for sample in samples for r in sample.ranges]))
    return frozenset(found)


def _is_listed(sample: Sample) -> bool:
    """Whether all of it is there as offsets."""
    return not sample or (bool(sample.ranges) and total(sample.ranges) == sample.total)


def _is_cut(sample: Sample) -> bool:
    listed = total(sample.ranges) if sample.ranges else len(sample.keys)
    return listed < sample.total


def _holding(names: Names, ranges: Sequence[Range]) -> list[str]:
    """The objects that answer for any of the offsets: each up to where the next one begins."""
    ordered = sorted(names, key=lambda item: (item[1].generation, item[1].partition, item[1].first))
    last = ("", BatchName("", -1, 0))
    return [
        key
        for (key, name), (_, after) in pairwise([*ordered, last])
        if any(_meets(name, _end(name, after), one) for one in ranges)
    ]


def _end(name: BatchName, after: BatchName) -> int:
    same = (name.generation, name.partition) == (after.generation, after.partition)
    return after.first if same else _EVER


def _meets(name: BatchName, end: int, one: Range) -> bool:
    return name.partition == one.partition and name.first < one.next and one.first < end
