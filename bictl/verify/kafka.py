"""Kafka and its boundary to the objects: identity, ends, loss by retention, what is not ingested.

Everything here is a pure function of the cut and the shelf; `cut.py` acquires the cut.
"""

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING

from bictl.counted import counted
from bictl.records import LEGACY, Range
from bictl.verify.cut import Anchor, Cut, Part
from bictl.verify.ranges import Ranges, in_words, merged, subtract, total
from bictl.verify.report import Finding, State, Tally, of_ranges, passed
from bictl.verify.shelf import Place, Shelf, unclaimed

if TYPE_CHECKING:
    from bictl.settings import Table
    from bictl.verify.expired import Expired


def identity(cut: Cut, shelf: Shelf, anchors: Sequence[Anchor], *, table: "Table") -> Finding:
    """K1: the topic has the id that was read, and the last sealed records still stand there."""
    other = [anchor for anchor in anchors if anchor.same is False]
    read = {partition for generation, partition in shelf.places if generation == cut.generation}
    gone = sorted(read - cut.partitions)
    if not cut.life.accepted:
        said = f"its id is {cut.topic.id}, what was read had {cut.generation}"
    elif other:
        where = ", ".join(f"{anchor.partition}:{anchor.offset}" for anchor in other)
        said = f"another record stands at {where}, where the last sealed one was"
    elif gone:
        said = f"partitions {', '.join(map(str, gone))} were read and are gone"
    elif cut.topic.id is None and anchors and not any(anchor.same for anchor in anchors):
        return Finding(
            state=State.UNKNOWN,
            evaluated=0,
            message="the broker has no topic ids and Kafka discarded the last sealed records",
            hint=f"bictl ingest --table {table.name}",
        )
    else:
        return passed(max(1, len(anchors)))
    return Finding(
        state=State.FAIL,
        evaluated=max(1, len(anchors)),
        expected=cut.generation,
        actual=str(cut.topic.id),
        message=f"topic recreated: {said}",
        hint=_accept(cut, table),
    )


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
        message=f"{in_words(ranges)} ({sample.of('record')}) discarded by Kafka unread",
        hint=f"bictl ack --table {table.name} --range '{ranges[0]}' --reason …",
    )


def lost(cut: Cut, shelf: Shelf) -> Ranges:
    """Offsets between the frontier and the log's start that nobody acknowledged."""
    ranges = [
        Range(part.partition, part.frontier, part.start)
        for part in cut.parts
        if part.frontier is not None and part.start > part.frontier
    ]
    return subtract(ranges, shelf.acked_ranges(cut.generation))


def not_ingested(cut: Cut, shelf: Shelf, *, max_lag: int, table: "Table") -> Finding:
    """K5: no record older than `max_lag` seconds stands above the frontier."""
    late = [part for part in cut.parts if cut.is_late(part, max_lag)]
    waiting = sum(len(part.waiting) for part in cut.parts)
    if not late:
        return passed(
            len(cut.parts) if cut.has_records else 0,
            f"{counted(waiting, 'record')} in flight" if waiting else "",
        )
    ranges = merged(part.waiting for part in late)
    sample = of_ranges(ranges, at_most=shelf.sparse)
    return Finding(
        state=State.FAIL,
        evaluated=len(cut.parts),
        missing=sample,
        expected=f"nothing older than {max_lag} s above the frontier",
        actual=f"{counted(sample.total, 'offset')}, the oldest {oldest(cut)} s",
        message=f"{in_words(ranges)} ({sample.of('record')}) not ingested",
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
            hint="correct the producer's clock; the record is taken in any case: bictl ingest"
            f" --table {table.name}",
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
    cut: Cut,
    shelf: Shelf,
    *,
    snapshot_begins: Callable[[], Collection[int] | None],
    expired: "Callable[[], Expired]",
    table: "Table",
) -> Finding:
    """K11: reading began at the log's start, at offset 0 or before a snapshot's first record.

    `snapshot_begins` tells, when it is asked, which partitions bronze holds from before the newest
    first marker of a snapshot on, in this generation; None when bronze could not be read. `expired`
    tells which objects before the first one that is there had to go.
    """
    kept = below(cut, shelf)
    old = expired() if kept or any(_first(cut, shelf, part) for part in cut.parts) else None
    if old is not None:
        kept = merged(
            left
            for part in cut.parts
            for left in old.without((cut.generation, part.partition), kept)
            if left.partition == part.partition
        )
    if kept:
        return Finding(
            state=State.FAIL,
            evaluated=len(cut.parts),
            missing=of_ranges(kept, at_most=True),
            message=f"{in_words(kept)} stand in Kafka before the first object, and in no object",
            hint=f"bictl ingest --table {table.name} --fill",
        )
    late = [
        (part, first)
        for part in cut.parts
        if (first := _first(cut, shelf, part, old)) > 0
        and not _acked_below(shelf, cut.generation, part.partition, first)
    ]
    begins = snapshot_begins() if late else None
    ranges = [
        Range(part.partition, 0, first)
        for part, first in late
        if part.partition not in (begins or ())
    ]
    if not ranges:
        return passed(len(cut.parts))
    why = "" if begins is not None else "; bronze could not be read for one"
    return Finding(
        state=State.UNKNOWN,
        evaluated=0,
        missing=of_ranges(ranges, at_most=True),
        message=f"{in_words(ranges)} were gone before the first run, no snapshot begins later{why}",
        hint=f"bictl ack --table {table.name} --range '{ranges[0]}' --reason …",
    )


def below(cut: Cut, shelf: Shelf) -> Ranges:
    """What Kafka still has before the first batch: reading began at the log's start, which only
    rises, so an object that held it is gone."""
    ranges = []
    for part in cut.parts:
        place = (cut.generation, part.partition)
        first = shelf.baseline(place)
        if part.frontier is not None and first is not None and place not in shelf.since:
            ranges.append(Range(part.partition, part.start, first))
    return subtract(ranges, shelf.acked_ranges(cut.generation))


def tally(
    cut: Cut,
    shelf: Shelf,
    expired: "Callable[[], Expired]",
    *,
    told: "Callable[[], Expired]",
    max_lag: int,
) -> Tally:
    """Records of the topic, and those that sound objects hold, or held until they expired. Legacy
    is no life of the topic: it counts on neither side.

    Where an object is gone `expired` has to say why, else it is counted as far as it was `told`.
    """
    sound = sum(batch.records for batch in shelf.batches if batch.sound)
    held = sound - shelf.legacy_records - _held_twice(shelf)
    open_ = gaps(cut, shelf)
    old = expired() if open_ else told()
    held += old.records
    holes = merged(left for place, found in open_.items() for left in old.without(place, found))
    in_flight = sum(len(part.waiting) for part in cut.parts if not cut.is_late(part, max_lag))
    late = merged(part.waiting for part in cut.parts if cut.is_late(part, max_lag))
    missing = total(holes) + total(late) + total(lost(cut, shelf))
    sparse = shelf.sparse
    return Tally(
        expected=held + in_flight + missing,
        accounted=held,
        in_flight=in_flight,
        missing=of_ranges([*holes, *late, *lost(cut, shelf)], at_most=sparse),
        at_most=sparse and missing + in_flight > 0,
    )


def gaps(cut: Cut, shelf: Shelf) -> dict[Place, Ranges]:
    """What no sound object answers for, by generation and partition: a loss unless it expired."""
    found = {place: missing for place in shelf.places if (missing := unclaimed(shelf, place))}
    for gap in below(cut, shelf):
        place = (cut.generation, gap.partition)
        found[place] = merged([*found.get(place, ()), gap])
    return found


def _held_twice(shelf: Shelf) -> int:
    """Records that overlapping batches hold more than once."""
    twice = 0
    for place, chain in shelf.chains.items():
        if place[0] == LEGACY:
            continue
        known = [batch for batch in chain if batch.sound and batch.held is not None]
        apart = sum(batch.records for batch in known)
        twice += apart - total(shelf.held(place))
    return twice


def _first(cut: Cut, shelf: Shelf, part: Part, expired: "Expired | None" = None) -> int:
    """Where this partition's reading began, or would begin."""
    if (cut.generation, part.partition) in shelf.since:
        return 0  # a quick look starts where the full verdict ended
    place = (cut.generation, part.partition)
    old = expired.ranges.get(place, ()) if expired is not None else ()
    firsts = [one.first for one in old[:1]]
    baseline = shelf.baseline(place)
    firsts += [] if baseline is None else [baseline]
    return min(firsts, default=part.start)


def _acked_below(shelf: Shelf, generation: str, partition: int, first: int) -> bool:
    return not subtract([Range(partition, 0, first)], shelf.acked_ranges(generation))


def _accept(cut: Cut, table: "Table") -> str:
    """The command that accepts the topic as it is now as a new generation."""
    return f"bictl ack --table {table.name} --generation {cut.life.next} --reason …"
