"""The demo's changes as Debezium 2.4.0.Final's SQL Server connector writes them, byte by byte.

JsonConverter with inline schemas: the schema is the same text in every record, decimals are base64
of a two's-complement integer, datetime2(7) is nanoseconds, datetime milliseconds. Texts are pasted
together, so that a laptop writes tens of thousands of events a second.
"""

import json
import re
from base64 import b64encode
from typing import NamedTuple

from bictl.local.catalogue import Product
from bictl.local.changes import Change
from bictl.local.schema import envelope_schema, key_schema

SERVER, DATABASE, SCHEMA, TABLE = "cord", "ConcordDb", "dbo", "Product"
_PRODUCER_LAG = 3  # milliseconds from an event to its record's timestamp
_ASTRAL = re.compile("[\U00010000-\U0010ffff]")


class Event(NamedTuple):
    """One record to produce; a tombstone's value is None, the timestamp is in milliseconds."""

    key: bytes
    value: bytes | None
    headers: list[tuple[str, bytes]]
    timestamp: int


def events(change: Change, topic: str) -> list[Event]:
    """The records of one change: a delete is followed by its tombstone."""
    key = key_of(change.row.id, topic)
    headers = _moved(change)
    timestamp = change.seen + _PRODUCER_LAG
    found = [Event(key, value_of(change, topic), headers, timestamp)]
    if change.op == "d":
        found.append(Event(key, None, headers, timestamp))
    return found


def key_of(id: int, topic: str) -> bytes:
    """The record's key with its schema."""
    return f'{{"schema":{key_schema(topic)},"payload":{{"ID":{id}}}}}'.encode()


def value_of(change: Change, topic: str) -> bytes:
    """The record's envelope with its schema."""
    return (
        f'{{"schema":{envelope_schema(topic)},"payload":{{"before":{_row(change.before)},'
        f'"after":{_row(change.after)},"source":{_source(change)},"op":"{change.op}",'
        f'"ts_ms":{change.seen},"transaction":null}}}}'
    ).encode()


def _row(product: Product | None) -> str:
    if product is None:
        return "null"
    (id, name, code, text, weight, length, width, height, volume, price, active, category,
     manufacturer, created, updated) = product  # fmt: skip
    return (
        f'{{"ID":{id},"Name":{_text(name)},"VendorCode":{_text(code)},"Description":{_text(text)},'
        f'"Weight":{_decimal(weight)},"Length":{_decimal(length)},"Width":{_decimal(width)},'
        f'"Height":{_decimal(height)},"Volume":{_decimal(volume)},"Price":{_decimal(price)},'
        f'"IsActive":{"true" if active else "false"},"CategoryID":{_number(category)},'
        f'"ManufacturerID":{_number(manufacturer)},"Created":{created},'
        f'"Updated":{_number(updated)}}}'
    )


def _source(change: Change) -> str:
    commit, lsn, serial = change.position
    return (
        f'{{"version":"2.4.0.Final","connector":"sqlserver","name":"{SERVER}",'
        f'"ts_ms":{change.committed},"snapshot":"{change.marker}","db":"{DATABASE}",'
        f'"sequence":null,"schema":"{SCHEMA}","table":"{TABLE}","change_lsn":{_text(lsn)},'
        f'"commit_lsn":"{commit}","event_serial_no":{_number(serial)}}}'
    )


def _moved(change: Change) -> list[tuple[str, bytes]]:
    if change.other_id is None:
        return []
    name = "__debezium.newkey" if change.op == "d" else "__debezium.oldkey"
    return [(name, f"Struct{{ID={change.other_id}}}".encode())]


def _text(value: str | None) -> str:
    """Jackson's text: raw UTF-8, but two upper-case escapes for what is beyond the BMP."""
    if value is None:
        return "null"
    return _ASTRAL.sub(_surrogates, json.dumps(value, ensure_ascii=False))


def _surrogates(found: re.Match[str]) -> str:
    pair = found[0].encode("utf-16-be").hex().upper()
    return f"\\u{pair[:4]}\\u{pair[4:]}"


def _number(value: int | None) -> str:
    return "null" if value is None else str(value)


def _decimal(unscaled: int | None) -> str:
    """BigInteger.toByteArray in base64: the shortest two's complement, big end first."""
    if unscaled is None:
        return "null"
    magnitude = unscaled if unscaled >= 0 else ~unscaled
    data = unscaled.to_bytes(magnitude.bit_length() // 8 + 1, "big", signed=True)
    return f'"{b64encode(data).decode()}"'
