"""What a topic says of the table behind it: its newest records, their inline schemas, and the
schema-change topic where the records bring none."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bictl.columns import (
    Column,
    SourceTable,
    changed_tables,
    key_columns,
    row_fields,
    value_columns,
)
from bictl.errors import NotFound, StageFailed

if TYPE_CHECKING:
    from bictl.clients.topics import TopicReader
    from bictl.records import Record

_NEWEST = 100  # offsets looked at first, at the end of each partition
_HINT = "name --from-schema-topic (named like the connector's topic prefix), or --columns FILE"


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A topic's newest row: its columns as the record's own schema tells them (None without one),
    the key's columns (their types None without a schema), the fields on the wire, and whose row it
    is as far as the record says. `earlier` are the columns of the oldest record that is there."""

    columns: tuple[Column, ...] | None
    key: tuple[Column, ...]
    fields: tuple[str, ...]
    source: tuple[str, ...]
    prefix: str
    wrapped: bool
    flat: bool
    earlier: tuple[Column, ...] | None = None


@dataclass(frozen=True)
class _Row:
    """One record, looked into."""

    timestamp: int
    key: Any
    value: Mapping[str, Any]


def sample(reader: "TopicReader", topic: str) -> Sample:
    """The topic's newest row. NotFound where there is no topic, StageFailed where it has no row or
    what it has is not Debezium's."""
    newest: _Row | None = None
    oldest: _Row | None = None
    offsets = reader.offsets(topic, reader.describe(topic).partitions)
    for partition, known in offsets.items():
        for row in _newest_rows(reader, topic, partition, known.start, known.stable):
            if newest is None or row.timestamp >= newest.timestamp:
                newest = row
        first = reader.first_after(topic, partition, known.start, known=known)
        begun = None if first is None else _row(first)
        if begun is not None and (oldest is None or begun.timestamp < oldest.timestamp):
            oldest = begun
    if newest is None:
        raise StageFailed(
            f"the topic {topic} has no row to learn the columns from",
            hint="wait for the connector's first record (bictl cdc status), or give the columns:"
            " --from-schema-topic or --columns FILE, with --key",
        )
    return _sampled(newest, oldest)


def _newest_rows(
    reader: "TopicReader", topic: str, partition: int, start: int, end: int
) -> Iterator[_Row]:
    """The rows among the partition's last records; further back as long as there is none."""
    many, last = _NEWEST, end
    while last > start:
        first = max(start, last - many)
        rows = [
            row
            for chunk in reader.read(topic, partition, first=first, end=last)
            for record in chunk.records
            if (row := _row(record)) is not None
        ]
        if rows:
            yield rows[-1]
            return
        last, many = first, many * 2


def _row(record: "Record") -> _Row | None:
    """None for a tombstone and for what is not JSON of an object."""
    value = _json(record.value)
    if not isinstance(value, dict) or not isinstance(value.get("payload", {}), dict):
        return None
    return _Row(record.timestamp, _json(record.key), value)


def _json(raw: bytes | None) -> Any:
    try:
        return None if raw is None else json.loads(raw)
    except ValueError:
        return None


def _sampled(newest: _Row, oldest: _Row | None) -> Sample:
    wrapped, event = _unwrapped(newest.value)
    is_envelope = "op" in event and isinstance(event.get("source"), dict)
    row = (event.get("after") or event.get("before") or {}) if is_envelope else event
    source = event["source"] if is_envelope else {}
    columns = value_columns(newest.value["schema"]) if wrapped else None
    return Sample(
        columns=columns,
        key=_key(newest.key),
        fields=tuple(one.name for one in columns) if columns else tuple(row_fields(row)),
        source=tuple(str(source.get(part)) for part in ("db", "schema", "table"))
        if source.get("table")
        else (),
        prefix=str(source.get("name") or ""),
        wrapped=wrapped,
        flat=not is_envelope,
        earlier=_columns_of(oldest),
    )


def _unwrapped(value: Mapping[str, Any]) -> tuple[bool, Mapping[str, Any]]:
    wrapped = isinstance(value.get("schema"), dict) and isinstance(value.get("payload"), dict)
    return wrapped, value["payload"] if wrapped else value


def _columns_of(row: _Row | None) -> tuple[Column, ...] | None:
    if row is None or not _unwrapped(row.value)[0]:
        return None
    return value_columns(row.value["schema"])


def _key(key: Any) -> tuple[Column, ...]:
    """The key's columns; without a schema their types are not known."""
    if not isinstance(key, dict):
        return ()
    if isinstance(key.get("schema"), dict) and "payload" in key:
        return key_columns(key["schema"])
    payload = key["payload"] if isinstance(key.get("payload"), dict) else key
    return tuple(Column(str(name), "", nullable=False) for name in payload)


def described_in(reader: "TopicReader", topic: str, *, wanted: tuple[str, ...]) -> SourceTable:
    """The newest description of a table in a schema-change topic; `wanted` is (database, schema,
    table) or the end of it. NotFound lists the tables that it describes."""
    found: dict[tuple[str, ...], SourceTable] = {}
    offsets = reader.offsets(topic, reader.describe(topic).partitions)
    for partition, known in offsets.items():
        for chunk in reader.read(topic, partition, first=known.start, end=known.stable):
            for record in chunk.records:
                value = _json(record.value)
                for table in changed_tables(value) if isinstance(value, dict) else []:
                    found[table.name] = table
    for size in range(len(wanted), 0, -1):
        fitting = [t for name, t in found.items() if name[-size:] == wanted[-size:]]
        if len(fitting) == 1 and not fitting[0].dropped:
            return fitting[0]
    raise NotFound(
        "table",
        ".".join(wanted),
        existing=[".".join(name) for name, table in found.items() if not table.dropped],
        where=f"in the schema-change topic {topic}",
        hint=None if found else f"{topic} describes no table: {_HINT}",
    )
