"""bictl itself: its tables' version, its ledger, its last full verdict."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from bictl.counted import counted
from bictl.errors import SchemaMismatch
from bictl.verify.bronze import Bronze
from bictl.verify.objects import Entry
from bictl.verify.ranges import Ranges, in_words, total
from bictl.verify.report import Finding, Kind, State, of_keys, of_ranges, passed
from bictl.verify.shelf import Place, Shelf

if TYPE_CHECKING:
    from bictl.settings import Table


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The last full verdict that was complete: what a quick look stands on."""

    at: datetime
    frontiers: dict[Place, int]
    run: str = ""

    @property
    def words(self) -> str:
        """`verified through 0:61443 at 2024-05-14 12:00 UTC`."""
        through = ", ".join(
            f"{partition}:{frontier}" for (_, partition), frontier in sorted(self.frontiers.items())
        )
        return f"verified through {through} at {self.at:%Y-%m-%d %H:%M} UTC"


def version(mismatch: SchemaMismatch | None) -> Finding:
    """M1: bictl's tables are those of this program."""
    if mismatch is None:
        return passed(1)
    return Finding(
        state=State.FAIL,
        evaluated=1,
        message=mismatch.message,
        hint=mismatch.hint or "bictl migrate",
    )


def ledger(entries: Sequence[Entry], bronze: Bronze, shelf: Shelf, *, table: "Table") -> Finding:
    """M2: the ledger knows every object that bronze has rows of; it is never the only evidence."""
    known = {entry.key for entry in entries}
    listed = {batch.key for batch in shelf.batches}
    unknown = sorted(key for key in bronze.files if key in listed and key not in known)
    evaluated = len(known) + len(unknown)
    if not unknown and (other := _described_otherwise(entries, shelf)):
        return Finding(
            state=State.WARN,
            evaluated=evaluated,
            extra=of_keys(other),
            message=f"{counted(len(other), 'object', 'is')} described otherwise in the ledger"
            " than by their "
            f"manifests: {of_keys(other)}",
            hint=f"bictl verify --table {table.name} --deep; O6 tells which is wrong",
        )
    if not unknown:
        return passed(evaluated or 1)
    return Finding(
        state=State.WARN,
        evaluated=evaluated,
        missing=of_keys(unknown),
        message=f"{counted(len(unknown), 'loaded object', 'is')} not in the ledger:"
        f" {of_keys(unknown)}",
        hint=f"bictl load-bronze --table {table.name}",
    )


def _described_otherwise(entries: Sequence[Entry], shelf: Shelf) -> list[str]:
    """Objects with the bytes that were loaded, whose manifest says other things of them."""
    manifests = {batch.key: batch.manifest for batch in shelf.batches if batch.manifest}
    return [
        entry.key
        for entry in entries
        if (manifest := manifests.get(entry.key))
        and manifest.sha256 == entry.sha256
        and entry.stamps is not None
        and (entry.range, entry.records, *entry.stamps)
        != (
            manifest.range,
            manifest.records,
            manifest.tombstones,
            manifest.min_timestamp,
            manifest.max_timestamp,
        )
    ]


def conflicts(met: Ranges) -> Finding:
    """B9: no loader ever met two different records at one offset."""
    if not met:
        return passed(1)
    return Finding(
        state=State.FAIL,
        evaluated=1,
        kind=Kind.LOSS,
        extra=of_ranges(met),
        message=f"{in_words(met)} ({counted(total(met), 'offset')}) came twice with different"
        " content",
        hint="select * from bictl.offset_conflict",
    )


def full_verdict(verdict: Verdict | None, *, table: "Table") -> Finding:
    """M3: a quick look stands on a full verdict."""
    if verdict is not None:
        return passed(1, verdict.words)
    return Finding(
        state=State.WARN,
        evaluated=1,
        message="no full verdict was ever complete: this quick look compares from the beginning",
        hint=f"bictl verify --table {table.name}",
    )
