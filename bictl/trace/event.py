"""One record as an event of its key, and which event of a key is the newest."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from bictl.trace.payload import decoded, moment, operation, source_field
from bictl.trace.report import Place

_NEVER = datetime.min.replace(tzinfo=UTC)
TOMBSTONE = "tombstone"


class Raw(Protocol):
    """A record's bytes, as Kafka or an object's line gives them."""

    @property
    def offset(self) -> int: ...  # noqa: D102
    @property
    def timestamp(self) -> int: ...  # noqa: D102
    @property
    def key(self) -> bytes | None: ...  # noqa: D102
    @property
    def value(self) -> bytes | None: ...  # noqa: D102


@dataclass(frozen=True, kw_only=True)
class Position:
    """A place in the source's history: SQL Server's pair of texts, or Postgres's number."""

    commit_lsn: str | None = None
    change_lsn: str | None = None
    lsn: int | None = None

    @property
    def order(self) -> tuple[str, str, int]:
        """What is unknown comes first."""
        return self.commit_lsn or "", self.change_lsn or "", -1 if self.lsn is None else self.lsn

    @property
    def text(self) -> str:
        """As bronze.cdc_position writes it; empty where nothing is known."""
        if self.commit_lsn is None:
            return "" if self.lsn is None else f"{self.lsn:020}"
        return "/".join(part for part in (self.commit_lsn, self.change_lsn) if part is not None)


@dataclass(frozen=True, kw_only=True)
class Event:
    """A record of a key: `op` is c, u, d, r or tombstone; `where` is the layer it was read from."""

    place: Place
    generation_no: int
    timestamp: datetime | None
    op: str
    source_at: datetime | None
    position: Position
    snapshot: str
    where: str
    source_table: str = ""
    loaded_at: datetime | None = None

    @property
    def is_gone(self) -> bool:
        """Whether it says that the key's row is not there any more."""
        return self.op in ("d", TOMBSTONE)

    @property
    def words(self) -> str:
        """`0:61000 (u)`."""
        return f"{self.place} ({self.op})"


def event_of(record: Raw, *, place: Place, generation_no: int, where: str) -> Event:
    """The event in a record's bytes."""
    value = decoded(record.value)
    return Event(
        place=place,
        generation_no=generation_no,
        timestamp=moment(record.timestamp),
        op=TOMBSTONE if record.value is None else operation(value),
        source_at=moment(source_field(value, "ts_ms")),
        position=Position(
            commit_lsn=_text(source_field(value, "commit_lsn")),
            change_lsn=_text(source_field(value, "change_lsn")),
            lsn=_number(source_field(value, "lsn")),
        ),
        snapshot=_text(source_field(value, "snapshot")) or "false",
        where=where,
    )


def in_order(events: Iterable[Event]) -> list[Event]:
    """Oldest first: by generation; inside a partition by offset; across partitions by the source's
    position, a tombstone standing where the record before it stands."""
    known = sorted(set(events), key=lambda event: event.place.offset)
    positions = {event: _position(event, known) for event in known}
    partitions = {(event.place.generation, event.place.partition) for event in known}
    if len(partitions) == len({event.place.generation for event in known}):
        return sorted(known, key=lambda event: (event.generation_no, event.place.offset))
    return sorted(
        known,
        key=lambda event: (
            event.generation_no,
            positions[event].order,
            event.timestamp or _NEVER,
            event.place.offset,
        ),
    )


def newest(events: Iterable[Event]) -> Event | None:
    """The event that staging shows: the last of each partition, and of those the last by order."""
    last = {}
    known = list(events)
    for event in sorted(known, key=lambda one: one.place.offset):
        last[event.place.generation, event.place.partition] = event
    rivals = set(last.values())
    return next((event for event in reversed(in_order(known)) if event in rivals), None)


@dataclass(frozen=True, kw_only=True)
class Began:
    """Where a finished snapshot of a source table began in the topic."""

    source_table: str
    generation_no: int
    partition: int
    offset: int
    timestamp: datetime
    generation: str = ""
    position: str = ""  # of all that it read; empty where records have none


def is_closed(event: Event, snapshots: Iterable[Began]) -> bool:
    """Whether a finished snapshot, which began behind the event, did not find its key."""
    return any(
        _is_before(event, began)
        for began in snapshots
        if "" in (began.source_table, event.source_table)
        or began.source_table == event.source_table
    )


def _is_before(event: Event, began: Began) -> bool:
    """By offset in the partition of the snapshot's first record, by Kafka's time in another one.

    Partitions have clocks of their own: what the snapshot itself read is told by its position.
    """
    if event.generation_no != began.generation_no:
        return event.generation_no < began.generation_no
    if event.place.partition == began.partition:
        return event.place.offset < began.offset
    if (
        event.snapshot != "false"
        and began.position
        and (event.place.generation, event.position.text) == (began.generation, began.position)
    ):
        return False
    return event.timestamp is not None and event.timestamp < began.timestamp


def _position(event: Event, ascending: Sequence[Event]) -> Position:
    """Its own, or for a tombstone that of the record before it: in its partition, else by time."""
    if event.op != TOMBSTONE or event.position != Position():
        return event.position
    of_life = [
        e for e in ascending if e.op != TOMBSTONE and e.place.generation == event.place.generation
    ]
    same = [
        e
        for e in of_life
        if e.place.partition == event.place.partition and e.place.offset < event.place.offset
    ]
    if same:
        return same[-1].position
    earlier = [
        e.position
        for e in of_life
        if e.place.partition != event.place.partition
        and (e.timestamp or _NEVER) <= (event.timestamp or _NEVER)
    ]
    return max(earlier, key=lambda position: position.order, default=Position())


def _text(value: Any) -> str | None:
    if value is None:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
