"""A file that says which columns a table has: SQL Server's `create table`, as its tools script it,
or a record of the schema-change topic, or an inline schema (both JSON)."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, takewhile
from pathlib import Path

from bictl.columns import KNOWN, Column, SourceTable, changed_tables, sql_type, value_columns
from bictl.errors import ConfigError

_TOKEN = re.compile(
    r"""--[^\n]*|/\*.*?\*/|\s+|(?P<text>N?'(?:[^']|'')*')"""
    r"""|(?P<name>\[(?:[^\]]|\]\])*\]|"(?:[^"]|"")*"|[\w@#$]+)|(?P<sign>.)""",
    re.DOTALL,
)
_HINT = "give SQL Server's `create table` statement, or a record of the schema-change topic as JSON"
_NO_COLUMN = {"constraint", "primary", "unique", "foreign", "check", "index", "period"}


@dataclass(frozen=True)
class _Word:
    """A token: `bare` is its text in small letters unless it is quoted."""

    text: str
    bare: str


def read_columns(path: Path, *, wanted: tuple[str, ...]) -> SourceTable:
    """The table that the file describes, of several the one that is `wanted` (its name is the end
    of that). ConfigError where it cannot be read or describes none."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {error}", hint=_HINT) from None
    try:
        found = _from_json(json.loads(text))
    except ValueError:
        found = create_tables(text)
    if len(found) > 1:
        found = [table for table in found if table.name[-1:] == wanted[-1:]]
    if len(found) != 1 or not found[0].columns:
        raise ConfigError(f"{path} describes no table {'.'.join(wanted)}", hint=_HINT)
    return found[0]


def _from_json(document: object) -> list[SourceTable]:
    if not isinstance(document, dict):
        return []
    schema = document.get("schema")
    inline = value_columns(schema if isinstance(schema, dict) else document)
    tables = [table for table in changed_tables(document) if not table.dropped]
    return tables or [SourceTable((), inline, ())]


def create_tables(text: str) -> list[SourceTable]:
    """The tables of the `create table` statements in a script of T-SQL."""
    words, found = list(_words(text)), list[SourceTable]()
    for at, (one, two) in enumerate(pairwise(words)):
        if one.bare == "create" and two.bare == "table":
            name = list(takewhile(lambda word: word.bare != "(", words[at + 2 :]))
            body = words[at + 3 + len(name) :]
            found.append(_table(tuple(word.text for word in name if word.bare != "."), body))
    return found


def _table(name: tuple[str, ...], body: list[_Word]) -> SourceTable:
    columns, key = list[Column](), list[str]()
    for part in _parts(body):
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
    listed = takewhile(lambda word: word.bare != ")", part[opened + 1 :])
    return [word.text for word in listed if word.bare not in {",", "asc", "desc"}]


def _has(part: list[_Word], first: str, second: str) -> bool:
    return any(one.bare == first and two.bare == second for one, two in pairwise(part))


def _not_null(column: Column, key: list[str]) -> Column:
    if column.name not in key:
        return column
    return Column(column.name, column.type, nullable=False, default=column.default)
