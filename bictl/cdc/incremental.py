"""A running incremental snapshot, as the committed offsets tell of it.

Debezium keeps the last key that it sent and the largest one as serialized Java arrays, in hex:
https://docs.oracle.com/en/java/javase/17/docs/specs/serialization/protocol.html
"""

import json
import re
from collections.abc import Mapping
from typing import Any

_COLLECTIONS = "incremental_snapshot_collections"
# one element: an object of java.lang whose only field is its value, or a text
_ONE = rb"\x00\x00\x00\x01"
_NUMBER = re.compile(_ONE + rb"sr\x00.java\.lang\.(Integer|Long|Short).*xp(.+)\Z", re.DOTALL)
_TEXT = re.compile(_ONE + rb"t..(.*)\Z", re.DOTALL)
_BYTES = {b"Integer": 4, b"Long": 8, b"Short": 2}


def incremental(offset: Mapping[str, Any]) -> str:
    """`dbo.Product at key 1981 of 3000, then dbo.Category`; empty when none is running."""
    names = _names(offset.get(_COLLECTIONS))
    if not names:
        return ""
    key = one_key(offset.get("incremental_snapshot_primary_key"))
    last = one_key(offset.get("incremental_snapshot_maximum_key"))
    place = f" at key {key}{f' of {last}' if last else ''}" if key else ""
    return f"incremental: {', then '.join([f'{names[0]}{place}', *names[1:]])}"


def one_key(serialized: object) -> str:
    """The key of one column, a number or a text; empty for all others."""
    try:
        raw = bytes.fromhex(str(serialized or ""))
    except ValueError:
        return ""
    if found := _NUMBER.search(raw):
        return str(int.from_bytes(raw[-_BYTES[found[1]] :], "big", signed=True))
    if found := _TEXT.search(raw):
        return found[1].decode("utf-8", "replace")
    return ""


def _names(collections: object) -> list[str]:
    try:
        found = json.loads(str(collections or "[]"))
        return [str(item[f"{_COLLECTIONS}_id"]) for item in found]
    except (ValueError, KeyError, TypeError):
        return [str(collections)]
