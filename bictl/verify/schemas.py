"""The interned schemas: what rows name is there, and the decoders are told what the schema says.

Debezium's inline schema describes each column; `fields` is the loader's digest of it, by which
staging decodes. The digest is made a second time here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bictl.counted import counted
from bictl.verify.ranges import Ranges, in_words, total
from bictl.verify.report import Finding, State, of_ranges, passed

if TYPE_CHECKING:
    from bictl.settings import Table

_SAID = ("type", "name", "scale")  # what decides how a value is decoded


@dataclass(frozen=True, kw_only=True)
class Schemas:
    """How many schemas rows name; which of those are gone or described otherwise; those rows."""

    used: int
    gone: tuple[int, ...] = ()
    other: tuple[int, ...] = ()
    rows: Ranges = ()


def is_described(schema: Mapping[str, Any] | None, fields: Mapping[str, Any] | None) -> bool:
    """Whether the digest says of each column what the schema says of it."""
    if schema is None:
        return False
    told = {name: tuple(one.get(word) for word in _SAID) for name, one in (fields or {}).items()}
    return told == {field["field"]: _told(field) for field in _row_fields(schema)}


def _row_fields(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The columns: those of `after` in an envelope, else the schema's own."""
    fields = [field for field in schema.get("fields", ()) if "field" in field]
    inside = {field["field"]: field for field in fields}
    if {"op", "source"} <= inside.keys():
        after = inside.get("after", {})
        return [field for field in after.get("fields", ()) if "field" in field]
    return fields


def _told(field: Mapping[str, Any]) -> tuple[Any, ...]:
    scale = (field.get("parameters") or {}).get("scale")
    digits = str(scale).removeprefix("-")
    is_whole = digits.isascii() and digits.isdecimal() and len(digits) <= 5
    return field.get("type"), field.get("name"), int(scale) if scale and is_whole else None


def described(found: Schemas, *, rows: int, table: "Table") -> Finding:
    """B13: each row's schema is there, and the decoders' digest of it is its own."""
    if not found.rows:
        return passed(found.used or min(rows, 1))
    words = []
    if found.gone:
        words.append(f"schemas {_listed(found.gone)} are gone from bronze.cdc_schema")
    if found.other:
        words.append(f"schemas {_listed(found.other)} are described otherwise than they say")
    return Finding(
        state=State.FAIL,
        evaluated=found.used,
        extra=of_ranges(found.rows),
        message=f"{' and '.join(words)}: {counted(total(found.rows), 'row')} cannot be decoded"
        " rightly, "
        f"{in_words(found.rows)}",
        hint="restore bronze.cdc_schema from a backup; into an empty bronze it comes anew from the "
        f"objects: bictl load-bronze --table {table.name} --replay",
    )


def _listed(ids: tuple[int, ...]) -> str:
    more = f" and {len(ids) - 5} more" if len(ids) > 5 else ""
    return f"{', '.join(map(str, ids[:5]))}{more}"
