"""One batch into Postgres, in one transaction: rows, quarantine, conflicts and the ledger's row.

The ledger's CHECK is the last word: a transaction in which a record got lost cannot commit.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from bictl import assets
from bictl.bronze.batch import Batch
from bictl.bronze.copy import ChunkReader, text_rows
from bictl.bronze.prepare import Prepared, Reject, instant
from bictl.bronze.salvage import salvage
from bictl.bronze.schemas import SchemaIds
from bictl.errors import BictlError
from bictl.records import Range, generation_prefix
from bictl.wire import Line

if TYPE_CHECKING:
    from bictl.clients.database import Database
    from bictl.settings import Table

COPY = "copy pg_temp.bictl_batch from stdin (format binary)"
_COPY_REJECTS = "copy pg_temp.bictl_reject from stdin (format binary)"
_LOCK = "bictl:object:{}"
_TRY = "select pg_try_advisory_xact_lock(hashtextextended(%s, 0))"


@dataclass(frozen=True)
class Conflict:
    """An offset that bronze or quarantine holds with other content, from another object."""

    partition: int
    offset: int
    standing_file: str


@dataclass(frozen=True)
class Released:
    """What the quarantine held of a record that has loaded now."""

    offset: int
    key: bytes | None
    value: bytes | None
    instant: str
    file: str
    sha256: str

    def is_same(self, line: Line) -> bool:
        """Whether it was the very record."""
        return (self.key, self.value) == (line.key, line.value)


@dataclass(frozen=True, kw_only=True)
class Stored:
    """What became of a batch.

    `known` was loaded before, `busy` is being loaded by another run; `changed` says that the object
    had been loaded with other content, `restored` counts records that had been pruned.
    """

    state: Literal["loaded", "known", "busy"] = "loaded"
    changed: bool = False
    loaded: int = 0
    quarantined: int = 0
    duplicates: int = 0
    restored: int = 0
    tombstones: int = 0
    conflicts: tuple[Conflict, ...] = ()


def store(
    database: "Database",
    prepared: Prepared,
    *,
    table: "Table",
    ids: SchemaIds,
    run: str,
    wait: bool,
    anew: bool = False,
) -> Stored:
    """Loads a batch, whole or not at all; unless `wait`, not while another loader is at it.

    `anew` deletes, in the same transaction, what the object has brought before.
    """
    batch = prepared.batch
    known_ids = _known_ids(ids, prepared)
    database.execute(assets.sql("bronze/generation"), _place(batch))
    with database.transaction():
        if not _lock(database, batch, wait=wait):
            return Stored(state="busy")
        # in here: behind a pooler the next transaction may have another session
        database.execute(assets.sql("bronze/temp_tables"))
        contents = database.rows(
            "select sha256 from bictl.object_ledger where object_key = %s", [batch.info.key]
        )
        known = (batch.manifest.sha256,) in contents
        if known and not anew:
            _renew_etag(database, batch)
            return Stored(state="known")
        work = BatchStore(database, batch, table=table)
        if anew:
            work.forget()
        _put_all(work, prepared, known_ids, ids)
        return work.finish(run, changed=bool(contents) and not known)


class BatchStore:
    """A batch's way into bronze inside an open transaction, with its running account."""

    def __init__(self, database: "Database", batch: Batch, *, table: "Table") -> None:
        self.database, self.batch, self.table = database, batch, table
        self.loaded = self.quarantined = self.duplicates = self.restored = 0
        self._conflicts: dict[int, str] = {}
        self._released: dict[int, Released] = {}
        self._used = False

    def put(self, copied: Iterable[bytes], count: int, schema_ids: list[int]) -> None:
        """Copies `count` records in; all of them, or an error and none."""
        values = {**_place(self.batch), "schema_ids": schema_ids}
        with self.database.transaction():
            if self._used:
                self.database.execute("truncate pg_temp.bictl_batch")
            self.database.copy_in(COPY, ChunkReader(copied))
            loaded = self._run("bronze/insert", values)
            conflicts = [] if loaded == count else self._adopt(values)
            released = self.database.rows(assets.sql("bronze/release"), values)
            restored = self._unprune(None)
        self._used = True
        self.restored += restored
        self._released.update({row[0]: _released(row) for row in released})
        self.loaded += loaded
        self.duplicates += count - loaded
        self._conflicts.update(conflicts)

    def _adopt(self, values: dict[str, Any]) -> list[tuple[int, str]]:
        """What stood there already: rows of other scripts that are the same records become this
        object's; the others are returned, each with the file that it came from."""
        conflicts = [(offset, file) for offset, file in self._rows("bronze/conflicts", values)]
        others = [offset for offset, _ in conflicts]
        ours = generation_prefix(self.table.prefix, "").rstrip("/")
        self._run("bronze/adopt", {**values, "ours": ours, "conflicts": others})
        return conflicts

    def reject(self, rejects: Sequence[Reject]) -> None:
        """Puts records into quarantine; what stands elsewhere already is a duplicate."""
        if not rejects:
            return
        place = _place(self.batch)
        self.database.execute("truncate pg_temp.bictl_reject")
        self.database.copy_in(_COPY_REJECTS, ChunkReader(text_rows(_reject_rows(rejects))))
        inserted = [int(offset) for (offset,) in self._rows("bronze/quarantine", place)]
        if inserted:
            self.restored += self._unprune([Range(0, at, at + 1) for at in inserted])
        self.quarantined += len(inserted)
        self.duplicates += len(rejects) - len(inserted)
        if len(inserted) < len(rejects):  # none stands anywhere where it was pruned just now
            there = self._rows("bronze/standing", {**place, "inserted": inserted})
            self._conflicts.update({offset: file for offset, file, same in there if not same})

    def forget(self) -> None:
        """Deletes what this object has brought before, for a replay; also what it had brought of
        what is pruned."""
        place = _place(self.batch)
        alone = self.database.value(assets.sql("bronze/is_alone"), place)
        self._run("bronze/forget_object", place)
        if alone:
            self.restored += self._unprune([self.batch.manifest.range])

    def _unprune(self, offsets: Sequence[Range] | None) -> int:
        """Takes offsets (None: those of the copied batch) out of what is pruned; how many."""
        spans = [f"[{item.first},{item.next})" for item in offsets or ()]
        given = None if offsets is None else f"{{{','.join(spans)}}}"
        values = {**_place(self.batch), "offsets": given}
        restored = int(self.database.value(assets.sql("bronze/unprune"), values))
        if restored:
            self.database.execute(assets.sql("bronze/drop_unpruned"), values)
        return restored

    def finish(self, run: str, *, changed: bool) -> Stored:
        """Writes conflicts and the ledger's row."""
        replaced: dict[int, str] = {}
        for line in self.batch.records() if self._conflicts or self._released else ():
            if standing := self._conflicts.get(line.offset):
                self._note({**_raw(line), "standing": standing})
            held = self._released.get(line.offset)
            if held is not None and not held.is_same(line):
                self._note({**vars(held), "standing": self.batch.info.key})
                replaced[line.offset] = held.file
        self._count_released()
        self.database.execute(assets.sql("bronze/ledger_insert"), self._ledger_row(run))
        partition = self.batch.manifest.partition
        return Stored(
            changed=changed,
            loaded=self.loaded,
            quarantined=self.quarantined,
            duplicates=self.duplicates,
            restored=self.restored,
            tombstones=self.batch.manifest.tombstones,
            conflicts=tuple(
                Conflict(partition, offset, file)
                for offset, file in sorted((self._conflicts | replaced).items())
            ),
        )

    def _count_released(self) -> None:
        """What left the quarantine is a duplicate of the objects that had brought it there."""
        for file, count in Counter(held.file for held in self._released.values()).items():
            values = {"file": file, "loaded": 0, "duplicates": count}
            self.database.execute(assets.sql("bronze/ledger_released"), values)

    def _note(self, values: dict[str, Any]) -> None:
        """Keeps the content that does not stand in bronze."""
        self.database.execute(assets.sql("bronze/note_conflict"), {**_place(self.batch), **values})

    def _ledger_row(self, run: str) -> dict[str, Any]:
        manifest, info = self.batch.manifest, self.batch.info
        return {
            **_place(self.batch),
            "etag": info.etag,
            "size": info.size,
            "records": manifest.records,
            "tombstones": manifest.tombstones,
            "min_instant": instant(manifest.min_timestamp),
            "max_instant": instant(manifest.max_timestamp),
            "loaded": self.loaded,
            "quarantined": self.quarantined,
            "duplicates": self.duplicates,
            "conflicts": len(self._conflicts),
            "ingest_run": manifest.run,
            "load_run": run,
            "sealed": info.modified,
        }

    def _run(self, name: str, values: dict[str, Any]) -> int:
        return self.database.execute(self.database.named(name, table=self.table.bronze), values)

    def _rows(self, name: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
        return self.database.rows(self.database.named(name, table=self.table.bronze), values)


def _put_all(
    work: BatchStore, prepared: Prepared, known_ids: list[int] | None, ids: SchemaIds
) -> None:
    """The batch in one COPY; record by record only where Postgres refuses that."""
    work.reject(prepared.rejects)
    if known_ids is not None:
        try:
            if prepared.count:
                work.put(prepared.chunks, prepared.count, known_ids)
        except BictlError as error:
            if work.database.refusal(error) is None:
                raise
        else:
            return
    salvage(work, ids)


def lock_object(database: "Database", key: str) -> None:
    """Waits until no other loader is at the object, until the end of the transaction."""
    database.lock(_LOCK.format(key))


def _known_ids(ids: SchemaIds, prepared: Prepared) -> list[int] | None:
    """The ids of the batch's schemas; None when jsonb refuses one of them."""
    try:
        return ids.of(prepared.book.schemas)
    except BictlError as error:
        if ids.database.refusal(error) is None:
            raise
        return None


def _lock(database: "Database", batch: Batch, *, wait: bool) -> bool:
    if wait:
        lock_object(database, batch.info.key)
        return True
    return bool(database.value(_TRY, [_LOCK.format(batch.info.key)]))


def _renew_etag(database: "Database", batch: Batch) -> None:
    """The same bytes were written once more: their new etag keeps them from being read again."""
    database.execute(
        "update bictl.object_ledger set etag = %s, sealed_at = %s"
        " where object_key = %s and sha256 = %s",
        [batch.info.etag, batch.info.modified, batch.info.key, batch.manifest.sha256],
    )


def _place(batch: Batch) -> dict[str, Any]:
    manifest = batch.manifest
    return {
        "file": batch.info.key,
        "sha256": manifest.sha256,
        "topic": manifest.topic,
        "generation": manifest.generation,
        "generation_no": manifest.generation_no,
        "partition": manifest.partition,
        "first": manifest.first,
        "next": manifest.next,
    }


def _released(row: tuple[Any, ...]) -> Released:
    offset, key, value, instant_text, file, sha256 = row
    return Released(
        offset,
        None if key is None else bytes(key),
        None if value is None else bytes(value),
        instant_text,
        file,
        sha256,
    )


def _reject_rows(rejects: Sequence[Reject]) -> Iterator[tuple[int, list[bytes | None]]]:
    """The rejects as bictl_reject takes them."""
    for number, reject in enumerate(rejects):
        line = reject.line
        words = (str(line.offset), str(instant(line.timestamp)))
        texts = [word.encode() for word in words]
        reasons = [reject.sqlstate.encode(), reject.reason.encode()]
        yield number, [*texts, line.key, line.value, *reasons]


def _raw(line: Any) -> dict[str, Any]:
    return {
        "offset": line.offset,
        "instant": instant(line.timestamp),
        "key": line.key,
        "value": line.value,
    }
