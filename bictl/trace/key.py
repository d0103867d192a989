"""The key that is traced: as a person writes it, and as records carry it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bictl.errors import NotFound, UsageError
from bictl.trace.payload import decoded, key_fields, text_of

_INTEGER = re.compile(r"0|-?[1-9]\d{0,9}")
_PLAIN = re.compile(r"[A-Za-z0-9_.:+-]+")  # no JSON writer escapes these


@dataclass(frozen=True)
class Key:
    """The values of a table's key columns, as texts in the order of the columns."""

    columns: tuple[str, ...]
    values: tuple[str, ...]

    def __str__(self) -> str:
        if len(self.columns) == 1:
            return self.values[0]
        return ", ".join(f"{name}={value}" for name, value in self.by_column.items())

    @property
    def by_column(self) -> dict[str, str]:
        """Each column's value."""
        return dict(zip(self.columns, self.values, strict=True))

    @property
    def words(self) -> str:
        """As the option is written on a command line."""
        if len(self.columns) == 1:
            return f"--key {quoted(self.values[0])}"
        return " ".join(f"--key {quoted(f'{name}={v}')}" for name, v in self.by_column.items())

    @property
    def integer(self) -> int | None:
        """The first value where it is an integer of 32 bits: the key's index holds those."""
        first = self.values[0]
        number = int(first) if _INTEGER.fullmatch(first) else None
        return number if number is not None and -(2**31) <= number < 2**31 else None

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
    """The key behind `4711`, or `ID=1`, `Region=7`; UsageError names the columns."""
    given: dict[str, str] = {}
    if len(words) > len(columns):
        raise UsageError(
            f"{len(words)} values are given for a key of {len(columns)}: {', '.join(columns)}",
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
                f"the key has {len(columns)} columns: {', '.join(columns)}; {word!r} names none",
                hint=" ".join(f"--key {name}=…" for name in columns),
            )
    if lacking := [name for name in columns if name not in given]:
        raise UsageError(
            f"the key's column {', '.join(lacking)} is not given",
            hint=" ".join(f"--key {name}=…" for name in columns),
        )
    return Key(tuple(columns), tuple(given[name] for name in columns))


def quoted(word: str) -> str:
    """A word as a shell reads it."""
    import shlex

    return shlex.quote(word)
