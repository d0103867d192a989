"""A command's result as plain values, and its forms that need no terminal: tsv, json, jsonl."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from bictl.inert import inert

Kind = Literal["text", "count", "bytes", "seconds", "time", "state"]


@dataclass(frozen=True)
class Column:
    """One column: the row's key, what a person calls it, and how its values are shown."""

    key: str
    title: str = ""
    kind: Kind = "text"
    wide: bool = False  # left out of the table on a terminal, present everywhere else
    cut: int | None = None  # characters of a value on a terminal; it is whole everywhere else


@dataclass(frozen=True, kw_only=True)
class View:
    """Rows with their columns; `schema` names the JSON form, which only ever gains fields.

    `extra` are the JSON document's own fields beside its rows, `rows_key` names the rows there;
    `title` stands above a table.
    """

    schema: str
    columns: Sequence[Column]
    rows: Sequence[Mapping[str, Any]]
    extra: Mapping[str, Any] = field(default_factory=dict)
    rows_key: str = "rows"
    title: str = ""


def as_json(view: View) -> str:
    """One ASCII document."""
    document = {"schema": view.schema, **view.extra, view.rows_key: list(view.rows)}
    return json.dumps(_plain(document), ensure_ascii=True, indent=2)


def as_jsonl(view: View) -> list[str]:
    """One ASCII document a row."""
    return [
        json.dumps(_plain({"schema": view.schema, **row}), ensure_ascii=True) for row in view.rows
    ]


def as_tsv(view: View) -> list[str]:
    """One line a row, tabs between the cells, nothing cut."""
    return ["\t".join(_cell(row.get(column.key)) for column in view.columns) for row in view.rows]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, (dict, list, tuple)):
        return json.dumps(_plain(value), ensure_ascii=True)
    return inert(str(value))


def rfc3339(moment: datetime) -> str:
    """UTC, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _plain(value: Any) -> Any:
    """`value` in JSON's own types; what has none of its own becomes its text."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, (str, int, float, bool)) else str(value)
