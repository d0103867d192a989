"""Kafka and its boundary to the objects: identity, ends, loss by retention, what is not ingested.

Everything here is a pure function of the cut and the shelf; `cut.py` acquires the cut.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from bictl.records import Range
from bictl.verify.cut import Anchor, Cut, Part
from bictl.verify.ranges import Ranges, in_words, merged, subtract, total
from bictl.verify.report import Finding, State, Tally, of_ranges, passed
from bictl.verify.shelf import Shelf, is_number, unclaimed

if TYPE_CHECKING:
    from bictl.settings import Table


def identity(cut: Cut, shelf: Shelf, anchors: Sequence[Anchor], *, table: "Table") -> Finding:
    """K1: the topic has the id that was read, and the last sealed records still stand there."""
    if not shelf.batches:
        return passed(1, "nothing is sealed yet")
    recreated = _accept(cut, table)
    if (
        cut.topic.id not in (None, cut.generation)
        and cut.generation is not None
        and not is_number(cut.generation)
    ):
        return Finding(
            state=State.FAIL,
            evaluated=1,
            expected=str(cut.generation),
            actual=str(cut.topic.id),
            message=f"topic recreated: its id is {cut.topic.id}, "
            f"what was read had {cut.generation}",
            hint=recreated,
        )
    other = [anchor for anchor in anchors if anchor.same is False]
    if other:
        where = ", ".join(f"{anchor.partition}:{anchor.offset}" for anchor in other)
        return Finding(
            state=State.FAIL,
            evaluated=len(anchors),
            message=f"topic recreated or truncated: not the last sealed record stands at {where}",
            hint=recreated,
        )
    gone = sorted({partition for _, partition in shelf.chains} - set(cut.topic.partitions))
    if gone and cut.generation and any((cut.generation, part) in shelf.chains for part in gone):
        return Finding(
            state=State.FAIL,
            evaluated=1,
            message=f"topic recreated: partitions {', '.join(map(str, gone))} are gone",
            hint=recreated,
        )
    if cut.topic.id is None and anchors and not any(anchor.same for anchor in anchors):
        return Finding(
            state=State.UNKNOWN,
            evaluated=0,
            message="the broker has no topic ids and Kafka discarded the last sealed records",
            hint=f"bictl ingest --table {table.name}",
        )
    return passed(max(1, len(anchors)))


def end_below_frontier(cut: Cut, *, table: "Table") -> Finding:
    """K2: no partition ends before what was already read from it."""
    short = [part for part in cut.parts if part.frontier_then > part.high]
    if not short:
        return passed(len(cut.parts))
    ranges = [Range(part.partition, part.high, part.frontier_then) for part in short]
    return Finding(
        state=State.FAIL,
        evaluated=len(cut.parts),
        missing=of_ranges(ranges),
        message=f"the log ends before what was read: {in_words(ranges)} are not in Kafka any more",
        hint=_accept(cut, table),
    )


def retention_loss(cut: Cut, shelf: Shelf, *, table: "Table") -> Finding:
    """K4: Kafka discarded nothing before it was read."""
    ranges = lost(cut, shelf)
    if not ranges:
        return passed(len(cut.parts))
    sample = of_ranges(ranges, at_most=True)
    return Finding(
        state=State.FAIL,
        evaluated=len(cut.parts),
        missing=sample,
        message=f"{in_words(ranges)} ({sample.count} records) discarded by Kafka unread",
        hint=f"bictl ack --table {table.name} --range '{ranges[0]}' --reason …",
    )


def lost(cut: Cut, shelf: Shelf) -> Ranges:
    """Offsets between the frontier and the log's start that nobody acknowledged."""
    ranges = [
        Range(part.partition, part.frontier, part.start)
        for part in cut.parts
        if part.frontier is not None and part.start > part.frontier
    ]
    return subtract(ranges, shelf.acked_ranges(cut.generation or ""))


def not_ingested(cut: Cut, shelf: Shelf, *, max_lag: int, table: "Table") -> Finding:
    """K5: no record older than `max_lag` seconds stands above the frontier."""
    late = [part for part in cut.parts if cut.is_late(part, max_lag)]
    waiting = sum(len(part.waiting) for part in cut.parts)
    if not late:
        return passed(
            len(cut.parts) if cut.has_records else 0,
            f"{waiting} records in flight" if waiting else "",
        )
    ranges = merged(part.waiting for part in late)
    sample = of_ranges(ranges, at_most=shelf.sparse)
    return Finding(
        state=State.FAIL,
        evaluated=len(cut.parts),
        missing=sample,
        expected=f"nothing older than {max_lag} s above the frontier",
        actual=f"{sample.total} offsets, the oldest {oldest(cut)} s",
        message=f"{in_words(ranges)} ({sample.count} records) not ingested",
        hint=f"bictl ingest --table {table.name}",
    )


def time_lag(cut: Cut, *, max_lag: int, table: "Table") -> Finding:
    """K6: the age of the oldest record above the frontier can be told, and is small."""
    ahead = [
        part for part in cut.parts if cut.age(part) is not None and cut.is_ahead(part, max_lag)
    ]
    if ahead:
        return Finding(
            state=State.UNKNOWN,
            evaluated=0,
            message=f"partition {ahead[0].partition}: the oldest timestamp is in the future",
            hint="correct the producer's clock; bictl ingest takes the record in any case",
        )
    age = oldest(cut)
    evaluated = len(cut.parts) if cut.has_records else 0
    if age is None or age <= max_lag:
        return passed(evaluated, "" if age is None else f"the oldest waits for {age} s")
    return Finding(
        state=State.FAIL,
        evaluated=evaluated,
        expected=f"at most {max_lag} s",
        actual=f"{age} s",
        message=f"the oldest record that is not ingested is {age} s old",
        hint=f"bictl ingest --table {table.name}",
    )


def oldest(cut: Cut) -> int | None:
    """The age in seconds of the oldest record above the frontier."""
    ages = [age for part in cut.parts if (age := cut.age(part)) is not None]
    return max(ages, default=None)


def baseline(
    cut: Cut, shelf: Shelf, *, snapshot_begins: Callable[[], bool | None], table: "Table"
) -> Finding:
    """K11: reading began at offset 0, or with a snapshot's first record.

    `snapshot_begins` tells, when it is asked, whether bronze holds a snapshot's first marker in
    this generation; None when bronze could not be read.
    """
    late = [
        (part, first)
        for part in cut.parts
        if (first := _first(cut, shelf, part)) > 0
        and not _acked_below(shelf, cut.generation, part.partition, first)
    ]
    begins = snapshot_begins() if late else None
    if not late or begins:
        return passed(len(cut.parts))
    ranges = [Range(part.partition, 0, first) for part, first in late]
    why = "" if begins is False else "; bronze could not be read for one"
    return Finding(
        state=State.UNKNOWN,
        evaluated=0,
        missing=of_ranges(ranges, at_most=True),
        message=f"{in_words(ranges)} were gone before the first run, no snapshot begins later{why}",
        hint=f"bictl ack --table {table.name} --range '{ranges[0]}' --reason …",
    )


def tally(cut: Cut, shelf: Shelf, *, max_lag: int) -> Tally:
    """Records of the topic, and those that sound objects hold."""
    held = sum(batch.records for batch in shelf.batches if batch.sound) - _held_twice(shelf)
    gaps = merged(gap for place in shelf.chains for gap in unclaimed(shelf, place))
    in_flight = sum(len(part.waiting) for part in cut.parts if not cut.is_late(part, max_lag))
    late = merged(part.waiting for part in cut.parts if cut.is_late(part, max_lag))
    missing = total(gaps) + total(late) + total(lost(cut, shelf))
    sparse = shelf.sparse
    return Tally(
        expected=held + in_flight + missing,
        accounted=held,
        in_flight=in_flight,
        missing=of_ranges([*gaps, *late, *lost(cut, shelf)], at_most=sparse),
        at_most=sparse and missing + in_flight > 0,
    )


def _held_twice(shelf: Shelf) -> int:
    """Records that overlapping batches hold more than once."""
    twice = 0
    for place, chain in shelf.chains.items():
        known = [batch for batch in chain if batch.sound and batch.held is not None]
        apart = sum(batch.records for batch in known)
        twice += apart - total(shelf.held(place))
    return twice


def _first(cut: Cut, shelf: Shelf, part: Part) -> int:
    """Where this partition's reading began, or would begin."""
    if cut.generation is not None and (cut.generation, part.partition) in shelf.since:
        return 0  # a quick look starts where the full verdict ended
    first = shelf.baseline((cut.generation, part.partition)) if cut.generation else None
    return part.start if first is None else first


def _acked_below(shelf: Shelf, generation: str | None, partition: int, first: int) -> bool:
    return not subtract([Range(partition, 0, first)], shelf.acked_ranges(generation or ""))


def _accept(cut: Cut, table: "Table") -> str:
    """The command that accepts the topic as it is now as a new generation."""
    new = cut.topic.id
    if new is None:
        new = str(int(cut.generation) + 1) if cut.generation and is_number(cut.generation) else "1"
    return f"bictl ack --table {table.name} --generation {new} --reason …"
