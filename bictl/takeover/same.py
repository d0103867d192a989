"""Whether two texts of JSON are the same value, with every digit of every number.

The scripts read records as JSON and wrote them again: blanks, the order of members and the way a
character is written may differ; what they say may not.
"""

import json
from decimal import Decimal
from typing import Any

from bictl.records import BareRecord


def _number(text: str) -> tuple[Decimal]:
    """A number with all its digits; a tuple, because to Python a bare 1 is the same as true."""
    return (Decimal(text),)


def _constant(text: str) -> tuple[str]:
    """NaN and Infinity, which are no texts."""
    return (text,)


_DECODER = json.JSONDecoder(parse_int=_number, parse_float=_number, parse_constant=_constant)


def is_same_record(left: BareRecord, right: BareRecord) -> bool:
    """Whether timestamp, key and value are the same."""
    return (
        left.timestamp == right.timestamp
        and is_same_json(left.key, right.key)
        and is_same_json(left.value, right.value)
    )


def is_same_json(left: bytes | None, right: bytes | None) -> bool:
    """Whether both are the same bytes, or the same JSON value."""
    if left == right:
        return True
    if left is None or right is None:
        return False
    try:
        return bool(_value(left) == _value(right))
    except (ValueError, RecursionError):  # no JSON, and other bytes
        return False


def _value(raw: bytes) -> Any:
    return _DECODER.decode(raw.decode())
