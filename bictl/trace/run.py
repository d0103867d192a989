"""One trace: the layers are opened side by side, then read from Kafka down and judged."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bictl.errors import BictlError, NotFound
from bictl.records import OnProgress, Stop, never_stop, no_progress
from bictl.trace import broker, shelf
from bictl.trace.below import Below, downstream
from bictl.trace.broker import Broker
from bictl.trace.event import Event, event_of, in_order, newest
from bictl.trace.find import Found, Search, in_kafka, in_objects
from bictl.trace.judge import BRONZE, KAFKA, OBJECTS, Evidence, timed, unread, upstream
from bictl.trace.key import Key, key_of
from bictl.trace.open import Systems, tried
from bictl.trace.payload import decoded, moment, operation, source_field, unwrapped
from bictl.trace.report import Layer, Place, State, Trace
from bictl.trace.shelf import Lives, Shelf
from bictl.trace.warehouse import Rows, Staged, Standing, Vector, Warehouse, kept_bytes

if TYPE_CHECKING:
    from bictl.clients.database import Database
    from bictl.clients.objects import ObjectStore
    from bictl.clients.topics import TopicReader
    from bictl.ingest import Ack
    from bictl.settings import Table

EVENTS = 20  # of a key that are shown
_NOT_SEARCHED = Found()
_READ = 200  # events a partition that are read, so that the newest is among them


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is traced: a place (partition, offset) or a key; `generation` narrows a place."""

    partition: int = 0
    offset: int = 0
    key: Key | None = None
    generation: str | None = None

    @property
    def words(self) -> str:
        """As the option is written."""
        return self.key.words if self.key else f"--offset {self.partition}:{self.offset}"


@dataclass(frozen=True, kw_only=True)
class Limits:
    """`max_lag` seconds a record may be on its way, `events` of a key are shown; `scan` reads all
    that is not loaded."""

    max_lag: int
    events: int = EVENTS
    scan: bool = False


def trace(
    reader: "TopicReader",
    objects: "ObjectStore",
    database: "Database",
    *,
    table: "Table",
    asked: Asked,
    limits: Limits,
    staging: str,
    model: str,
    now: datetime | None = None,
    on_progress: OnProgress = no_progress,
    stop: Stop = never_stop,
) -> Trace:
    """One record, or a key's newest record, in every layer; `staging` is the relation, `model` the
    configured one.

    Raises NotFound for a key or an offset that no layer has ever seen. What does not answer is a
    layer's state and no error.
    """
    systems = Systems(reader, objects, Warehouse(database, table, staging=staging), table=table)
    run = _Run(systems, asked, limits, model=model, now=now or datetime.now(UTC))
    if len(systems.errors) == 3:
        return run.nothing()
    if asked.key is None:
        return run.of_place()
    search = Search(key=asked.key, scan=limits.scan, on_progress=on_progress, stop=stop)
    return run.of_key(asked.key, search)


class _Run:
    """What one trace works with."""

    def __init__(
        self, systems: Systems, asked: Asked, limits: Limits, *, model: str, now: datetime
    ) -> None:
        self._systems, self._asked, self._limits = systems, asked, limits
        self._model, self._now = model, now

    def nothing(self) -> Trace:
        """Not one system answers."""
        names = zip((KAFKA, OBJECTS, BRONZE), self._systems.errors, strict=True)
        return self._told(None, None, [unread(name, error) for name, error in names])

    def of_place(self) -> Trace:
        """A record by its offset; its key is what any layer says it is."""
        place = self._place()
        evidence = self._read(place)
        seen = _seen(evidence)
        with self._snapshot():
            evidence = self._loaded(evidence)
            seen = seen or _seen(evidence)
            if _is_never_seen(evidence):
                raise self._unknown_offset(evidence)
            key = seen.key(self._systems.table) if seen else None
            standing = self._standing(key)
        beyond = [event for event in [_event(self._systems, place, seen)] if event is not None]
        found = Found(events=tuple(beyond), looked=_looked(evidence))
        if key is not None:
            left = f"newer records of the key that are not loaded yet: bictl trace {key.words}"
            found = replace(found, not_looked=(left,))
        return self._judged(evidence, seen, key, standing, found)

    def of_key(self, key: Key, search: Search) -> Trace:
        """A key: all its records, and the newest of them in every layer."""
        before = self._standing(key)
        parts = [in_objects(self._systems, search), in_kafka(self._systems, search)]
        found = Found(
            events=tuple(event for part in parts for event in part.events),
            looked=(*_index(before), *(words for part in parts for words in part.looked)),
            not_looked=tuple(words for part in parts for words in part.not_looked),
        )
        last = newest([*_events(before), *found.events])
        if last is None:
            return self._without_record(key, before, found)
        evidence = self._read(last.place)
        with self._snapshot():
            evidence = self._loaded(evidence)
            standing = self._standing(key)
        found = replace(found, looked=(*_looked(evidence), *found.looked))
        return self._judged(evidence, _seen(evidence), key, standing, found)

    def _place(self) -> Place:
        asked, systems = self._asked, self._systems
        generation = systems.generation(asked.generation)
        if generation is None:
            if isinstance(systems.topic, BictlError):
                raise systems.topic
            raise NotFound("generation", "of any record", where=f"of {systems.table.topic}")
        return Place(generation, asked.partition, asked.offset)

    def _read(self, place: Place) -> Evidence:
        """Kafka, then the objects: what moves meanwhile moves down."""
        systems, known = self._systems, self._systems.lives
        kafka: Broker | BictlError
        objects: Shelf | BictlError
        topic = systems.topic
        if isinstance(topic, BictlError):
            kafka = topic
        else:
            kafka = tried(
                lambda: broker.look(
                    systems.reader,
                    topic,
                    place=place,
                    life=systems.life,
                    frontier=self._frontier(place),
                )
            )
        if isinstance(known, BictlError):
            objects = known
        else:
            objects = tried(
                lambda: shelf.look(systems.objects, systems.table, place=place, known=known)
            )
        return Evidence(
            table=systems.table,
            place=place,
            now=self._now,
            max_lag=self._limits.max_lag,
            broker=kafka,
            shelf=objects,
            rows=Rows(),
            accepted=self._accepted(),
        )

    def _accepted(self) -> "dict[str, Ack]":
        """Acknowledged reasons of the quarantine, by their SQLSTATE."""
        known = self._systems.lives
        acks = known.acks if isinstance(known, Lives) else ()
        return {ack.sqlstate: ack for ack in acks if ack.sqlstate and ack.counts_at(self._now)}

    def _frontier(self, place: Place) -> int | None:
        known = self._systems.lives
        return known.frontier(place) if isinstance(known, Lives) else None

    def _snapshot(self) -> Any:
        return self._systems.warehouse.snapshot(self._systems.refused is None)

    def _loaded(self, evidence: Evidence) -> Evidence:
        """With what Postgres holds of the place."""
        systems = self._systems
        if systems.refused is not None:
            return replace(evidence, rows=systems.refused)
        return replace(evidence, rows=tried(lambda: systems.warehouse.rows(evidence.place)))

    def _standing(self, key: Key | None) -> Standing | BictlError:
        systems = self._systems
        if systems.refused is not None:
            return systems.refused
        if key is None:
            return Standing()
        return tried(lambda: systems.warehouse.standing(key, most=_READ))

    def _judged(
        self,
        evidence: Evidence,
        seen: "_Seen | None",
        key: Key | None,
        standing: Standing | BictlError,
        found: Found,
    ) -> Trace:
        if seen is not None:
            evidence = replace(
                evidence,
                written_at=seen.written_at,
                source_at=moment(source_field(seen.value, "ts_ms")),
                op=seen.op,
                position=_position(seen.value),
            )
        below = Below(
            table=self._systems.table,
            model=self._model,
            key=key,
            place=evidence.place,
            standing=standing,
            beyond=found.events,
            now=self._now,
            max_lag=self._limits.max_lag,
            is_seen=seen is not None,
        )
        layers = [*upstream(evidence), *downstream(below)]
        return self._told(evidence.place, key, layers, seen=seen, below=below, found=found)

    def _without_record(self, key: Key, standing: Standing | BictlError, found: Found) -> Trace:
        """No record of the key is known; NotFound unless something stands there all the same, or
        was not looked at because it does not answer."""
        below = Below(
            table=self._systems.table,
            model=self._model,
            key=key,
            place=None,
            standing=standing,
            beyond=(),
            now=self._now,
            max_lag=self._limits.max_lag,
        )
        silent = [
            unread(name, error)
            for name, error in (
                (KAFKA, self._systems.topic),
                (OBJECTS, self._systems.lives),
                (BRONZE, self._systems.refused),
            )
            if isinstance(error, BictlError)
        ]
        layers = downstream(below)
        if not silent and not _is_anything(standing):
            raise self._unknown_key(key, found)
        if silent:
            layers = [
                replace(one, state=State.UNKNOWN) if one.state is State.MISSING else one
                for one in layers
            ]
        return self._told(None, key, [*silent, *layers], below=below, found=found)

    def _told(
        self,
        place: Place | None,
        key: Key | None,
        layers: list[Layer],
        *,
        seen: "_Seen | None" = None,
        below: Below | None = None,
        found: Found = _NOT_SEARCHED,
    ) -> Trace:
        layers, latency = timed(layers)
        events = in_order(below.events) if below else []
        standing = below.standing if below else None
        total = len(events)
        if isinstance(standing, Standing):
            total += standing.total - len(standing.events)
        last = below.newest if below else None
        return Trace(
            table=self._systems.table.name,
            topic=self._systems.table.topic,
            asked=self._asked.words,
            place=place,
            generation_no=self._systems.numbers.get(place.generation) if place else None,
            key=key.by_column if key else None,
            layers=tuple(layers),
            events=tuple(_as_row(event, last, place) for event in events[-self._limits.events :]),
            event_count=total,
            latency=latency,
            payload=seen.payload if seen else None,
            looked=found.looked,
            not_looked=found.not_looked,
        )

    def _unknown_offset(self, evidence: Evidence) -> NotFound:
        place = evidence.place
        there = []
        if isinstance(evidence.broker, Broker) and evidence.broker.ends is not None:
            ends = evidence.broker.ends
            there.append(f"Kafka serves {place.partition}:[{ends.start},{ends.stable})")
        elif isinstance(self._systems.topic, BictlError):
            there.append("Kafka does not answer")
        elif place.generation == self._systems.life:
            partitions = ", ".join(map(str, self._systems.topic.partitions))
            there.append(f"the topic has partitions {partitions}")
        if isinstance(evidence.shelf, Shelf) and evidence.shelf.frontier is not None:
            found = evidence.shelf
            there.append(f"the batches hold {place.partition}:[{found.first},{found.frontier})")
        return NotFound(
            "offset",
            str(place),
            where=f"in generation {place.generation} of {self._systems.table.topic}",
            hint="; ".join(there) or "bictl verify",
        )

    def _unknown_key(self, key: Key, found: Found) -> NotFound:
        systems = self._systems
        near = tried(lambda: systems.warehouse.near(key))
        hint = [] if isinstance(near, BictlError) else [near_words(key, near)]
        hint += [f"not looked at: {words}" for words in found.not_looked]
        return NotFound(
            "key",
            str(key),
            where=f"in {systems.table.name}",
            hint="; ".join(filter(None, hint)) or "no record has a key yet",
        )


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """A record's content, from the first layer that has it; bronze keeps no headers."""

    raw_key: bytes | None
    raw_value: bytes | None
    written_at: datetime | None
    headers: Any = None

    @property
    def value(self) -> Any:
        """The decoded value."""
        return decoded(self.raw_value)

    @property
    def op(self) -> str:
        """What it did to its row."""
        return "tombstone" if self.raw_value is None else operation(self.value)

    @property
    def payload(self) -> dict[str, Any]:
        """Key, event and headers, without the schemas that wrap them."""
        key = unwrapped(decoded(self.raw_key))
        return {"key": key, "value": unwrapped(self.value), "headers": self.headers}

    def key(self, table: "Table") -> Key | None:
        """The key that it is of."""
        value = None if self.raw_key is not None else self.value
        return key_of(decoded(self.raw_key), value, table.key)


def _seen(evidence: Evidence) -> _Seen | None:
    """The record's content, upstream first: the original bytes are there."""
    held, rows = evidence.held, evidence.rows
    record: Any = held.line if held else None
    if record is None and isinstance(evidence.broker, Broker):
        record = evidence.broker.record
    if record is not None:
        return _Seen(
            raw_key=record.key,
            raw_value=record.value,
            written_at=moment(record.timestamp),
            headers=[[name, decoded(value)] for name, value in record.headers],
        )
    row = (rows.row or rows.quarantined) if isinstance(rows, Rows) else None
    if row is None:
        return None
    key, value = kept_bytes(row)
    return _Seen(raw_key=key, raw_value=value, written_at=row["kafka_timestamp"])


def _event(systems: Systems, place: Place, seen: _Seen | None) -> Event | None:
    """The traced record as an event of its key."""
    if seen is None or seen.written_at is None:
        return None
    return event_of(
        _Bytes(
            offset=place.offset,
            timestamp=round(seen.written_at.timestamp() * 1000),
            key=seen.raw_key,
            value=seen.raw_value,
        ),
        place=place,
        generation_no=systems.numbers.get(place.generation, 0),
        where="record",
    )


@dataclass(frozen=True, kw_only=True)
class _Bytes:
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


def _is_never_seen(evidence: Evidence) -> bool:
    """Whether every layer answers, and none has ever had anything at that place."""
    shelf_, rows, kafka = evidence.shelf, evidence.rows, evidence.broker
    if not (isinstance(shelf_, Shelf) and isinstance(rows, Rows) and isinstance(kafka, Broker)):
        return False
    if shelf_.held or shelf_.acked or rows.ledger or evidence.is_loaded or evidence.is_served:
        return False
    offset, ends = evidence.place.offset, kafka.ends
    if ends is None:
        return shelf_.frontier is None or offset >= shelf_.frontier
    is_before_all = offset < ends.start and (shelf_.first is None or offset < shelf_.first)
    return offset >= ends.high or (is_before_all and shelf_.frontier is None)


def _is_anything(standing: Standing | BictlError) -> bool:
    """Whether a key without a record has a row or a vector."""
    return isinstance(standing, BictlError) or any(
        isinstance(found, (Staged, Vector)) for found in (standing.staged, standing.vector)
    )


def _events(standing: Standing | BictlError) -> list[Event]:
    if isinstance(standing, BictlError):
        return []
    return [*standing.events, *standing.quarantined]


def _index(standing: Standing | BictlError) -> tuple[str, ...]:
    if isinstance(standing, BictlError):
        return ()
    noun = "record" if standing.total == 1 else "records"
    return (f"{standing.total:,} {noun} of the key in bronze",)


def _looked(evidence: Evidence) -> tuple[str, ...]:
    """What was read of the place itself."""
    read = {"Kafka": evidence.broker, "the objects": evidence.shelf, "Postgres": evidence.rows}
    there = [name for name, found in read.items() if not isinstance(found, BictlError)]
    return (f"{evidence.place} in {', '.join(there)}",) if there else ()


def near_words(key: Key, near: list[str]) -> str:
    """The keys that exist, nearest first."""
    from bictl.errors import nearest

    if not near:
        return ""
    shown = near if key.integer is not None else nearest(key.values[0], near)
    return f"existing: {', '.join(shown[:6])}"


def _position(value: Any) -> str:
    """The record's place in the source's history, for a person."""
    commit, change = source_field(value, "commit_lsn"), source_field(value, "change_lsn")
    if commit:
        return f"commit {commit}" + (f", change {change}" if change else "")
    lsn = source_field(value, "lsn")
    return f"lsn {lsn}" if lsn is not None else ""


def _as_row(event: Event, last: Event | None, traced: Place | None) -> dict[str, Any]:
    return {
        "generation": event.place.generation,
        "partition": event.place.partition,
        "offset": event.place.offset,
        "op": event.op,
        "source_at": event.source_at,
        "written_at": event.timestamp,
        "loaded_at": event.loaded_at,
        "commit_lsn": event.position.commit_lsn,
        "change_lsn": event.position.change_lsn,
        "lsn": event.position.lsn,
        "snapshot": event.snapshot,
        "where": event.where,
        "newest": last is not None and event.place == last.place,
        "traced": event.place == traced,
    }
