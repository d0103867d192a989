"""Numbers, times and bytes of staging against the records, by a decoding of verify's own.

Staging decodes in SQL, by the loader's digest of each schema; here the inline schema itself says
what a value means, and Python's integers and decimals do the rest. A cell whose meaning no schema
says, or that neither side can hold (a year beyond 9999), is not compared and is counted as such.

Encodings: https://debezium.io/documentation/reference/2.4/connectors/sqlserver.html, "Data types".
"""

import base64
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from bictl.counted import counted
from bictl.verify.report import Finding, Sample, State, of_keys, passed

if TYPE_CHECKING:
    from bictl.settings import Table
    from bictl.verify.staging import Keys

_EXACT = Context(prec=200)
_STEPS = {  # units of a schema's name: how many microseconds, as (times, divided by)
    "io.debezium.time.Time": (1000, 1),
    "io.debezium.time.Timestamp": (1000, 1),
    "org.apache.kafka.connect.data.Time": (1000, 1),
    "org.apache.kafka.connect.data.Timestamp": (1000, 1),
    "io.debezium.time.MicroTime": (1, 1),
    "io.debezium.time.MicroTimestamp": (1, 1),
    "io.debezium.time.NanoTime": (1, 1000),
    "io.debezium.time.NanoTimestamp": (1, 1000),
}
_DAYS = {"io.debezium.time.Date", "org.apache.kafka.connect.data.Date"}
_WRAP = 1 << 64  # nanoseconds beyond 1677 and 2262 wrap around in 64 bits
_ZONED = "io.debezium.time.ZonedTimestamp"


@dataclass(frozen=True)
class Meaning:
    """What an inline schema says of a column."""

    type: str
    name: str = ""
    scale: int = 0


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """Cells that say other than the newest record, by field; how many were compared, or not."""

    rows: int
    compared: int = 0
    unsaid: int = 0
    different: Mapping[str, Sample] = field(default_factory=dict)


def meanings(schema: Mapping[str, Any]) -> dict[str, Meaning]:
    """The columns of an envelope's row, or of a flat one."""
    fields = {one["field"]: one for one in schema.get("fields", ()) if "field" in one}
    if {"op", "source"} <= fields.keys():
        inside = fields.get("after", {}).get("fields", ())
        fields = {one["field"]: one for one in inside if "field" in one}
    return {name: _meaning(one) for name, one in fields.items()}


def _meaning(described: Mapping[str, Any]) -> Meaning:
    scale = str((described.get("parameters") or {}).get("scale", ""))
    return Meaning(
        described.get("type", ""),
        described.get("name") or "",
        int(scale) if scale.removeprefix("-").isdecimal() else 0,
    )


def agrees(shown: str, raw: str, *, kind: str, meaning: Meaning) -> bool | None:
    """Whether a cell shows what the record says; None where that cannot be told.

    `shown` is Postgres's text of the cell, `kind` its type with its size, `raw` the value's JSON.
    """
    base = kind.partition("(")[0]
    try:
        value = json.loads(raw, parse_float=Decimal)
        if base == "numeric":
            return _is_number(shown, value, kind, meaning)
        if base in ("double precision", "real"):
            return _is_float(shown, value, base)
        if base == "bytea":
            return _is_bytes(shown, value, meaning)
        return _is_moment(shown, value, base, meaning)
    except (ValueError, InvalidOperation, OverflowError, struct.error):
        return None


def _is_number(shown: str, value: Any, kind: str, meaning: Meaning) -> bool | None:
    number = _number(value, meaning)
    if number is None or not number.is_finite():
        return None
    _, _, sizes = kind.partition("(")
    if sizes:
        step = Decimal(1).scaleb(-int(sizes.rstrip(")").split(",")[1]))
        number = number.quantize(step, rounding=ROUND_HALF_UP, context=_EXACT)
    return Decimal(shown) == number


def _number(value: Any, meaning: Meaning) -> Decimal | None:
    if meaning.name == "org.apache.kafka.connect.data.Decimal" and isinstance(value, str):
        return _unscaled(value).scaleb(-meaning.scale, context=_EXACT)
    if isinstance(value, dict):
        return _unscaled(value["value"]).scaleb(-int(value["scale"]), context=_EXACT)
    if isinstance(value, str | int | Decimal) and not isinstance(value, bool):
        return Decimal(value)
    return None


def _unscaled(text: str) -> Decimal:
    """Big-endian two's complement in base64."""
    return Decimal(int.from_bytes(base64.b64decode(text, validate=True), "big", signed=True))


def _is_float(shown: str, value: Any, base: str) -> bool | None:
    if not isinstance(value, int | Decimal) or isinstance(value, bool):
        return None
    if base == "real":
        return struct.pack(">f", float(shown)) == struct.pack(">f", float(value))
    return float(shown) == float(value)


def _is_bytes(shown: str, value: Any, meaning: Meaning) -> bool | None:
    if meaning.type != "bytes" or not isinstance(value, str):
        return None
    return shown == "\\x" + base64.b64decode(value, validate=True).hex()


def _is_moment(shown: str, value: Any, base: str, meaning: Meaning) -> bool | None:
    if meaning.name == _ZONED and base == "timestamp with time zone":
        return datetime.fromisoformat(shown) == datetime.fromisoformat(_six_digits(str(value)))
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    if base == "date" and meaning.name in _DAYS:
        return (date.fromisoformat(shown) - date(1970, 1, 1)).days == value
    return _is_step(shown, value, base, meaning) if meaning.name in _STEPS else None


def _is_step(shown: str, value: int, base: str, meaning: Meaning) -> bool | None:
    times, divided = _STEPS[meaning.name]
    if base == "time without time zone":
        return _of_day(shown) == value * times // divided
    if base == "timestamp without time zone":
        there = _since_epoch(shown)
        wraps = round((there * divided // times - value) / _WRAP) if divided > 1 else 0
        return there == (value + wraps * _WRAP) * times // divided
    return None


def _since_epoch(shown: str) -> int:
    """Microseconds."""
    span = datetime.fromisoformat(shown).replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds


def _of_day(shown: str) -> int:
    """Microseconds."""
    at = time.fromisoformat(shown)
    return ((at.hour * 60 + at.minute) * 60 + at.second) * 1_000_000 + at.microsecond


def _six_digits(iso: str) -> str:
    """The instant with its seventh digit cut off: Postgres has microseconds."""
    whole, point, rest = iso.partition(".")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    return f"{whole}{point}{digits[:6]}{rest[len(digits) :]}" if point else iso


def same_values(found: Decoded, keys: "Keys", *, table: "Table") -> Finding:
    """T9: numbers, times and bytes are those of the newest record, decoded a second time."""
    evaluated = found.rows or (keys.folded if keys.expected == 0 else 0)
    if not found.different:
        told = (
            f"{counted(found.compared, 'cell')}; {found.unsaid} that no schema describes are"
            " not compared"
        )
        return passed(evaluated, told if found.unsaid else "")
    size = sum(sample.total for sample in found.different.values())
    words = "; ".join(f"{name}: {one.total} ({one})" for name, one in found.different.items())
    listed = list(dict.fromkeys(key for one in found.different.values() for key in one.keys))
    return Finding(
        state=State.FAIL,
        evaluated=evaluated,
        extra=of_keys(listed, size),
        message=f"{counted(size, 'cell', 'is')} not what the newest record says: {words}",
        hint=f"bictl transform --table {table.name}; if that does not help, bictl's decoders in "
        "the schema bronze are not as `bictl migrate` made them",
    )
