"""A record's bytes as plain values: JSON where they are JSON, and never an error where not."""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_MS, _LAST_MS = -62_135_596_800_000, 253_402_300_799_999  # the years 1 to 9999
_DEEPEST = 64  # levels: what is nested deeper is shown as the text that it is
UNTOLD = "?"  # the operation of a value that is no row
_DIGITS = 4000  # of an integer: Python refuses to read a longer one


def decoded(raw: bytes | None) -> Any:
    """The JSON behind the bytes; else their text; else `{"base64": …}`. Numbers that a float would
    change stay texts."""
    if raw is None:
        return None
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(raw).decode()}
    try:
        found = json.loads(text, parse_float=_exact, parse_int=_whole, parse_constant=str)
    except (ValueError, RecursionError):
        return text
    return text if _is_deeper(found, _DEEPEST) else found


def unwrapped(value: Any) -> Any:
    """What is behind the wrapper `{"schema": …, "payload": …}`, which bronze keeps without the
    schema."""
    if isinstance(value, dict) and "payload" in value and value.keys() <= {"schema", "payload"}:
        return value["payload"]
    return value


def is_envelope(event: Any) -> bool:
    """Whether it is Debezium's envelope; else it is a flat row, or nothing of ours."""
    return isinstance(event, dict) and "op" in event and isinstance(event.get("source"), dict)


def key_fields(key: Any, value: Any) -> Mapping[str, Any]:
    """The fields that the key's columns are looked for in: the key's own, else the row's."""
    if key is not None:
        found = unwrapped(key)
        return found if isinstance(found, dict) else {}
    event = unwrapped(value)
    if is_envelope(event):
        event = event.get("after") or event.get("before")
    return event if isinstance(event, dict) else {}


def operation(value: Any) -> str:
    """c, u, d, r of an envelope or a flat row; `tombstone` for a null; UNTOLD for what is no
    row."""
    event = unwrapped(value)
    if event is None:
        return "tombstone"
    if not isinstance(event, dict):
        return UNTOLD
    if is_envelope(event):
        return str(event["op"])
    return "d" if str(event.get("__deleted")) == "true" else str(event.get("__op") or "u")


def source_field(value: Any, name: str) -> Any:
    """A field of the source block, which a flat row has as `__source_<name>`."""
    event = unwrapped(value)
    if is_envelope(event):
        return event["source"].get(name)
    return event.get(f"__source_{name}") if isinstance(event, dict) else None


def moment(milliseconds: Any) -> datetime | None:
    """Milliseconds since the epoch as an instant; None for what is none."""
    try:
        number = int(milliseconds)
    except (TypeError, ValueError):
        return None
    if not _FIRST_MS <= number <= _LAST_MS:
        return None
    return _EPOCH + timedelta(milliseconds=number)


def text_of(value: Any) -> str | None:
    """A key's part as a person writes it."""
    if value is None or isinstance(value, (dict, list)):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _exact(text: str) -> float | str:
    number = float(text)
    return number if repr(number) == text else text


def _whole(text: str) -> int | str:
    return int(text) if len(text) <= _DIGITS else text


def _is_deeper(value: Any, most: int) -> bool:
    level = [value]
    for _ in range(most):
        level = [item for one in level for item in _children(one)]
        if not level:
            return False
    return True


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
