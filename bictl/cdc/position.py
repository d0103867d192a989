"""How far a connector has come, in the words of its source."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from bictl.cdc.incremental import incremental

if TYPE_CHECKING:
    from bictl.clients.connect import Offset


@dataclass(frozen=True, kw_only=True)
class Position:
    """How far a connector has come, by its last committed offset.

    `mode` is snapshot, streaming or sink; `at` is the source's own time of that change, where the
    offset tells; `incremental` says how far an incremental snapshot is. Offsets are committed every
    minute by default, so the source may be further.
    """

    source: str
    mode: Literal["snapshot", "streaming", "sink"]
    text: str
    at: datetime | None = None
    incremental: str = ""


def decode(offset: "Offset") -> Position:
    """A committed offset in words, for Debezium's SQL Server and Postgres sources and for sinks."""
    where, at = offset.partition, offset.offset
    if "kafka_topic" in where:
        place = f"{where['kafka_topic']} {where.get('kafka_partition')}"
        return Position(source=place, mode="sink", text=f"offset {at.get('kafka_offset')}")
    return Position(
        source="/".join(str(value) for value in where.values()),
        mode="snapshot" if at.get("snapshot") else "streaming",
        text=_place(at),
        at=_moment(at.get("ts_usec")),
        incremental=incremental(at),
    )


def _place(offset: Mapping[str, Any]) -> str:
    """Log sequence numbers as their own databases write them."""
    if "commit_lsn" in offset:
        parts = [f"commit_lsn {offset['commit_lsn']}"]
        if offset.get("change_lsn"):
            parts.append(f"change_lsn {offset['change_lsn']}")
        return ", ".join(parts)
    if isinstance(lsn := offset.get("lsn"), int):
        return f"lsn {lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"
    return ", ".join(f"{key} {value}" for key, value in sorted(offset.items()))


def _moment(microseconds: object) -> datetime | None:
    if not isinstance(microseconds, int):
        return None
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    except OverflowError:
        return None
