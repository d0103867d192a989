"""One trace: the layers are opened side by side, then read from Kafka down and judged."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bictl.errors import BictlError, NotFound
from bictl.records import OnProgress, Stop, never_stop, no_progress
from bictl.trace import broker, shelf
from bictl.trace.below import Below, downstream
from bictl.trace.broker import Broker
from bictl.trace.event import Event, in_order, newest
from bictl.trace.evidence import Evidence, unread
from bictl.trace.find import Found, Search, in_kafka, in_objects
from bictl.trace.judge import upstream
from bictl.trace.key import Key
from bictl.trace.latency import timed
from bictl.trace.layers import BRONZE, KAFKA, OBJECTS
from bictl.trace.never_seen import is_anything, is_never_seen, unknown_key, unknown_offset
from bictl.trace.open import Systems, tried
from bictl.trace.payload import moment, source_field
from bictl.trace.report import Layer, Place, State, Trace
from bictl.trace.seen import Seen, event_in, position_of, seen_in
from bictl.trace.shelf import Lives, Shelf
from bictl.trace.warehouse import Rows, Standing, Warehouse

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
        rows, standing = self._below(place, lambda rows: self._key(evidence, rows))
        evidence = replace(evidence, rows=rows)
        if is_never_seen(evidence):
            raise unknown_offset(self._systems, evidence)
        seen, key = seen_in(evidence), self._key(evidence, rows)
        number = self._systems.numbers.get(place.generation, 0)
        event = event_in(seen, place, generation_no=number)
        left = f"newer records of the key that are not loaded yet: bictl trace {key and key.words}"
        found = Found(
            events=() if event is None else (event,),
            looked=_looked(evidence),
            not_looked=(left,) if key else (),
        )
        return self._judged(evidence, seen, key, standing, found)

    def _key(self, evidence: Evidence, rows: Rows | BictlError) -> Key | None:
        """The record's key, by the first layer that has the record."""
        seen = seen_in(replace(evidence, rows=rows))
        return seen.key(self._systems.table) if seen else None

    def of_key(self, key: Key, search: Search) -> Trace:
        """A key: all its records, and the newest of them in every layer."""
        _, before = self._below(None, lambda _: key)
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
        rows, standing = self._below(last.place, lambda _: key)
        evidence = replace(evidence, rows=rows)
        found = replace(found, looked=(*_looked(evidence), *found.looked))
        return self._judged(evidence, seen_in(evidence), key, standing, found)

    def _below(
        self, place: Place | None, key_of: Callable[[Rows], Key | None]
    ) -> tuple[Rows | BictlError, Standing | BictlError]:
        """What Postgres holds of a place and of a key, at one moment."""
        systems = self._systems
        if systems.refused is not None:
            return systems.refused, systems.refused

        def read() -> tuple[Rows, Standing]:
            with systems.warehouse.snapshot():
                rows = Rows() if place is None else systems.warehouse.rows(place)
                key = key_of(rows)
                if key is None:
                    return rows, Standing()
                return rows, systems.warehouse.standing(key, most=_READ)

        found = tried(read)
        return (found, found) if isinstance(found, BictlError) else found

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

    def _judged(
        self,
        evidence: Evidence,
        seen: Seen | None,
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
                position=position_of(seen.value),
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
        if not silent and not is_anything(standing):
            raise unknown_key(self._systems, key, found)
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
        seen: Seen | None = None,
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
