"""Loading from the quarantine: its raw bytes through the same COPY again, an object at a time.

What loads now leaves the quarantine in the same transaction, what is refused again stays, with the
reason of today. The objects are not read: the quarantine has the records whole.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from bictl import assets
from bictl.bronze.copy import ChunkReader
from bictl.bronze.prepare import Reject, unloadable
from bictl.bronze.quarantine import ALL, Chosen, Row, line_of, list_rows
from bictl.bronze.salvage import GROUP_BYTES, GROUP_RECORDS, load_group
from bictl.bronze.schemas import SchemaIds
from bictl.bronze.store import COPY, lock_object
from bictl.records import OnProgress, Progress, Stop, never_stop, no_progress
from bictl.wire import Line

if TYPE_CHECKING:
    from bictl.clients.database import Database
    from bictl.settings import Table


@dataclass(frozen=True, kw_only=True)
class Retried:
    """What became of records in quarantine.

    `stayed` counts those that were refused again by SQLSTATE, `conflicts` those that stay because
    bronze holds another record there, `left` those that were not reached.
    """

    table: str
    tried: int = 0
    loaded: int = 0
    duplicates: int = 0
    conflicts: int = 0
    stayed: tuple[tuple[str, int], ...] = ()
    left: int = 0

    @property
    def changed(self) -> bool:
        """Whether a record left the quarantine."""
        return self.loaded + self.duplicates > 0

    @property
    def exit_code(self) -> int:
        """3 while some stay."""
        return 3 if self.stayed or self.conflicts or self.left else 0

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The counts as one row."""
        return [
            {
                "table": self.table,
                "tried": self.tried,
                "loaded": self.loaded,
                "duplicates": self.duplicates,
                "stayed": sum(count for _, count in self.stayed),
                "conflicts": self.conflicts,
                "left": self.left,
                "reasons": dict(self.stayed),
            }
        ]

    @property
    def summary(self) -> str:
        """One line for a person."""
        if not self.tried and not self.left:
            return "nothing to do: nothing of that is in quarantine"
        parts = [f"{self.loaded:,} of {self.tried:,} records loaded from quarantine"]
        parts += [f"{self.duplicates:,} were in bronze already"] if self.duplicates else []
        words = ", ".join(f"{count:,} × {state}" for state, count in self.stayed)
        parts += [f"{words} stay there"] if self.stayed else []
        parts += [f"{self.conflicts:,} stay beside another record in bronze"] * bool(self.conflicts)
        parts += [f"{self.left:,} left for the next run"] if self.left else []
        return ", ".join(parts)


def retry(
    database: "Database",
    *,
    table: "Table",
    chosen: Chosen = ALL,
    on_progress: OnProgress = no_progress,
    stop: Stop = never_stop,
) -> Retried:
    """Loads what is chosen of the quarantine, one transaction an object."""
    rows = list_rows(database, table=table, chosen=chosen)
    account = _Account()
    for place, some in groupby(sorted(rows, key=_order), key=_place):
        if stop():
            break
        _retry_object(database, table, place, list(some), account)
        on_progress(Progress(stage="quarantine", done=account.reached, total=len(rows)))
    return account.result(table.name, left=len(rows) - account.reached)


class _Account:
    """The running tally."""

    def __init__(self) -> None:
        self.reached = self.tried = self.loaded = self.duplicates = self.conflicts = 0
        self._stayed: dict[str, int] = {}

    def add(self, again: "_Again", wanted: int) -> None:
        """Takes up what became of one object's records; another run may have taken some."""
        self.reached += wanted
        self.tried += again.tried
        self.loaded += again.loaded
        self.duplicates += again.duplicates
        self.conflicts += again.conflicts
        for state, count in again.stayed.items():
            self._stayed[state] = self._stayed.get(state, 0) + count

    def result(self, table: str, *, left: int) -> Retried:
        """The end of the tally."""
        return Retried(
            table=table,
            tried=self.tried,
            loaded=self.loaded,
            duplicates=self.duplicates,
            conflicts=self.conflicts,
            stayed=tuple(sorted(self._stayed.items())),
            left=left,
        )


class _Again:
    """One object's way from quarantine into bronze, inside an open transaction."""

    def __init__(
        self, database: "Database", table: "Table", place: dict[str, Any], rows: Iterable[Row]
    ) -> None:
        self.database, self._table, self._place = database, table, place
        self._reasons = {row.offset: (row.sqlstate, row.reason) for row in rows}
        self._ids = SchemaIds(database)
        self.tried = self.loaded = self.duplicates = self.conflicts = 0
        self.stayed: dict[str, int] = {}

    def take(self, lines: list[Line]) -> None:
        """Tries some records that are held in memory."""
        self.tried += len(lines)
        refused = {line.offset: reject for line in lines if (reject := unloadable(line))}
        self.reject(list(refused.values()))
        load_group(self, self._ids, [line for line in lines if line.offset not in refused])

    def put(self, copied: Iterable[bytes], count: int, schema_ids: list[int]) -> None:
        """Copies `count` records in, and takes them out of quarantine; all of them, or none."""
        values = {**self._place, "schema_ids": schema_ids}
        with self.database.transaction():
            self.database.execute("truncate pg_temp.bictl_batch")
            self.database.copy_in(COPY, ChunkReader(copied))
            loaded = self.database.execute(self._named("bronze/insert"), values)
            other = 0 if loaded == count else self._leave_out_different(values)
            self.database.execute(assets.sql("bronze/quarantine_leave"), values)
        self.loaded += loaded
        self.duplicates += count - loaded - other
        self.conflicts += other

    def reject(self, rejects: Sequence[Reject]) -> None:
        """Leaves records where they are, with the reason of today."""
        for reject in rejects:
            self.stayed[reject.sqlstate] = self.stayed.get(reject.sqlstate, 0) + 1
            if self._reasons[reject.line.offset] != (reject.sqlstate, reject.reason):
                self._restate(reject)

    def _restate(self, reject: Reject) -> None:
        values = {"sqlstate": reject.sqlstate, "reason": reject.reason}
        where = {**self._place, "offset": reject.line.offset}
        self.database.execute(assets.sql("bronze/quarantine_again"), {**where, **values})

    def finish(self) -> None:
        """Counts anew in the ledger."""
        counts = {"loaded": self.loaded, "duplicates": self.duplicates}
        if self.loaded or self.duplicates:
            self.database.execute(assets.sql("bronze/ledger_released"), {**self._place, **counts})

    def _leave_out_different(self, values: dict[str, Any]) -> int:
        """How many of the copied records have another one in bronze: those stay in quarantine."""
        other = [row[0] for row in self.database.rows(self._named("bronze/conflicts"), values)]
        query = "delete from pg_temp.bictl_batch where kafka_offset = any(%s)"
        return self.database.execute(query, [other])

    def _named(self, name: str) -> Any:
        return self.database.named(name, table=self._table.bronze)


def _retry_object(
    database: "Database",
    table: "Table",
    place: tuple[str, int, str],
    rows: list[Row],
    account: _Account,
) -> None:
    """Everything that is wanted of one object, in one transaction."""
    generation, partition, file = place
    where = {"topic": table.topic, "generation": generation, "partition": partition, "file": file}
    with database.transaction():
        lock_object(database, file)
        database.execute(assets.sql("bronze/temp_tables"))
        again = _Again(database, table, where, rows)
        for some in _groups(rows):
            wanted = {**where, "offsets": [row.offset for row in some]}
            raws = database.rows(assets.sql("bronze/quarantine_raw"), wanted)
            again.take([line_of(table, partition, raw) for raw in raws])
        again.finish()
    account.add(again, len(rows))


def _groups(rows: list[Row]) -> Iterator[list[Row]]:
    """As many records as may be in memory at a time."""
    group: list[Row] = []
    for row in rows:
        group.append(row)
        if len(group) >= GROUP_RECORDS or sum(item.bytes for item in group) >= GROUP_BYTES:
            yield group
            group = []
    if group:
        yield group


def _order(row: Row) -> tuple[str, int, str, int]:
    return row.generation, row.partition, row.object, row.offset


def _place(row: Row) -> tuple[str, int, str]:
    return row.generation, row.partition, row.object
