"""A record's content, from the first layer that has it."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bictl.trace.broker import Broker
from bictl.trace.event import Event, event_of
from bictl.trace.evidence import Evidence
from bictl.trace.key import Key, key_of
from bictl.trace.payload import decoded, moment, operation, source_field, unwrapped
from bictl.trace.report import Place
from bictl.trace.warehouse import Rows, kept_bytes

if TYPE_CHECKING:
    from bictl.settings import Table


@dataclass(frozen=True, kw_only=True)
class Seen:
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


def seen_in(evidence: Evidence) -> Seen | None:
    """The record's content, upstream first: the original bytes are there."""
    held, rows = evidence.held, evidence.rows
    record: Any = held.line if held else None
    if record is None and isinstance(evidence.broker, Broker):
        record = evidence.broker.record
    if record is not None:
        return Seen(
            raw_key=record.key,
            raw_value=record.value,
            written_at=moment(record.timestamp),
            headers=[[name, decoded(value)] for name, value in record.headers],
        )
    row = (rows.row or rows.quarantined) if isinstance(rows, Rows) else None
    if row is None:
        return None
    key, value = kept_bytes(row)
    return Seen(raw_key=key, raw_value=value, written_at=row["kafka_timestamp"])


def event_in(seen: Seen | None, place: Place, *, generation_no: int) -> Event | None:
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
        generation_no=generation_no,
        where="record",
    )


@dataclass(frozen=True, kw_only=True)
class _Bytes:
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


def position_of(value: Any) -> str:
    """The record's place in the source's history, for a person."""
    commit, change = source_field(value, "commit_lsn"), source_field(value, "change_lsn")
    if commit:
        return f"commit {commit}" + (f", change {change}" if change else "")
    lsn = source_field(value, "lsn")
    return f"lsn {lsn}" if lsn is not None else ""
