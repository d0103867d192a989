"""The objects: what is listed, whether each is what was sealed, and whether they form one chain."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from bictl.counted import counted
from bictl.records import Range
from bictl.verify.contents import Contents
from bictl.verify.ranges import in_words, merged, subtract, total
from bictl.verify.report import Finding, State, of_keys, of_ranges, passed
from bictl.verify.shelf import Place, Shelf, overlaps, unclaimed

if TYPE_CHECKING:
    from bictl.settings import Table
    from bictl.verify.expired import Expired


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One ledger row, as far as verify uses it: as a witness, never as the only one.

    `sealed` is when the object was written, or when it was loaded where that was not kept.
    """

    key: str
    sha256: str
    range: Range
    generation: str
    records: int = 0
    size: int = 0
    sealed: datetime | None = None
    stamps: tuple[int, int | None, int | None] | None = None  # tombstones, timestamps from and to


def foreign(shelf: Shelf) -> Finding:
    """O1: every key under the prefix is one of bictl's own."""
    evaluated = len(shelf.batches) + len(shelf.old) + len(shelf.foreign)
    if not shelf.foreign:
        return passed(evaluated)
    return Finding(
        state=State.WARN,
        evaluated=evaluated,
        extra=of_keys(shelf.foreign),
        message=f"{counted(len(shelf.foreign), 'object', 'is')} not bictl's and are never loaded: "
        f"{of_keys(shelf.foreign)}",
        hint="move them out of the prefix",
    )


def chain(shelf: Shelf, expired: "Callable[[], Expired]", *, table: "Table") -> Finding:
    """O2: from the baseline to the frontier each offset belongs to a sound batch, or to one that
    has `expired`, which is asked where one is gone."""
    gone = {place: gaps for place in shelf.places if (gaps := unclaimed(shelf, place))}
    old = expired() if gone else None
    gaps = merged(
        gap for place, found in gone.items() for gap in (old.without(place, found) if old else ())
    )
    if not gaps:
        return passed(len(shelf.batches) or len(shelf.places), old.words if old else "")
    sample = of_ranges(gaps, at_most=True)
    return Finding(
        state=State.FAIL,
        evaluated=len(shelf.batches) or len(shelf.places),
        missing=sample,
        message=f"{in_words(gaps)} ({sample.of('record')}) in no sound object"
        f"{old.objection if old else ''}",
        hint=f"bictl ingest --table {table.name} --fill",
    )


def overlap(shelf: Shelf, compared: Callable[[], Contents]) -> Finding:
    """O5: no two batches answer for the same offsets; where they do, they hold the same records.

    `compared` compares them, when it is asked.
    """
    found = [
        (left, right, shared)
        for chain in shelf.chains.values()
        for left, right, shared in overlaps(chain)
    ]
    if not found:
        return passed(len(shelf.batches))
    ranges, contents = merged(shared for _, _, shared in found), compared()
    where = f"{found[0][0].key} and {found[0][1].key}"
    if contents.different:
        return Finding(
            state=State.FAIL,
            evaluated=len(shelf.batches),
            extra=of_ranges(contents.different),
            message=f"{in_words(contents.different)}"
            f" ({counted(total(contents.different), 'record')}) have "
            f"other content in another object: {where}",
            hint="compare both with Kafka: bictl verify --deep; then move the wrong one away",
        )
    alone = (
        f"; {counted(contents.only, 'record', 'is')} in one of them only" if contents.only else ""
    )
    return Finding(
        state=State.WARN,
        evaluated=len(shelf.batches),
        extra=of_ranges(ranges),
        message=f"{in_words(ranges)} in two objects: {where};"
        f" {counted(contents.compared, 'record', 'is')} "
        f"the same in both{alone}",
        hint="nothing is lost: bronze keeps each record once; move one of them away",
    )


def vanished(
    shelf: Shelf, ledger: Sequence[Entry], loaded_from: Mapping[str, int], expired: "Expired"
) -> Finding:
    """O3: every object that the ledger or a bronze row names is still there, or has `expired`, or
    others hold its range now.

    `loaded_from` maps `batch_file` to its number of rows: what the ledger may have forgotten.
    """
    there = {batch.key for batch in shelf.batches} | set(shelf.foreign)
    known = {entry.key for entry in ledger}
    named = known | set(loaded_from)
    settled = there | expired.keys | {entry.key for entry in ledger if _is_sealed(shelf, entry)}
    gone = sorted(key for key in named - settled if _within(shelf, key))
    if not gone:
        return passed(len(named), expired.words)
    return Finding(
        state=State.FAIL,
        evaluated=len(named),
        missing=of_keys(gone),
        message=f"{counted(len(gone), 'loaded object', 'is')} gone: {of_keys(gone)}"
        f"{expired.objection}",
        hint="restore them from the bucket's backup; what Kafka still has: bictl ingest --fill"
        "; if a rule deletes them that bictl cannot read: expire_after_days in the configuration",
    )


def frontier_objects(
    shelf: Shelf, *, again: "Callable[[], Collection[Place]]", table: "Table"
) -> Finding:
    """O7: what outlives the batches is there for each partition, and can be believed.

    `again` looks once more, where one is missing: ingest writes it just after a first batch.
    """
    evaluated = len(shelf.kept) + len(shelf.damaged)
    gone = [] if shelf.damaged else _without_frontier(shelf, table, again)
    if gone:
        return Finding(
            state=State.WARN,
            evaluated=evaluated,
            missing=of_keys(gone),
            message=f"{counted(len(gone), 'frontier object', 'is')} gone, which have to outlive"
            " the batches: "
            f"{of_keys(gone)}",
            hint=f"bictl ingest --table {table.name}",
        )
    if not shelf.damaged:
        return passed(evaluated or 1)
    said = "; ".join(f"{key}: {why}" for key, why in shelf.damaged.items())
    return Finding(
        state=State.WARN,
        evaluated=evaluated,
        extra=of_keys(list(shelf.damaged)),
        message=f"{counted(len(shelf.damaged), 'frontier object', 'is')} not believed: {said}",
        hint=f"delete them, then: bictl ingest --table {table.name}",
    )


def _without_frontier(
    shelf: Shelf, table: "Table", again: "Callable[[], Collection[Place]]"
) -> list[str]:
    """Keys of the frontier objects that partitions lack; a generation that has none at all is from
    before there were any."""
    from bictl.ingest.frontier_object import frontier_key

    written = {generation for generation, _ in shelf.kept}
    gone = [place for place in shelf.chains if place[0] in written and place not in shelf.kept]
    there = again() if gone else ()
    return [frontier_key(table.prefix, *place) for place in gone if place not in there]


def changed(shelf: Shelf, ledger: Sequence[Entry], *, table: "Table") -> Finding:
    """O4: no object holds other content than the one that was loaded."""
    loaded: dict[str, set[str]] = {}
    for entry in ledger:
        loaded.setdefault(entry.key, set()).add(entry.sha256)
    both = [batch for batch in shelf.batches if batch.key in loaded and batch.manifest]
    other = [
        batch.key
        for batch in both
        if batch.manifest is not None and batch.manifest.sha256 not in loaded[batch.key]
    ]
    if not other:
        return passed(len(both) or 1)
    return Finding(
        state=State.FAIL,
        evaluated=len(both),
        extra=of_keys(other),
        message=f"{counted(len(other), 'object')} changed since they were loaded: {of_keys(other)}",
        hint=f"bictl verify --table {table.name} --deep; a wrong object: delete it, then "
        f"bictl ingest --table {table.name} --fill; a wrong ledger: restore it from a backup",
    )


def content(shelf: Shelf, *, table: "Table") -> Finding:
    """O6: the bytes of every object are those that its manifest was sealed with."""
    broken = [batch for batch in shelf.batches if batch.damage]
    if not broken:
        return passed(len(shelf.batches))
    words = "; ".join(f"{batch.key}: {batch.damage}" for batch in broken[:3])
    ranges = [manifest.range for batch in broken if (manifest := batch.own_manifest) is not None]
    return Finding(
        state=State.FAIL,
        evaluated=len(shelf.batches),
        missing=of_ranges(ranges) if ranges else of_keys([batch.key for batch in broken]),
        extra=of_keys([batch.key for batch in broken]),
        message=f"{counted(len(broken), 'damaged object')}: {words}",
        hint=f"delete them, then: bictl ingest --table {table.name} --fill",
    )


def _within(shelf: Shelf, key: str) -> bool:
    """Whether a key lies in what this run listed: a quick look lists only the newest."""
    return not shelf.since or not key


def _is_sealed(shelf: Shelf, entry: Entry) -> bool:
    """Whether sound batches answer for the whole range: it was sealed anew, cut elsewhere."""
    claimed = shelf.claimed((entry.generation, entry.range.partition))
    return bool(claimed) and not subtract([entry.range], claimed)
