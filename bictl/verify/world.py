"""The world of one run: each piece of evidence is acquired when a check first needs it, and once,
also where several lanes need it at the same time.

That something could not be acquired is remembered too: the checks that need it are all unknown,
for one timeout and not for one each.
"""

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from bictl import assets, wire
from bictl.clients.relations import columns
from bictl.columns import Column
from bictl.embeddings.layout import TEXT_RULE
from bictl.errors import (
    AccessDenied,
    BictlError,
    ConfigError,
    NotFound,
    SchemaMismatch,
    StageFailed,
)
from bictl.records import Range, Stop, Topic, never_stop, parse_batch_key
from bictl.verify import cut as cutting
from bictl.verify import expired as expiring
from bictl.verify import read_bronze, read_contents, read_machine, read_rows, read_searched
from bictl.verify.bronze import Bronze, Comparison, compare
from bictl.verify.captured import SourceKeys
from bictl.verify.carried import Carried
from bictl.verify.contents import Contents
from bictl.verify.cut import Anchor, Cut, Ends, Life
from bictl.verify.decoded import Decoded
from bictl.verify.evolution import read_columns
from bictl.verify.expired import Expired, Rules, find_expired
from bictl.verify.inspect import Listing, list_objects, read_batches
from bictl.verify.latency import Latency, read_latency
from bictl.verify.machine import Expiry
from bictl.verify.meta import Verdict
from bictl.verify.objects import Entry
from bictl.verify.one_snapshot import OneSnapshot
from bictl.verify.ranges import Ranges, merged, subtract
from bictl.verify.read_carried import read_carried
from bictl.verify.read_decoded import read_decoded
from bictl.verify.read_replaced import read_replaced
from bictl.verify.replaced import Replaced, claims
from bictl.verify.schemas import Schemas
from bictl.verify.searched import Encoded, Recall, Selves, Use, usable
from bictl.verify.shelf import Acked, Batch, Place, Shelf, end_of
from bictl.verify.slices import WHOLE, Looked, Slice, looked
from bictl.verify.snapshots import Snapshot
from bictl.verify.source import Capture, DeadLetters, read_capture, read_dead_letters
from bictl.verify.staging import Keys, Shape, Values
from bictl.verify.surroundings import NOTHING_AROUND, Surroundings
from bictl.verify.taken import Taken
from bictl.verify.tested import LastRun, read_tested
from bictl.verify.vectors import Altered, Coverage, Index, Vectors

if TYPE_CHECKING:
    from bictl.cdc.source import Source
    from bictl.cdc.source.sides import Buckets
    from bictl.clients.connect import ConnectWorker
    from bictl.clients.database import Database
    from bictl.clients.dbt_report import Results
    from bictl.clients.encoder import Encoder
    from bictl.clients.objects import ObjectStore
    from bictl.clients.topic_facts import Log, OpenTransaction, Replication
    from bictl.clients.topics import TopicReader
    from bictl.ingest.frontier_object import Anchor as LastSealed
    from bictl.ingest.frontier_object import Kept
    from bictl.ingest.keeping import Keeping
    from bictl.ingest.old_objects import Note
    from bictl.model_file import Model
    from bictl.ops.answer import Answer
    from bictl.ops.ledger import Last
    from bictl.ops.locks import Holder
    from bictl.settings import Table

_T = TypeVar("_T")


class once(Generic[_T]):
    """A property that is acquired once; a failure is raised again for whoever asks again."""

    def __init__(self, acquire: Callable[[Any], _T]) -> None:
        self._acquire = acquire
        self.__doc__ = acquire.__doc__

    @overload
    def __get__(self, world: None, owner: type) -> "once[_T]": ...
    @overload
    def __get__(self, world: "World", owner: type) -> _T: ...
    def __get__(self, world: "World | None", owner: type) -> "once[_T] | _T":
        if world is None:
            return self
        name = self._acquire.__name__
        if name not in world.known:
            with world.turn(name):  # evidence needs other evidence, but never in a circle
                if name in world.failed:
                    raise world.failed[name]
                if name not in world.known:
                    try:
                        world.known[name] = self._acquire(world)
                    except BictlError as error:
                        world.failed[name] = error
                        raise
        found: _T = world.known[name]
        return found


@dataclass(frozen=True, kw_only=True)
class Question:
    """What one run asks: which table, how deep, and what may still be in flight (seconds).

    `slice` is the part of the batches whose contents a deep look compares, `with_cells` says
    whether the cells of staging are compared beside its keys.
    """

    table: "Table"
    level: str
    max_lag: int
    now: datetime
    staging: str  # the staging relation, schema.name
    model: str  # the configured embedding model
    slice: Slice = WHOLE
    with_cells: bool = True
    keeps_nulls: Callable[[], bool | None] = lambda: None
    worker: "Callable[[], ConnectWorker] | None" = None
    staging_model: Callable[[], "Model | None"] = lambda: None  # None: its columns are not known
    around: Surroundings = NOTHING_AROUND
    encoder: "Callable[[], Encoder] | None" = None
    dbt_results: "Callable[[], Results | None]" = lambda: None  # of the last run on this machine
    stop: Stop = never_stop


class World:
    """The systems of one table, read lazily and in an order that no race can fool.

    Kafka's ends first, the objects after them, Postgres after those in one snapshot.
    """

    def __init__(
        self,
        reader: "TopicReader",
        objects: "ObjectStore",
        database: "Database",
        question: Question,
    ) -> None:
        self._own_reader, self._objects = reader, objects
        self._asking = threading.RLock()  # a reader asks one thing at a time
        self._postgres, self._outside = OneSnapshot(database), database
        self.question = question
        self.known: dict[str, Any] = {}
        self.failed: dict[str, BictlError] = {}
        self.abandoned = False  # whether a thread is still at work here
        self._turns: dict[str, threading.RLock] = {}

    def turn(self, name: str) -> "threading.RLock":
        """Whose turn it is to acquire a piece of evidence."""
        return self._turns.setdefault(name, threading.RLock())

    def cancel(self) -> None:
        """Asks Postgres to give up what it is at: the run has to end."""
        self._postgres.cancel()

    def close(self) -> None:
        """Ends the snapshot; what hangs ends with the process."""
        if not self.abandoned:
            self._postgres.close()
            for source in self.known.get("_asked_source", ()):
                source.close()

    @property
    def table(self) -> "Table":
        """The table in question."""
        return self.question.table

    @property
    def level(self) -> str:
        """quick, default or deep."""
        return self.question.level

    @property
    def may_be_empty(self) -> bool:
        """Whether a check may have nothing to look at: an empty table, nothing new since the full
        verdict that a quick look stands on, or no object left where there were some, which O2 and
        O3 judge."""
        shelf = self.known.get("shelf")
        if not isinstance(shelf, Shelf):
            return self.table.expect_empty
        none_left = bool(shelf.kept) and not shelf.batches
        return self.table.expect_empty or bool(shelf.since) or none_left

    @property
    def max_lag(self) -> int:
        """Seconds that a record may be in flight."""
        return self.question.max_lag

    @property
    def model(self) -> str:
        """The configured embedding model."""
        return self.question.model

    @property
    def cut_words(self) -> str:
        """Where the partitions ended, once that is known."""
        known = self.known.get("cut")
        return ", ".join(known.words) if isinstance(known, Cut) else ""

    @once
    def capture(self) -> Capture | None:
        """The connector that writes the topic; None without one."""
        if self.question.worker is None:
            raise ConfigError("[connect] url is not configured")
        return read_capture(self.question.worker(), topic=self.table.topic)

    @once
    def dead_letters(self) -> DeadLetters:
        """What connectors put aside of the topic."""
        if self.question.worker is None:
            raise ConfigError("[connect] url is not configured")
        return read_dead_letters(self.question.worker(), self.table.topic, self._records_in)

    def _records_in(self, topic: str) -> int:
        """The records of a topic by its offsets; 0 where it was never made."""

        def count(reader: "TopicReader") -> int:
            try:
                parts = reader.describe(topic).partitions
            except NotFound:
                return 0
            return sum(one.stable - one.start for one in reader.offsets(topic, parts).values())

        return self._ask(count)

    # Kafka and the objects: the ends at t0 come between two looks at the shelf.

    @once
    def acked(self) -> tuple[Acked, ...]:
        """What a person acknowledged; acknowledgements are objects too."""
        from bictl.verify.acks import read_acks

        return read_acks(self._objects, self.table, now=self.question.now)

    @once
    def kept(self) -> "Kept":
        """The frontier objects, read before the batches behind them are listed."""
        from bictl.ingest.frontier_object import read_kept

        return read_kept(self._objects, self.table.prefix, topic=self.table.topic)

    def kept_by_now(self) -> "Collection[Place]":
        """The partitions that have a frontier object by now."""
        from bictl.ingest.frontier_object import read_kept

        return read_kept(self._objects, self.table.prefix, topic=self.table.topic).found.keys()

    @once
    def first_listing(self) -> Listing:
        """What stood under the prefix before the ends were read."""
        self._attempt("kept")
        return self._list()

    @once
    def newest_then(self) -> Shelf:
        """The newest batch of each partition before the ends were read."""
        newest = self._read(self.first_listing.newest(), level="manifest")
        return Shelf(
            batches=tuple(batch for batch in newest if batch.sound),
            acked=self.acked,
            kept=self.kept.found,
        )

    @once
    def topic(self) -> Topic:
        """The topic as the broker describes it; asking creates nothing."""
        return self._ask(lambda reader: reader.describe(self.table.topic))

    @once
    def life(self) -> Life:
        """Which generation the topic's records belong to."""
        return cutting.choose_life(self.topic, self.newest_then)

    @once
    def ends(self) -> Ends:
        """The stable end of every partition at t0."""
        life, frontiers = self.life, {}
        for generation, partition in self.newest_then.places:
            if life.accepted and generation == life.name:
                frontiers[partition] = self.newest_then.frontier((generation, partition)) or 0
        topic, at = self.topic, self.question.now
        return self._ask(lambda r: cutting.read_ends(r, topic, frontiers=frontiers, at=at))

    @once
    def shelf(self) -> Shelf:
        """The objects, listed after the ends were read."""
        self._attempt("ends")
        if "ends" in self.known:
            self._attempt("commits")
        self._attempt("notes")
        listing = self._list()
        since = self._since(listing) if self.level == "quick" else {}
        wanted = [item for item in listing.named if item[1].first >= since.get(_place(item[1]), 0)]
        return Shelf(
            batches=self._read(wanted, level=self.level),
            foreign=listing.foreign,
            old=listing.old,
            acked=self._standing_acks(),
            since=since,
            kept=self.kept.found,
            damaged=self.kept.damaged,
        )

    @once
    def notes(self) -> "dict[tuple[str, str], Note]":
        """What became of what other scripts left, read before the shelf: never ahead of it."""
        from bictl.ingest.old_objects import read_notes

        return {} if self.level == "quick" else read_notes(self._objects, self.table.prefix)

    @once
    def cut(self) -> Cut:
        """The ends at t0 beside the frontiers of the shelf."""
        ends, shelf, life = self.ends, self.shelf, self.life
        return self._ask(lambda reader: cutting.fix(reader, ends, shelf, life))

    @once
    def commits(self) -> dict[int, int]:
        """What ingest's group committed, by partition; read before the objects, which only grow."""
        from bictl.clients.topic_facts import committed

        group, topic = self.question.around.group, self.topic.name
        return self._ask(lambda reader: committed(reader, group, topic)) if group else {}

    @property
    def may_compact(self) -> bool:
        """Whether the topic compacts, as far as the broker tells."""
        try:
            return self.keeping is None or "compact" in self.keeping.policy
        except BictlError:
            return True

    @once
    def keeping(self) -> "Keeping | None":
        """The topic's settings; None where the broker does not tell them."""
        from bictl.ingest.keeping import Keeping

        topic = self.topic.name
        return Keeping.of(self._ask(lambda reader: reader.configuration(topic)))

    @once
    def logs(self) -> "dict[int, Log]":
        """The partitions' logs on the brokers' disks."""
        from bictl.clients.topic_facts import logs

        topic = self.topic
        return self._ask(lambda reader: logs(reader, topic.name, topic.partitions))

    @once
    def transactions(self) -> "tuple[OpenTransaction, ...] | None":
        """The open transactions of the topic; None where the broker does not tell."""
        from bictl.clients.topic_facts import open_transactions

        topic = self.topic
        return self._ask(lambda r: open_transactions(r, topic.name, topic.partitions))

    @once
    def transaction_limit(self) -> int | None:
        """For how many milliseconds a transaction may be open."""
        from bictl.clients.topic_facts import transaction_limit

        return self._ask(transaction_limit)

    @once
    def replication(self) -> "Replication":
        """How the topic is spread over the brokers."""
        from bictl.clients.topic_facts import replication

        topic = self.topic.name
        return self._ask(lambda reader: replication(reader, topic))

    @once
    def anchors(self) -> tuple[Anchor, ...]:
        """Whether the last sealed record of each partition still stands in Kafka."""
        sealed = {}
        for place in self.shelf.places:
            if place[0] == self.cut.generation and place[1] in self.cut.topic.partitions:
                anchor = self._last_sealed(place)
                sealed.update({place[1]: anchor} if anchor is not None else {})
        cut = self.cut
        return self._ask(lambda reader: cutting.compare_anchors(reader, cut, sealed))

    @once
    def served(self) -> Contents:
        """What Kafka still serves against the objects, record by record."""
        cut, shelf, within = self.cut, self.shelf, self.question.slice
        with closing(self._own_reader.beside()) as reader:  # minutes in which others may ask
            return read_contents.compare_kafka(reader, self._objects, cut, shelf, within)

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
    def looked(self) -> Looked | None:
        """How much of the contents is compared; None where that is all or nothing of them."""
        within = self.question.slice
        return None if self.level != "deep" or within == WHOLE else looked(within, self.shelf)

    @once
    def overlapping(self) -> Contents:
        """Records of batches that answer for the same offsets, against each other."""
        return read_contents.compare_overlaps(self._objects, self.shelf)

    # Postgres: one snapshot, opened after everything upstream was read.

    @once
    def verdict(self) -> Verdict | None:
        """The last full verdict that was complete."""
        with closing(self._outside.beside()) as database:
            if not columns(database, "bictl.run"):
                return None
            return read_bronze.read_verdict(database, self.table)

    @once
    def schema_mismatch(self) -> SchemaMismatch | None:
        """What is wrong with the version of bictl's tables."""
        return self._in_snapshot(read_bronze.read_mismatch)

    @once
    def snapshot(self) -> OneSnapshot:
        """Postgres, in a read-only snapshot that lasts as long as this world."""
        self._attempt("cut")
        self._attempt("shelf")
        self._postgres.open()
        return self._postgres

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
        new = [item for item in added if item[1].first >= since.get(_place(item[1]), 0)]
        if not new:
            return self.shelf
        return replace(
            self.shelf, batches=(*self.shelf.batches, *self._read(new, level=self.level))
        )

    @once
    def rules(self) -> Rules:
        """What may expire the table's objects: the bucket's rules, and the configuration's word."""
        said = expiring.declared(self.table)
        try:
            found = self._objects.expiries()
        except (AccessDenied, StageFailed) as error:
            return Rules(rules=said, unread=error.message)
        return Rules(rules=(*said, *found))

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

    @once
    def loaded(self) -> Contents:
        """The objects against bronze and the quarantine, record by record."""
        return self._in_snapshot(self._compare_bronze) if self.bronze.exists else Contents()

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

    @once
    def staged(self) -> tuple[Keys, Shape, Values | None]:
        """verify's own fold against the staging relation, and that one's shape; its cells too where
        they are compared. A cell that cannot be read leaves the keys as they are."""
        where = self.table, self.question.staging
        if self.question.with_cells:
            with suppress(StageFailed):
                model = self.staging_model
                return self._in_snapshot(partial(read_rows.read_staging, model=model), *where)
        return *self._in_snapshot(read_rows.read_staging_keys, *where), None

    @property
    def staging_keys(self) -> Keys:
        """Live keys by the fold, against the keys that staging shows."""
        return self.staged[0]

    @property
    def staging_shape(self) -> Shape:
        """Rows, ids and operations of staging."""
        return self.staged[1]

    @once
    def staging_values(self) -> Values:
        """Cells of staging against the newest records."""
        with suppress(BictlError):
            if (found := self.staged[2]) is not None:
                return found
        read = partial(read_rows.read_staging_values, model=self.staging_model)
        return self._in_snapshot(read, self.table, self.question.staging)

    @once
    def decoded(self) -> Decoded:
        """Numbers, times and bytes of staging, decoded a second time."""
        read = partial(read_decoded, model=self.staging_model)
        return self._in_snapshot(read, self.table, self.question.staging)

    @once
    def carried(self) -> Carried:
        """What the wire could not carry."""
        return self._in_snapshot(read_carried, self.table, self.staging_model)

    @once
    def keeps_nulls(self) -> bool | None:
        """Whether the table's connector writes a NULL as NULL; None where that is not known."""
        return self.question.keeps_nulls()

    @once
    def staging_model(self) -> "Model | None":
        """What the staging model's file says."""
        return self.question.staging_model()

    @once
    def staging_types(self) -> dict[str, str]:
        """The types of the staging relation's columns; nothing where it is not there."""
        return self._in_snapshot(columns, self.question.staging)

    @once
    def source_columns(self) -> tuple[Column, ...] | None:
        """The source's columns as the newest record has them; None where there is no record."""
        return self._in_snapshot(read_columns, self.table)

    @once
    def coverage(self) -> Coverage:
        """Keys with a text against keys with a vector."""
        question = self.question
        read = partial(
            read_rows.read_coverage,
            rule=TEXT_RULE,
            now=question.now,
            max_lag=question.max_lag,
        )
        found = self._in_snapshot(read, self.table, question.staging)
        return replace(found, folded=self.staging_keys.folded)

    @once
    def _stored(self) -> tuple[Vectors, Altered]:
        return self._in_snapshot(read_rows.read_vectors, self.table)

    @property
    def vectors(self) -> Vectors:
        """What makes vectors unfindable."""
        return self._stored[0]

    @once
    def altered(self) -> Altered:
        """Vectors that are not the ones that were made for their texts."""
        self._in_snapshot(read_rows.require_hashes, self.table)
        return self._stored[1]

    @once
    def vector_indexes(self) -> tuple[Index, ...]:
        """The HNSW indexes on the vectors."""
        return self._in_snapshot(read_rows.read_indexes, self.table)

    @once
    def latency(self) -> Latency:
        """How long the last day's records took."""
        if not self.bronze.exists:
            return Latency(since=self.question.now, hops=())
        read = partial(read_latency, now=self.question.now)
        return self._in_snapshot(read, self.table, self.question.staging)

    @once
    def index_use(self) -> Use | None:
        """Whether search's own statement walks the index; None where there is none."""
        names = usable(self.vector_indexes)
        schema = self.question.staging.split(".")[0]
        return (
            self._in_snapshot(read_searched.read_use, self.table, schema, names) if names else None
        )

    @once
    def recall(self) -> Recall | None:
        """How much of what is nearest the index finds."""
        if not usable(self.vector_indexes):
            return None
        return self._in_snapshot(read_searched.read_recall, self.table, self.seed)

    @once
    def selves(self) -> Selves | None:
        """Rows that their own vectors do not find."""
        if not usable(self.vector_indexes):
            return None
        return self._in_snapshot(read_searched.read_selves, self.table, self.seed)

    @once
    def encoded(self) -> Encoded:
        """Texts through the model once more."""
        if self.question.encoder is None:
            raise ConfigError("there is no model to encode texts with")
        encoder = self.question.encoder()
        read = partial(
            read_searched.read_texts, rule=TEXT_RULE, model=encoder.model, seed=self.seed
        )
        texts = self._in_snapshot(read, self.table, self.question.staging)
        return read_searched.encode_again(encoder, texts, seed=self.seed)

    @once
    def vector_extension(self) -> str | None:
        """pgvector's version."""
        return self._in_snapshot(read_searched.read_extension)

    @once
    def tested(self) -> LastRun:
        """How dbt last ended for this table."""
        return self._in_snapshot(read_tested, self.table, self.question.dbt_results)

    @property
    def seed(self) -> str:
        """What chooses the samples: the day, so that a verdict can be repeated, and that a week of
        them looks at more than one."""
        return f"{self.question.now:%Y-%m-%d}"

    # The source: read when everything below it was.

    @property
    def source(self) -> "Source":
        """The table at its source."""
        return self._asked_source[0]

    @once
    def _asked_source(self) -> "tuple[Source]":
        opened = self.question.around.source
        if opened is None:
            raise ConfigError("no source is configured")
        return (opened(),)

    @once
    def live_keys(self) -> "Buckets":
        """The live keys by verify's own fold, by buckets."""
        from bictl.verify.read_source import live_buckets

        return self._in_snapshot(live_buckets, self.table) if self.bronze.exists else {}

    @once
    def source_keys(self) -> SourceKeys:
        """The source's keys against the live ones."""
        from bictl.verify.read_source import Tail, compare_keys, live_keys

        live, question = self.live_keys, self.question
        held = {
            partition: max(item.next for item in found)
            for partition in self.topic.partitions
            if self.life.accepted and (found := self.bronze.at((self.life.name, partition)))
        }
        moving = [one for one in self.snapshots if one.begins]
        return compare_keys(
            self.source,
            self.table,
            live=live,
            listed=lambda buckets: (
                self._in_snapshot(live_keys, self.table, buckets) if self.bronze.exists else []
            ),
            tail=Tail(
                self._ask,
                self.table,
                held=held,
                sealed={
                    partition: self.shelf.frontier((self.life.name, partition)) or 0
                    for partition in self.topic.partitions
                    if self.life.accepted
                },
                max_lag=question.max_lag,
                is_snapshot=any(one.is_moving(question.now, question.max_lag) for one in moving),
            ),
            refused=self._refused_keys() if self.bronze.rejected else (),
            settle=question.around.settle,
            stop=question.stop,
        )

    def _refused_keys(self) -> list[bytes]:
        """The raw keys of the quarantine."""
        query = assets.sql("verify/refused_keys")
        rows = self.snapshot.read(lambda database: database.rows(query, [self.table.topic]))
        return [bytes(raw) for (raw,) in rows]

    # What stands around.

    @once
    def rooms(self) -> "dict[str, Answer]":
        """The free room on disks."""
        try:
            logs = self.logs
        except BictlError:  # what Kafka does not tell is unknown elsewhere
            logs = {}
        return self._in_snapshot(read_machine.read_rooms, self.question.around, logs)

    @once
    def clocks(self) -> "dict[str, Answer]":
        """How far the services' clocks are from this machine's."""
        return self._in_snapshot(read_machine.read_clocks, self._objects)

    @once
    def expiries(self) -> tuple[Expiry, ...]:
        """The ends of certificates and passwords."""
        return self._in_snapshot(read_machine.read_expiries, self.question.around)

    @once
    def last_runs(self) -> "tuple[Last, ...]":
        """When each stage last succeeded, by the ledger of runs."""
        return self._in_snapshot(read_machine.read_last, self.table)

    @once
    def locks(self) -> "dict[str, Holder]":
        """Who holds the table's locks."""
        return self._in_snapshot(read_machine.read_locks, self.question.around, self.table)

    def _in_snapshot(self, read: Callable[..., _T], *what: Any) -> _T:
        """Reads within a savepoint, so that a failed statement spoils no other check."""
        return self.snapshot.read(lambda database: read(database, *what))

    def _ask(self, question: "Callable[[TopicReader], _T]") -> _T:
        """Asks Kafka; the question holds everything that it needs of the world already."""
        with self._asking:
            return question(self._own_reader)

    def _compare_bronze(self, database: "Database") -> Contents:
        within = self.question.slice
        return read_contents.compare_bronze(self._objects, database, self.table, self.shelf, within)

    def _check_keys(self, database: "Database", claimed: Replaced) -> Replaced:
        pruned = self.bronze.pruned
        return read_replaced(self._objects, database, self.table, self.shelf, pruned, claimed)

    def _attempt(self, name: str) -> None:
        """Acquires something for its place in the order; whoever needs it meets its failure."""
        try:
            getattr(self, name)
        except BictlError:
            return

    def _standing_acks(self) -> tuple[Acked, ...]:
        """The acknowledgements, without what Kafka still serves wherever it says what it serves."""
        from bictl.verify.acks import without_served

        known = "ends" in self.known
        return without_served(self.acked, self.ends, self.life) if known else self.acked

    def _since(self, listing: Listing) -> dict[Place, int]:
        """Where a quick look starts in each partition that the last full verdict knew: where that
        one ended, and at the newest batch, so that it looks at something at any time."""
        try:
            known = self.verdict.frontiers if self.verdict else {}
        except BictlError:  # then it looks at everything
            return {}
        newest = {place: kept.newest.next for place, kept in self.kept.found.items()}
        newest.update((_place(name), name.first) for _, name in listing.newest())
        return {
            place: min(newest[place], frontier)
            for place, frontier in known.items()
            if place in newest
        }

    def _list(self) -> Listing:
        acks = {item.key for item in self.acked}
        return list_objects(self._objects, self.table.prefix, other=acks)

    def _read(self, listed: Any, *, level: str) -> tuple[Batch, ...]:
        topic, within = self.table.topic, self.question.slice
        return read_batches(self._objects, listed, topic=topic, level=level, within=within)

    def _last_sealed(self, place: Place) -> "LastSealed | None":
        """The last sealed record of a partition: its object's, or what outlives that."""
        from bictl.ingest.frontier_object import Anchor as LastSealed

        chain, kept = self.shelf.chains.get(place, ()), self.shelf.kept.get(place)
        if kept is not None and all(end_of(batch) < kept.newest.next for batch in chain):
            return kept.anchor
        line = self._last_record(chain)
        return None if line is None else LastSealed.of(line)

    def _last_record(self, chain: tuple[Batch, ...]) -> wire.Line | None:
        """The last record in a chain, if it can be read."""
        for batch in reversed(chain):
            if batch.sound and batch.records:
                try:
                    last = b""
                    for line in wire.read_lines(self._objects.get(batch.key)[0]):
                        last = line
                    return wire.parse_line(last)
                except ValueError:
                    return None
        return None


def _place(name: Any) -> Place:
    return name.generation, name.partition
