"""Whether the connector's newest snapshot came to its end.

A table's rows come between a record marked `first` and one marked `last`; a table of one row has
only the last one (or only the first one, where it is the first of several tables).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from bictl.counted import counted
from bictl.records import Range
from bictl.verify.report import Finding, State, of_ranges, passed

if TYPE_CHECKING:
    from bictl.settings import Table


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The newest marker of a source table's snapshots; `begins` for a first one.

    `rows_so_far` counts what came since a first one, that one included; `newest_at` is when the
    record that was loaded last was written. `unloaded` counts the offsets between its markers that
    no loaded object holds, and `is_headless` marks an end without a beginning: such an end closes
    no key, although there are records from before it.
    """

    source_table: str
    begins: bool
    generation: str
    partition: int
    offset: int
    first_partition: int | None
    first_offset: int | None
    newest_at: datetime
    rows_so_far: int
    quarantined: int
    unloaded: int = 0
    is_headless: bool = False

    @property
    def place(self) -> str:
        """`0:61000`."""
        return f"{self.partition}:{self.offset}"

    def is_moving(self, now: datetime, max_lag: int) -> bool:
        """Whether something came within what may be in flight (seconds)."""
        return (now - self.newest_at).total_seconds() <= max_lag


def complete(
    snapshots: Sequence[Snapshot],
    *,
    rows: int,
    waiting: Callable[[], int],
    now: datetime,
    max_lag: int,
    table: "Table",
) -> Finding:
    """C4: the newest snapshot is complete; `waiting()` records of the topic are not in bronze yet,
    `rows` are."""
    begun = [one for one in snapshots if one.begins]
    if not begun:
        return _ended(snapshots, rows, table)
    one = begun[0]
    said = (
        f"the snapshot{_of(one)} that began at {one.place} has no end:"
        f" {counted(one.rows_so_far, 'row')} so far"
    )
    if behind := waiting():
        return _warn(
            snapshots,
            f"{said}, and {counted(behind, 'record', 'is')} not in bronze yet",
            f"bictl run --table {table.name}",
        )
    if one.is_moving(now, max_lag):
        return _warn(snapshots, f"{said}, the newest just now", "bictl cdc status")
    if one.rows_so_far == 1:
        return _warn(
            snapshots,
            f"{said}; it is whole if it is of the first of several tables, with one row",
            "bictl cdc status",
        )
    return Finding(
        state=State.FAIL,
        evaluated=len(snapshots),
        extra=of_ranges([Range(one.partition, one.offset, one.offset + 1)]),
        expected="a record marked as the snapshot's last",
        actual=f"{counted(one.rows_so_far, 'row')}, the newest written at"
        f" {one.newest_at:%Y-%m-%d %H:%M} UTC",
        message=f"{said}, none since {one.newest_at:%Y-%m-%d %H:%M} UTC",
        hint="why: bictl cdc status; to begin the snapshot anew: bictl cdc restart",
    )


def _ended(snapshots: Sequence[Snapshot], rows: int, table: "Table") -> Finding:
    for one in snapshots:
        if one.quarantined:
            return _warn(
                snapshots,
                f"{counted(one.quarantined, 'record')} of the snapshot{_of(one)} that ended at"
                f" {one.place} are"
                " in quarantine: keys that were deleted before it are not closed by it",
                f"bictl quarantine retry --table {table.name}",
            )
        if one.unloaded:
            return _warn(
                snapshots,
                f"{counted(one.unloaded, 'offset')} of the snapshot{_of(one)} that ended at"
                f" {one.place} are"
                " not loaded: keys that were deleted before it are not closed by it",
                f"bictl load-bronze --table {table.name}",
            )
        if one.is_headless:
            return _warn(
                snapshots,
                f"the snapshot{_of(one)} that ended at {one.place} has no beginning in bronze: keys"
                " that were deleted before it are not closed by it",
                f"bictl cdc snapshot --table {table.name} --blocking",
            )
    if snapshots:
        return passed(len(snapshots))
    return passed(min(rows, 1), "no snapshot in this topic")


def _of(one: Snapshot) -> str:
    return f" of {one.source_table}" if one.source_table else ""


def _warn(snapshots: Sequence[Snapshot], message: str, hint: str) -> Finding:
    return Finding(state=State.WARN, evaluated=len(snapshots), message=message, hint=hint)
