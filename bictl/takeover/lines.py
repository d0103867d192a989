"""A line of an old object: what the scripts that were here before wrote of one record.

One JSON object with topic, partition, offset, timestamp, key and value. Key and value are JSON, of
which the line's own characters are kept, so that no number changes; or a text, which is the
record's own bytes. A null value is a tombstone.
"""

import json
import re
from datetime import UTC, datetime
from json.decoder import scanstring  # type: ignore[attr-defined]  # its stub leaves it out
from typing import Any, NamedTuple

_SPACE = re.compile(r"[ \t\r\n]*")
_WHOLE = re.compile(r"-?\d{1,19}(?:\.0+)?")
# numbers are kept as texts: none is made a float, and none is too long
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)
NO_TIMESTAMP = -1  # as Kafka itself writes it


class OldRecord(NamedTuple):
    """A record that the scripts had read; `line` counts from 1, 0 where it comes from a row."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    line: int = 0


class LineParser:
    """Parses the lines of one topic; it remembers the newest inline schema, which is long and the
    same in every line, so as to read it once."""

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._heads: dict[str, str] = {}

    def parse(self, line: bytes, number: int) -> OldRecord:
        """The record; ValueError says what is wrong with the line."""
        try:
            members = self._members(line.decode())
        except json.JSONDecodeError as error:
            raise ValueError(
                f"it is not whole JSON: {error.msg} at character {error.pos}"
            ) from None
        except RecursionError:
            raise ValueError("it is nested too deeply to be read") from None
        except UnicodeDecodeError as error:
            raise ValueError(f"it is not UTF-8 at byte {error.start}") from None
        missing = [
            name for name in ("topic", "partition", "offset", "value") if name not in members
        ]
        if missing:
            raise ValueError(f"it has no {', '.join(missing)}")
        if members["topic"][0] != self._topic:
            raise ValueError(f"it is of topic {members['topic'][0]!r}")
        return OldRecord(
            partition=_whole("partition", members["partition"][0]),
            offset=_whole("offset", members["offset"][0]),
            timestamp=milliseconds(members.get("timestamp", (None, ""))[0]),
            key=_bytes(*members.get("key", (None, "null"))),
            value=_bytes(*members["value"]),
            line=number,
        )

    def _members(self, text: str) -> dict[str, tuple[Any, str]]:
        """Each member of the line's object: what it is, and its own characters."""
        found: dict[str, tuple[Any, str]] = {}
        at = _past(text, 0, "{")
        while not text.startswith("}", at):
            name, at = scanstring(text, _past(text, at, '"'), True)
            at = _past(text, _skip(text, at), ":")
            start = _skip(text, at)
            value, at = self._value(name, text, start)
            found[name] = (value, text[start:at])
            at = _skip(text, at)
            if not text.startswith("}", at):
                at = _past(text, at, ",")
                at = _skip(text, at)
        if _skip(text, at + 1) != len(text):
            raise ValueError("something follows the record")
        return found

    def _value(self, name: str, text: str, start: int) -> tuple[Any, int]:
        head = self._heads.get(name)
        if head is not None and text.startswith(head, start):  # the schema that was read before
            _, at = _DECODER.raw_decode(text, start + len(head))
            return {}, _past(text, _skip(text, at), "}")
        value, at = _DECODER.raw_decode(text, start)
        if isinstance(value, dict) and list(value) == ["schema", "payload"]:
            self._remember(name, text[start:at])
        return value, at

    def _remember(self, name: str, envelope: str) -> None:
        """Keeps `{"schema": …, "payload":` with the blanks of the script that wrote it."""
        at = _past(envelope, _skip(envelope, 1) + len('"schema"'), ":", skip=True)
        _, at = _DECODER.raw_decode(envelope, _skip(envelope, at))
        at = _skip(envelope, _past(envelope, at, ",", skip=True))
        at = _past(envelope, at + len('"payload"'), ":", skip=True)
        self._heads[name] = envelope[: _skip(envelope, at)]


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _past(text: str, at: int, what: str, *, skip: bool = True) -> int:
    at = _skip(text, at) if skip else at
    if not text.startswith(what, at):
        raise ValueError(f"it is not whole JSON: expected {what!r} at character {at}")
    return at + len(what)


def _whole(name: str, value: Any) -> int:
    if not isinstance(value, str) or not _WHOLE.fullmatch(value):
        raise ValueError(f"its {name} is {value!r}")
    number = int(value.partition(".")[0])
    if number < 0:
        raise ValueError(f"its {name} is {value!r}")
    return number


def milliseconds(value: Any) -> int:
    """A number of milliseconds, a pair (kind, milliseconds) as some consumers give it, or an
    instant as ISO 8601; nothing is no timestamp."""
    if value is None:
        return NO_TIMESTAMP
    if isinstance(value, list) and len(value) == 2:
        value = value[1]
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value.partition(".")[0])
    try:
        instant = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValueError(f"its timestamp is {value!r}") from None
    whole = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    since = whole - datetime(1970, 1, 1, tzinfo=UTC)
    return since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000


def _bytes(value: Any, text: str) -> bytes | None:
    """The bytes of a key or a value. A number is told from a text by its first character."""
    if value is None:
        return None
    if not text.startswith('"'):
        return text.encode()
    try:
        return str(value).encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise ValueError(f"a text holds half a character: {error.reason}") from None
