"""The key that is traced: as a person writes it, and as records carry it."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bictl.counted import counted
from bictl.errors import NotFound, UsageError
from bictl.keys import from_words, in_words
from bictl.trace.payload import decoded, key_fields, text_of

_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,18}")
_BITS = {"integer": 31, "bigint": 63}
_PLAIN = re.compile(r"[A-Za-z0-9_.:+-]+")  # no JSON writer escapes these


@dataclass(frozen=True)
class Key:
    """The values of a table's key columns, as texts in the order of the columns."""

    columns: tuple[str, ...]
    values: tuple[str, ...]

    def __str__(self) -> str:
        return in_words(self.columns, self.values)

    @property
    def by_column(self) -> dict[str, str]:
        """Each column's value."""
        return dict(zip(self.columns, self.values, strict=True))

    @property
    def named(self) -> str:
        """The same with the column's name also where there is one."""
        return f"{self.columns[0]}={self}" if len(self.columns) == 1 else str(self)

    @property
    def words(self) -> str:
        """As the option is written on a command line."""
        if len(self.columns) == 1:
            return f"--key {quoted(self.values[0])}"
        return " ".join(f"--key {quoted(f'{name}={v}')}" for name, v in self.by_column.items())

    def typed(self, types: Sequence[str]) -> tuple[int | str, ...] | None:
        """The values as the key's index holds them; None where it cannot hold one of them."""
        found = tuple(map(_typed, self.values, types))
        whole = tuple(value for value in found if value is not None)
        return whole if len(whole) == len(found) else None

    def distance(self, other: Sequence[str]) -> list[float]:
        """How far another key's values are, column by column: numbers by their difference, texts by
        their letters."""
        return [_distance(*pair) for pair in zip(self.values, other, strict=True)]

    @property
    def needle(self) -> bytes:
        """Bytes that stand in each of its records, however their JSON is written; may be empty."""
        plain = [value for value in self.values if _PLAIN.fullmatch(value)]
        return max(plain, key=len, default="").encode()

    def matches(self, key: bytes | None, value: bytes | None) -> bool:
        """Whether a record is one of this key."""
        raw = key if key is not None else value
        if raw is None or (self.needle and self.needle not in raw):
            return False
        return (
            key_of(decoded(key), None if key is not None else decoded(value), self.columns) == self
        )


def key_of(key: Any, value: Any, columns: Sequence[str]) -> Key | None:
    """The key of a record that is decoded; None where a column is not there."""
    fields = key_fields(key, value)
    values = [text_of(fields.get(name)) for name in columns]
    found = tuple(value for value in values if value is not None)
    return Key(tuple(columns), found) if len(found) == len(columns) else None


def parse_key(words: Sequence[str], columns: Sequence[str]) -> Key:
    """The key behind `4711`, or `ID=1`, `Region=7`, or `ID=1, Region=7` as verify says it;
    UsageError names the columns."""
    if len(words) == 1 < len(columns) and (told := from_words(columns, words[0])) is not None:
        return Key(tuple(columns), tuple(told[name] for name in columns))
    given: dict[str, str] = {}
    if len(words) > len(columns):
        raise UsageError(
            f"{counted(len(words), 'value', 'is')} given for a key of {len(columns)}:"
            f" {', '.join(columns)}",
            hint="trace one key at a time",
        )
    for word in words:
        name, equals, value = word.partition("=")
        if equals and name in columns:
            given[name] = value
        elif len(columns) == 1:
            given[columns[0]] = word
        elif equals:
            raise NotFound("key column", name, existing=columns)
        else:
            raise UsageError(
                f"the key has {counted(len(columns), 'column')}: {', '.join(columns)}; {word!r}"
                " names none",
                hint=" ".join(f"--key {name}=…" for name in columns),
            )
    if lacking := [name for name in columns if name not in given]:
        raise UsageError(
            f"the key's column {', '.join(lacking)} is not given",
            hint=" ".join(f"--key {name}=…" for name in columns),
        )
    return Key(tuple(columns), tuple(given[name] for name in columns))


def _typed(value: str, kind: str) -> int | str | None:
    if kind == "text":
        return value
    number = int(value) if _WHOLE.fullmatch(value) else None
    limit = 2 ** _BITS[kind]
    return number if number is not None and -limit <= number < limit else None


def _distance(one: str, other: str) -> float:
    if _WHOLE.fullmatch(one) and _WHOLE.fullmatch(other):
        return abs(int(one) - int(other))
    return 1 - difflib.SequenceMatcher(None, one, other).ratio()


def quoted(word: str) -> str:
    """A word as a shell reads it."""
    import shlex

    return shlex.quote(word)
