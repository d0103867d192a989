"""What one record of a connector's topic tells about its source, whatever shape it has."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Event:
    """`at` is the source's own time of the change, `captured` when Debezium read it; `mark` its
    source.snapshot, "false" for a change, "read" where a flat row tells no more than that it is
    none; `position` is the same in all rows of one snapshot."""

    at: datetime | None
    captured: datetime | None
    mark: str
    position: str

    @property
    def delay(self) -> float | None:
        """Seconds between a change and its capture; None for a snapshot's rows."""
        if self.mark != "false" or self.at is None or self.captured is None:
            return None
        return (self.captured - self.at).total_seconds()


def read_event(value: bytes | None) -> Event | None:
    """The event in a record's value: an envelope with or without its schema, or a flat row; None
    for a tombstone and for what is not JSON."""
    envelope = _envelope(value)
    source = envelope.get("source")
    if isinstance(source, dict):
        return Event(
            at=_moment(source.get("ts_ms")),
            captured=_moment(envelope.get("ts_ms")),
            mark=str(source.get("snapshot") or "false"),
            position=str(source.get("commit_lsn") or source.get("lsn") or source.get("pos") or ""),
        )
    if "__op" in envelope or "__source_ts_ms" in envelope:
        return Event(
            at=_moment(envelope.get("__source_ts_ms")),
            captured=_moment(envelope.get("__ts_ms")),
            mark=str(
                envelope.get("__source_snapshot")
                or ("read" if envelope.get("__op") == "r" else "false")
            ),
            position=str(envelope.get("__source_commit_lsn") or envelope.get("__source_lsn") or ""),
        )
    return None


def _envelope(value: bytes | None) -> dict[str, Any]:
    try:
        found = json.loads(value or b"null")
    except ValueError:  # Avro, or another format
        return {}
    payload = found.get("payload", found) if isinstance(found, dict) else None
    return payload if isinstance(payload, dict) else {}


def _moment(milliseconds: object) -> datetime | None:
    if not isinstance(milliseconds, int):
        return None
    try:
        return _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return None
