"""What a connector's topics tell: their newest event, and how far a snapshot is.

The worker knows states and offsets that it commits once a minute; the topics know what has come.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bictl.cdc.event import Event, read_event
from bictl.errors import BictlError, NotFound

if TYPE_CHECKING:
    from bictl.clients.topics import Offsets, TopicReader

_TAIL = 5  # offsets at the end that are looked at: tombstones and control records tell nothing
# a table is through with its "last_in_data_collection", the last table with its "last"
_UNFINISHED = ("first", "true", "first_in_data_collection")
_FINISHED = ("last", "last_in_data_collection")
_BEFORE = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Flow:
    """The newest event of a connector's topics; `snapshot` says how far a snapshot is, `reading`
    whether it is unfinished, and `unknown` why Kafka told nothing."""

    at: datetime | None = None
    delay: float | None = None
    snapshot: str = ""
    reading: bool = False
    unknown: str = ""


@dataclass(frozen=True)
class _Newest:
    topic: str
    partition: int
    offset: int
    event: Event
    offsets: "Offsets"


def flow(reader: "TopicReader | None", topics: Sequence[str], config: Mapping[str, str]) -> Flow:
    """What the topics tell; nothing without a reader."""
    if reader is None:
        return Flow()
    try:
        found = [
            newest
            for topic in topics
            if not _is_own(topic, config)
            for newest in _newest(reader, topic)
        ]
        if not found:
            return Flow()
        last = max((one.event for one in found), key=lambda event: event.at or _BEFORE)
        reading = [one for one in found if _is_reading(one.event, last)]
        return Flow(
            at=last.at,
            delay=last.delay,
            snapshot=_snapshot(reader, reading, last),
            reading=bool(reading),
        )
    except BictlError as error:
        return Flow(unknown=error.message)


def _is_own(topic: str, config: Mapping[str, str]) -> bool:
    """Whether it holds no table's changes: schema changes, signals, heartbeats, transactions."""
    prefix = config.get("topic.prefix", "")
    signals = config.get("signal.data.collection")
    return topic in (prefix, f"{prefix}.transaction", f"{prefix}.{signals}") or topic.startswith(
        "__debezium-heartbeat"
    )


def _newest(reader: "TopicReader", topic: str) -> list[_Newest]:
    """The newest event of each partition that has one."""
    try:
        parts = reader.describe(topic).partitions
    except NotFound:  # deleted since
        return []
    found = []
    for part, offsets in reader.offsets(topic, parts).items():
        first = max(offsets.start, offsets.stable - _TAIL)
        events = [
            _Newest(topic, part, record.offset, event, offsets)
            for chunk in reader.read(topic, part, first=first, end=offsets.stable)
            for record in chunk.records
            if (event := read_event(record.value)) is not None
        ]
        found += events[-1:]
    return found


def _is_reading(event: Event, last: Event) -> bool:
    """Whether a topic's newest event is inside a snapshot, and no change has come since: the rows
    of one snapshot have one time."""
    return event.mark in _UNFINISHED and event.at == last.at


def _snapshot(reader: "TopicReader", reading: Sequence[_Newest], last: Event) -> str:
    """How far the snapshot is that the newest events are of; empty when the newest is a change."""
    if not reading:
        return "complete" if last.mark in _FINISHED else ""
    parts = []
    for one in reading:
        first = _first(reader, one)
        count = f"{one.offset + 1 - first:,} records so far"
        parts.append(f"{one.topic} {one.partition}:{first}: {count}")
    return "; ".join(parts)


def _first(reader: "TopicReader", last: _Newest) -> int:
    """The offset where the snapshot began: its rows stand together, at one position of the source.

    Looks back by doubled steps, then between the last two.
    """
    inside, step = last.offset, 1
    while (before := inside - step) >= last.offsets.start and _is_part(reader, last, before):
        inside, step = before, 2 * step
    outside = max(before, last.offsets.start - 1)
    while inside - outside > 1:
        middle = (inside + outside) // 2
        inside, outside = (middle, outside) if _is_part(reader, last, middle) else (inside, middle)
    return inside


def _is_part(reader: "TopicReader", last: _Newest, offset: int) -> bool:
    record = reader.first_after(last.topic, last.partition, offset, known=last.offsets)
    event = read_event(record.value) if record else None
    return event is not None and (event.mark != "false", event.position) == (
        True,
        last.event.position,
    )
