"""Bronze against the objects: which offsets stand there, once each, and whether that will last.

Both sides are sets: what the sound batches hold, and what bronze and the quarantine hold together.
The ledger is asked only whether an object that is wholly absent was claimed to be loaded.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from bictl.counted import counted
from bictl.records import Range
from bictl.verify.objects import Entry
from bictl.verify.ranges import Ranges, common, in_words, merged, shared, subtract, total
from bictl.verify.report import NOTHING, Finding, State, Tally, of_keys, of_ranges, passed
from bictl.verify.shelf import Batch, Place, Shelf

if TYPE_CHECKING:
    from bictl.settings import Table
    from bictl.verify.expired import Expired

KEY_COLUMNS = ("kafka_topic", "generation", "kafka_partition", "kafka_offset")


@dataclass(frozen=True, kw_only=True)
class Origin:
    """The rows that name one object as their origin."""

    key: str
    generation: str
    range: Range  # from their lowest to their highest offset
    rows: int


@dataclass(frozen=True, kw_only=True)
class Rejected:
    """Quarantined records of one reason."""

    sqlstate: str
    reason: str
    count: int
    since: datetime


@dataclass(frozen=True, kw_only=True)
class Bronze:
    """What bronze and the quarantine hold; `exists` is False before the first load."""

    exists: bool = True
    held: Mapping[Place, Sequence[Range]] = field(default_factory=dict)
    pruned: Mapping[Place, Sequence[Range]] = field(default_factory=dict)  # what prune says it took
    rows: int = 0
    doubled: Mapping[Place, Sequence[Range]] = field(default_factory=dict)
    origins: tuple[Origin, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    unique: tuple[tuple[str, ...], ...] = ()
    other_topics: Mapping[str, int] = field(default_factory=dict)
    is_others: bool = False  # a table that other scripts made, which is not taken over
    old: Mapping[Place, Sequence[Range]] = field(default_factory=dict)  # theirs, perhaps unsealed

    @property
    def files(self) -> dict[str, int]:
        """Rows by the object they name."""
        counts: dict[str, int] = {}
        for origin in self.origins:
            counts[origin.key] = counts.get(origin.key, 0) + origin.rows
        return counts

    def at(self, place: Place) -> Ranges:
        """The offsets of one generation's partition that stand here or were pruned."""
        return merged(self.held.get(place, ()), self.pruned.get(place, ()))


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Objects against bronze, as sets; computed once for all checks."""

    expected: int
    accounted: int
    unloaded: tuple[Batch, ...]  # wholly absent, not in the ledger, too old to be in flight
    in_flight: int
    pruned: int  # of the accounted ones
    holes: Ranges  # missing inside what was loaded, or claimed to be
    extra: Ranges
    old: Ranges = ()  # in no object because they are not taken over yet
    waiting: tuple[Batch, ...] = ()  # the batches that are in flight

    @property
    def missing(self) -> Ranges:
        """Everything that is not in bronze and not in flight."""
        return merged([*self.holes, *ranges_of(self.unloaded)])


def ranges_of(batches: Iterable[Batch]) -> Ranges:
    """The offsets that batches hold."""
    return merged(item for batch in batches for item in _held(batch))


def compare(
    shelf: Shelf,
    bronze: Bronze,
    ledger: Sequence[Entry],
    *,
    later: Shelf,
    expired: "Expired",
    now: datetime,
    max_lag: int,
) -> Comparison:
    """Which records of the sound batches stand in bronze, and what else stands there.

    `shelf` was read before bronze, so nothing is missing by a race; `later` was read after it, so
    nothing is too much by one. What `expired` objects held stands in bronze, and counts.
    """
    loaded = {entry.key for entry in ledger}
    unloaded: list[Batch] = []
    waiting: list[Batch] = []
    holes: list[Range] = []
    extra: list[Range] = []
    old: list[Range] = []
    for place, chain in shelf.chains.items():
        there = bronze.at(place)
        absent = [batch for batch in chain if _absent(batch, there) and batch.key not in loaded]
        young = [batch for batch in absent if _young(batch, now, max_lag)]
        unloaded += [batch for batch in absent if batch not in young]
        waiting += young
        holes += subtract(subtract(held_by(chain), there), ranges_of(absent))
    for place, rows in bronze.held.items():
        alone = expired.without(place, subtract(rows, held_by(later.chains.get(place, ()))))
        extra += subtract(alone, bronze.old.get(place, ()))
        old += common(alone, bronze.old.get(place, ()))
    held = {place: held_by(chain) for place, chain in shelf.chains.items()}
    expected = sum(total(ranges) for ranges in held.values())
    accounted = sum(shared(ranges, bronze.at(place)) for place, ranges in held.items())
    pruned = sum(
        shared(ranges, bronze.pruned.get(place, ()))
        for place, ranges in [*held.items(), *expired.held.items()]
    )
    return Comparison(
        expected=expected + expired.records,
        accounted=accounted + expired.records,
        unloaded=tuple(unloaded),
        in_flight=sum(batch.records for batch in waiting),
        pruned=pruned,
        holes=merged(holes),
        extra=merged(extra),
        old=merged(old),
        waiting=tuple(waiting),
    )


def held_by(chain: Iterable[Batch]) -> Ranges:
    """The offsets of the sound batches of a chain."""
    return merged(item for batch in chain for item in _held(batch))


def _held(batch: Batch) -> Ranges:
    """The offsets of a sound batch; where it was not read, the whole of its range."""
    if not batch.sound or batch.manifest is None:
        return ()
    return (batch.manifest.range,) if batch.held is None else batch.held


def _absent(batch: Batch, there: Ranges) -> bool:
    held = _held(batch)
    return bool(held) and not common(held, there)


def _young(batch: Batch, now: datetime, max_lag: int) -> bool:
    oldest = batch.manifest.min_timestamp if batch.manifest else None
    return oldest is not None and -max_lag <= now.timestamp() - oldest / 1000 <= max_lag


def unloaded(found: Comparison, shelf: Shelf, *, table: "Table") -> Finding:
    """B1: every object older than what may be in flight is in bronze."""
    if not found.unloaded:
        said = f"{counted(found.in_flight, 'record')} in flight" if found.in_flight else ""
        return passed(len(shelf.batches), said)
    ranges = ranges_of(found.unloaded)
    sample = of_ranges(ranges)
    return Finding(
        state=State.FAIL,
        evaluated=len(shelf.batches),
        missing=sample,
        message=f"{counted(len(found.unloaded), 'object')} not loaded: {in_words(ranges)} "
        f"({counted(sample.total, 'record')})",
        hint=f"bictl load-bronze --table {table.name}",
    )


def holes(found: Comparison, *, table: "Table") -> Finding:
    """B3: no record is missing inside what was loaded."""
    if not found.holes:
        return passed(found.expected, f"{found.pruned:,} pruned" if found.pruned else "")
    sample = of_ranges(found.holes)
    return Finding(
        state=State.FAIL,
        evaluated=found.expected,
        missing=sample,
        expected=counted(found.expected, "record"),
        actual=counted(found.accounted, "row") + (f", {found.pruned} pruned" * bool(found.pruned)),
        message=f"{in_words(found.holes)} ({counted(sample.total, 'record')}) lost from bronze",
        hint=f"bictl load-bronze --table {table.name} --replay",
    )


def surplus(found: Comparison, bronze: Bronze, *, table: "Table") -> Finding:
    """B7: bronze holds no record that no sound object holds."""
    evaluated = max(bronze.rows, found.expected)
    if found.old and not found.extra:
        return Finding(
            state=State.WARN,
            evaluated=evaluated,
            extra=of_ranges(found.old),
            message=f"{in_words(found.old)} ({counted(total(found.old), 'row')}) of other"
            " scripts are in no"
            " object yet",
            hint=f"bictl load-bronze --table {table.name}",
        )
    if not found.extra:
        return passed(evaluated)
    sample = of_ranges(found.extra)
    return Finding(
        state=State.FAIL,
        evaluated=evaluated,
        extra=sample,
        message=f"{in_words(found.extra)} ({counted(sample.total, 'row')}) are in bronze and in"
        " no object",
        hint=f"what Kafka still has of them: bictl ingest --table {table.name} --fill; the others:"
        " restore their objects from the bucket's backup",
    )


def once(found: Comparison, bronze: Bronze, *, table: "Table") -> Finding:
    """B2: no record stands twice, in bronze, in the quarantine or in both, nor is one pruned that
    stands there."""
    ranges = merged(item for place in bronze.doubled.values() for item in place)
    evaluated = max(bronze.rows, found.expected)
    back = merged(
        item
        for place, gone in bronze.pruned.items()
        for item in common(gone, bronze.held.get(place, ()))
    )
    if not ranges and not back:
        return passed(evaluated)
    said = [f"{in_words(ranges)} stand more than once"] if ranges else []
    if back:
        said.append(
            f"{in_words(back)} ({counted(total(back), 'record')}) are recorded as pruned yet there"
        )
    once_more = f"bictl load-bronze --table {table.name} --replay"
    return Finding(
        state=State.FAIL,
        evaluated=evaluated,
        extra=of_ranges([*ranges, *back]),
        message="; ".join(said),
        hint=f"bictl repair --table {table.name} --select B2" if ranges else once_more,
    )


def constraint(bronze: Bronze, *, table: "Table") -> Finding:
    """B4: the unique index that keeps a record from being loaded twice works."""
    if KEY_COLUMNS in bronze.unique:
        return passed(1)
    if bronze.is_others:
        return Finding(
            state=State.FAIL,
            evaluated=1,
            message=f"{table.bronze} was made by other scripts and is not taken over yet",
            hint="bictl migrate",
        )
    if not bronze.exists:
        return Finding(
            state=State.FAIL,
            evaluated=1,
            message=f"{table.bronze} does not exist",
            hint=f"bictl load-bronze --table {table.name}",
        )
    return Finding(
        state=State.FAIL,
        evaluated=1,
        expected=f"a valid unique index on ({', '.join(KEY_COLUMNS)})",
        actual="; ".join(", ".join(columns) for columns in bronze.unique) or "none",
        message=f"{table.bronze} has no valid unique index on {', '.join(KEY_COLUMNS)}",
        hint="bictl migrate",
    )


def origins(shelf: Shelf, bronze: Bronze, found: Comparison, *, table: "Table") -> Finding:
    """B5: each row names the object that holds its record."""
    ranges = {
        batch.key: (batch.name.generation, batch.manifest.range)
        for batch in shelf.batches
        if batch.manifest
    }
    wrong = sorted(
        {
            origin.key
            for origin in bronze.origins
            if origin.key in ranges and not _inside(origin, *ranges[origin.key])
        }
    )
    evaluated = max(len(bronze.origins), found.expected)
    if not wrong:
        return passed(evaluated)
    return Finding(
        state=State.FAIL,
        evaluated=evaluated,
        extra=of_keys(wrong),
        message=f"rows name objects that do not hold their offsets: {of_keys(wrong)}",
        hint=f"bictl load-bronze --table {table.name} --replay",
    )


def _inside(origin: Origin, generation: str, claimed: Range) -> bool:
    return origin.generation == generation and not subtract([origin.range], [claimed])


def quarantine(
    bronze: Bronze, acked: Mapping[str, str], found: Comparison, *, table: "Table"
) -> Finding:
    """B6: nothing is quarantined whose SQLSTATE nobody acknowledged; `acked` has the words."""
    open_ = [item for item in bronze.rejected if item.sqlstate not in acked]
    count = sum(item.count for item in open_)
    evaluated = max(bronze.rows, found.expected)
    accepted = _accepted(bronze, acked)
    if not open_:
        return passed(evaluated, accepted)
    words = "; ".join(f"{item.count} × {item.sqlstate} {item.reason}" for item in open_[:3])
    words += f"; and {counted(len(open_) - 3, 'more reason')}" if len(open_) > 3 else ""
    words += f"; beside them {accepted}" if accepted else ""
    return Finding(
        state=State.FAIL,
        evaluated=evaluated,
        extra=of_keys([item.sqlstate for item in open_], count),
        message=f"{counted(count, 'record')} quarantined: {words}",
        hint=f"bictl quarantine list --table {table.name}",
    )


def _accepted(bronze: Bronze, acked: Mapping[str, str]) -> str:
    """What stays in quarantine by a person's word."""
    counts: dict[str, int] = {}
    for item in bronze.rejected:
        if item.sqlstate in acked:
            counts[item.sqlstate] = counts.get(item.sqlstate, 0) + item.count
    return "; ".join(
        f"{counted(count, 'record')} in {acked[state]}" for state, count in counts.items()
    )


def other_topics(bronze: Bronze, found: Comparison, *, table: "Table") -> Finding:
    """B8: the table holds only its own topic's records."""
    evaluated = max(bronze.rows, found.expected)
    if not bronze.other_topics:
        return passed(evaluated)
    words = ", ".join(f"{count} of {topic}" for topic, count in bronze.other_topics.items())
    return Finding(
        state=State.WARN,
        evaluated=evaluated,
        extra=of_keys(list(bronze.other_topics), sum(bronze.other_topics.values())),
        message=f"{table.bronze} holds records of other topics: {words}",
        hint="give each topic a bronze table of its own in the configuration",
    )


def ordered(shelf: Shelf, bronze: Bronze, numbers: Mapping[str, int], *, table: "Table") -> Finding:
    """B14: the number that orders a generation is the same in its manifests and in Postgres."""
    said: dict[str, dict[int, list[str]]] = {}
    for batch in shelf.batches:
        if batch.sound and batch.manifest:
            of_life = said.setdefault(batch.manifest.generation, {})
            of_life.setdefault(batch.manifest.generation_no, []).append(batch.key)
    loaded = {generation for generation, _ in bronze.held}
    wrong, words = list[str](), list[str]()
    for life, by_number in said.items():
        known = numbers.get(life)
        if known is None and life in loaded:
            wrong.append(life)
            words.append(f"bronze.cdc_generation does not know {life}")
        elif known is not None and known not in by_number:
            wrong.append(life)
            words.append(f"{life} is {known} in bronze.cdc_generation, {min(by_number)} in objects")
        elif len(by_number) > 1:
            most = max(by_number, key=lambda number: (number == known, len(by_number[number])))
            odd = [key for number, keys in by_number.items() if number != most for key in keys]
            wrong += odd
            words.append(f"{life} is {most}, other objects say otherwise: {of_keys(odd)}")
    if not wrong:
        return passed(len(shelf.batches) or len(shelf.places))
    return Finding(
        state=State.FAIL,
        evaluated=len(shelf.batches),
        extra=of_keys(wrong),
        message=f"which record is the newest depends on it: {'; '.join(words)}",
        hint=f"delete a wrong object, then bictl ingest --table {table.name} --fill; "
        f"or put bronze.cdc_generation right: bictl load-bronze --table {table.name} --replay",
    )


def tally(found: Comparison) -> Tally:
    """Records in sound objects, and those that stand in bronze or the quarantine."""
    missing = found.missing
    return Tally(
        expected=found.expected,
        accounted=found.accounted,
        in_flight=found.in_flight,
        pruned=found.pruned,
        missing=of_ranges(missing) if missing else NOTHING,
        extra=of_ranges(found.extra) if found.extra else NOTHING,
    )
