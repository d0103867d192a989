"""The world of bronze: Postgres in one snapshot, opened after everything upstream was read."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from bictl.clients.relations import columns
from bictl.errors import BictlError, SchemaMismatch
from bictl.records import Range, parse_batch_key
from bictl.verify import read_bronze, read_contents
from bictl.verify.bronze import Bronze, Comparison, compare
from bictl.verify.contents import Contents
from bictl.verify.evidence import once
from bictl.verify.expired import Expired, find_expired
from bictl.verify.objects import Entry
from bictl.verify.one_snapshot import OneSnapshot
from bictl.verify.ranges import Ranges, merged, subtract
from bictl.verify.read_replaced import read_replaced
from bictl.verify.replaced import Replaced, claims
from bictl.verify.schemas import Schemas
from bictl.verify.shelf import Place, Shelf
from bictl.verify.snapshots import Snapshot
from bictl.verify.taken import Taken
from bictl.verify.world_of_objects import ObjectsWorld, place_of

if TYPE_CHECKING:
    from bictl.clients.database import Database

_T = TypeVar("_T")


class BronzeWorld(ObjectsWorld):
    """The objects against bronze."""

    @once
    def snapshot(self) -> OneSnapshot:
        """Postgres, in a read-only snapshot that lasts as long as this world."""
        self._attempt("cut")
        self._attempt("shelf")
        self._postgres.open()
        return self._postgres

    def _in_snapshot(self, read: Callable[..., _T], *what: Any) -> _T:
        """Reads within a savepoint, so that a failed statement spoils no other check."""
        return self.snapshot.read(lambda database: read(database, *what))

    @once
    def schema_mismatch(self) -> SchemaMismatch | None:
        """What is wrong with the version of bictl's tables."""
        return self._in_snapshot(read_bronze.read_mismatch)

    @once
    def is_new(self) -> bool:
        """Whether bictl never wrote to this database."""
        return not self._in_snapshot(columns, "bictl.object_ledger")

    @once
    def is_others(self) -> bool:
        """Whether the bronze table is one that other scripts made, as they made it."""
        names = self._in_snapshot(columns, self.table.bronze)
        return "kafka_offset" in names and "generation" not in names

    @once
    def bronze(self) -> Bronze:
        """Bronze and the quarantine."""
        if self.is_new or self.is_others:
            return Bronze(exists=False, is_others=self.is_others)
        since = self.shelf.since
        starts = {**dict.fromkeys(self.shelf.places, 0), **since} if since else since
        return self._in_snapshot(read_bronze.read_bronze, self.table, starts)

    @once
    def quarantined(self) -> "Mapping[Place, Sequence[Range]]":
        """Which offsets stand in the quarantine: bronze's sets have them among their own."""
        if not self.bronze.rejected:
            return {}
        return self._in_snapshot(read_bronze.read_quarantined, self.table)

    @once
    def ledger(self) -> tuple[Entry, ...]:
        """The ledger of loaded objects, as a witness."""
        return () if self.is_new else self._in_snapshot(read_bronze.read_ledger, self.table)

    @once
    def conflicts(self) -> Ranges:
        """Where a loader met two different records at one offset."""
        return () if self.is_new else self._in_snapshot(read_bronze.read_conflicts, self.table)

    @once
    def numbers(self) -> dict[str, int]:
        """The numbers that order the generations in Postgres."""
        return {} if self.is_new else self._in_snapshot(read_bronze.read_numbers, self.table)

    @once
    def schemas(self) -> Schemas:
        """The interned schemas that bronze's rows name."""
        if not self.bronze.exists:
            return Schemas(used=0)
        return self._in_snapshot(read_bronze.read_schemas, self.table)

    @once
    def later_shelf(self) -> Shelf:
        """The shelf again, after bronze: with the objects that bronze may already know."""
        self._attempt("snapshot")
        known = {batch.key for batch in self.shelf.batches}
        added = [item for item in self._list().named if item[0].key not in known]
        since = self.shelf.since
        new = [item for item in added if item[1].first >= since.get(place_of(item[1]), 0)]
        if not new:
            return self.shelf
        return replace(
            self.shelf, batches=(*self.shelf.batches, *self._read(new, level=self.level))
        )

    @once
    def expired(self) -> Expired:
        """What of the objects that are gone had to go; rules are read where one is."""
        known = {batch.key for batch in self.later_shelf.batches}
        if all(entry.key in known for entry in self.ledger):
            return Expired()
        return find_expired(
            self.later_shelf, self.ledger, self.bronze.at, self.rules, now=self.question.now
        )

    @property
    def told_expired(self) -> Expired:
        """The same for a count that needs no Postgres: nothing where that cannot be read."""
        try:
            return self.expired
        except BictlError:
            return Expired()

    @once
    def unheld(self) -> Ranges:
        """What Kafka still serves of expired objects, and neither bronze nor the quarantine has;
        no key tells their slice, they are in the first one."""
        if self.question.slice.part != 1 or not self.expired.keys:
            return ()
        cut, expired = self.cut, self.expired
        with closing(self._own_reader.beside()) as reader:
            served = read_contents.served_of_expired(reader, cut, expired)
        return merged(
            item
            for place, found in served.items()
            for item in subtract(found, self.bronze.at(place))
        )

    @once
    def takeover_waits(self) -> bool | None:
        """Whether rows that other scripts had loaded may be in no object yet; None where the bronze
        table is bictl's own."""
        if self.is_new:
            return None
        return self._in_snapshot(read_bronze.read_takeover, self.table)

    @property
    def loaded_from(self) -> dict[str, int]:
        """Rows by the object they name. What scripts wrote there may be the name of any file."""
        files = self.bronze.files
        if self.takeover_waits is None:
            return files
        prefix = self.table.prefix
        return {key: rows for key, rows in files.items() if parse_batch_key(prefix, key)}

    @once
    def taken(self) -> Taken:
        """What other scripts left, and what became of it."""
        from bictl.ingest.old_objects import note_key, untaken
        from bictl.verify.taken import lost_again

        old, prefix, notes = self.shelf.old, self.table.prefix, self.notes
        waiting = untaken(self._objects, prefix, old)
        lost, said = lost_again(notes.values(), self.shelf.claimed, lambda: self.expired)
        try:
            rows_wait = bool(self.takeover_waits)
        except BictlError:  # what cannot be read is unknown elsewhere
            rows_wait = False
        return Taken(
            old=tuple(info.key for info in old),
            waiting=tuple(info.key for info in waiting),
            rows_wait=rows_wait,
            bad=tuple(
                (note.object, note.bad_lines, line)
                for info in old
                if (note := notes.get((info.key, info.etag))) and note.bad_lines
                for line in note.bad[:1]
            ),
            legacy=self.shelf.legacy_records,
            lost=lost,
            notes=tuple(note_key(prefix, note.object, note.etag) for note in said),
        )

    @once
    def comparison(self) -> Comparison:
        """Objects against bronze, as sets."""
        self._attempt("bronze")
        return compare(
            self.shelf,
            self.bronze,
            self.ledger,
            later=self.later_shelf,
            expired=self.expired,
            now=self.question.now,
            max_lag=self.max_lag,
        )

    @once
    def replaced(self) -> Replaced:
        """What prune says it has removed, against the objects and what stands in bronze."""
        claimed = claims(self.shelf, self.bronze, self.ledger)
        if self.level == "quick" or not claimed.pruned:
            return claimed
        return self._in_snapshot(self._check_keys, claimed)

    def _check_keys(self, database: "Database", claimed: Replaced) -> Replaced:
        pruned = self.bronze.pruned
        return read_replaced(self._objects, database, self.table, self.shelf, pruned, claimed)

    @once
    def loaded(self) -> Contents:
        """The objects against bronze and the quarantine, record by record."""
        return self._in_snapshot(self._compare_bronze) if self.bronze.exists else Contents()

    def _compare_bronze(self, database: "Database") -> Contents:
        within = self.question.slice
        return read_contents.compare_bronze(self._objects, database, self.table, self.shelf, within)

    @once
    def acked_reasons(self) -> dict[str, str]:
        """Quarantine reasons (SQLSTATE) that a person acknowledged, and in which words."""
        from bictl.verify.acks import reasons

        return reasons(self.acked)

    @once
    def snapshot_begins(self) -> frozenset[int] | None:
        """Partitions read from before a snapshot's first record in the current generation on;
        None: not known."""
        try:
            if self.is_new:
                return frozenset()
            return self._in_snapshot(read_bronze.snapshot_begins, self.table, self.cut.generation)
        except BictlError:
            return None

    @once
    def snapshots(self) -> tuple[Snapshot, ...]:
        """The newest marker of the connector's snapshots, by source table."""
        if not self.bronze.exists:
            return ()
        return self._in_snapshot(read_bronze.read_snapshots, self.table)

    @property
    def waiting(self) -> int:
        """Records above the frontier, and those in objects that are not in bronze."""
        above = sum(len(part.waiting) for part in self.cut.parts)
        found = self.comparison
        return above + found.in_flight + sum(len(item) for item in found.missing)
