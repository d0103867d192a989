"""A key in words: `4711`, or `OrderID=7, Line=2` where it has several columns.

Keys are alike when their bytes are: 'A', 'a' and 'A ' are three, though SQL Server's usual
collations take them for one.
"""

import json
import re
from collections.abc import Sequence

_BARE = re.compile(r"[^\s',=](?:[^',=]*[^\s',=])?")
_BARE_ALONE = re.compile(r"[^\s',](?:[^',]*[^\s',])?")
_VALUE = r"=(?:'((?:[^']|'')*)'|([^',=]*))(?:, |$)"


def in_words(columns: Sequence[str], values: Sequence[str]) -> str:
    """The key for a person. What would not be seen, or be taken for two, stands in quotes."""
    if len(columns) == 1:
        return _quoted(values[0], _BARE_ALONE)
    named = zip(columns, values, strict=True)
    return ", ".join(f"{name}={_quoted(value, _BARE)}" for name, value in named)


def values_of(columns: Sequence[str], identity: str) -> tuple[str, ...]:
    """The values behind the text that stands for a key in SQL (bictl.clients.key_parts)."""
    return (identity,) if len(columns) == 1 else tuple(json.loads(identity))


def from_words(columns: Sequence[str], words: str) -> dict[str, str] | None:
    """What `in_words` said of a key of several columns; None where it cannot have said that."""
    name = "|".join(re.escape(column) for column in sorted(columns, key=len, reverse=True))
    part = re.compile(f"({name}){_VALUE}")
    found: dict[str, str] = {}
    at = 0
    while at < len(words):
        match = part.match(words, at)
        if match is None or match[1] in found:
            return None
        found[match[1]] = match[3] if match[2] is None else match[2].replace("''", "'")
        at = match.end()
    return found if len(found) == len(columns) else None


def _quoted(value: str, bare: re.Pattern[str]) -> str:
    return value if bare.fullmatch(value) else "'" + value.replace("'", "''") + "'"
