"""A file that says which columns a table has: SQL Server's `create table`, as its tools script it,
or a record of the schema-change topic, or an inline schema (both JSON)."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from bictl.columns import KNOWN, Column, SourceTable, changed_tables, sql_type, value_columns
from bictl.errors import ConfigError

_TOKEN = re.compile(
    r"""--[^\n]*|/\*.*?\*/|\s+|(?P<name>\[(?:[^\]]|\]\])*\]|"(?:[^"]|"")*"|[\w@#$]+)"""
    r"""|(?P<text>N?'(?:[^']|'')*')|(?P<sign>.)""",
    re.DOTALL,
)
_HINT = "give SQL Server's `create table` statement, or a record of the schema-change topic as JSON"
_NO_COLUMN = {"constraint", "primary", "unique", "foreign", "check", "index", "period"}


@dataclass(frozen=True)
class _Word:
    """A token: `bare` is its text in small letters unless it is quoted."""

    text: str
    bare: str


def read_columns(path: Path) -> SourceTable:
    """The table that the file describes. ConfigError where it cannot be read or describes none."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {error}", hint=_HINT) from None
    try:
        found = _from_json(json.loads(text))
    except ValueError:
        found = create_table(text)
    if found is None or not found.columns:
        raise ConfigError(f"{path} describes no table", hint=_HINT)
    return found


def _from_json(document: object) -> SourceTable | None:
    if not isinstance(document, dict):
        return None
    tables = [table for table in changed_tables(document) if not table.dropped]
    if len(tables) == 1:
        return tables[0]
    schema = document.get("schema")
    return SourceTable((), value_columns(schema if isinstance(schema, dict) else document), ())


def create_table(text: str) -> SourceTable | None:
    """The table of a `create table` statement of T-SQL; None where there is none."""
    words = list(_words(text))
    at = next((i for i, word in enumerate(words) if word.bare == "table"), None)
    opened = next(
        (i for i, w in enumerate(words) if at is not None and i > at and w.bare == "("), None
    )
    if at is None or opened is None:
        return None
    name = tuple(word.text for word in words[at + 1 : opened] if word.bare != ".")
    columns, key = list[Column](), list[str]()
    for part in _parts(words[opened + 1 :]):
        if part[0].bare in _NO_COLUMN:
            key = _primary_key(part) or key
            continue
        columns.append(_column(part))
        if _has(part, "primary", "key"):
            key = [part[0].text]
    return SourceTable(name, tuple(_not_null(one, key) for one in columns), tuple(key))


def _words(text: str) -> Iterator[_Word]:
    for token in _TOKEN.finditer(text):
        if name := token["name"]:
            if name[0] in '["':
                closing = "]" if name[0] == "[" else '"'
                yield _Word(name[1:-1].replace(closing * 2, closing), "")
            else:
                yield _Word(name, name.lower())
        elif token["text"] or token["sign"]:
            said = token["text"] or token["sign"]
            yield _Word(said, said)


def _parts(words: list[_Word]) -> Iterator[list[_Word]]:
    """What stands between the commas, up to the closing parenthesis."""
    depth, part = 0, list[_Word]()
    for word in words:
        depth += {"(": 1, ")": -1}.get(word.bare, 0)
        if depth < 0 or (depth == 0 and word.bare == ","):
            if part:
                yield part
            part = []
            if depth < 0:
                return
        else:
            part.append(word)


def _column(part: list[_Word]) -> Column:
    name = part[0].text
    if len(part) < 2 or part[1].bare == "as":
        return Column(name, "sql_variant" if len(part) < 2 else "nvarchar", computed=True)
    at = 3 if len(part) > 3 and part[2].bare == "." else 1  # [sys].[hierarchyid], dbo.Phone
    base, digits = part[at].text, list[int]()
    if len(part) > at + 1 and part[at + 1].bare == "(":
        for word in part[at + 2 :]:
            if word.bare == ")":
                break
            digits += [int(word.text)] if word.text.isdecimal() else []
    if not KNOWN.fullmatch(base.lower()):
        raise ConfigError(
            f"column {name!r} has the type {base!r}, which is none of SQL Server's own",
            hint="write the type that it stands for (a user's own type is another type's name)",
        )
    is_decimal = base.lower() in {"decimal", "numeric"}
    first, second = [*digits, None, None][:2]
    precision, scale = (first, second) if is_decimal else (None, first)
    if base.lower() == "float" and digits and digits[0] <= 24:
        base = "real"
    return Column(
        name,
        sql_type(base, precision, scale),
        nullable=not _has(part, "not", "null"),
        default=_default(part),
    )


def _default(part: list[_Word]) -> str | None:
    at = next((i for i, word in enumerate(part) if word.bare == "default"), None)
    if at is None:
        return None
    depth, text = 0, ""
    for word in part[at + 1 :]:
        depth += {"(": 1, ")": -1}.get(word.bare, 0)
        text += word.text
        if depth == 0 and word.bare != "-":
            break
    return text


def _primary_key(part: list[_Word]) -> list[str]:
    if not _has(part, "primary", "key"):
        return []
    opened = next((i for i, word in enumerate(part) if word.bare == "("), len(part))
    return [word.text for word in part[opened:] if word.bare not in {"(", ")", ",", "asc", "desc"}]


def _has(part: list[_Word], first: str, second: str) -> bool:
    return any(one.bare == first and two.bare == second for one, two in pairwise(part))


def _not_null(column: Column, key: list[str]) -> Column:
    if column.name not in key:
        return column
    return Column(column.name, column.type, nullable=False, default=column.default)
