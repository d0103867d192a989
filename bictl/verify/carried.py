"""What the wire cannot carry: values that Debezium wrote otherwise than the source has them.

All of it is legal data, so it is a warning; that a value is not the source's own is never left
unsaid. https://debezium.io/documentation/reference/2.4/connectors/sqlserver.html
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from bictl.verify.report import Finding, Sample, State, of_keys, passed

if TYPE_CHECKING:
    from bictl.settings import Table

_EPOCH = datetime(1970, 1, 1)
_TURN = 2**64  # nanoseconds: 584 years and a half
_TURNS = range(-4, 15)  # as many as lie between the years 0001 and 9999


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Values of one column that differ from the source's in one way.

    Kinds: `wrapped` (datetime2(7) outside the years 1677–2262, in 64 bits of nanoseconds, which
    loses nothing), `rounded` (time(4..7) to milliseconds in streaming), `late` (datetimeoffset
    before 1970 with a fraction, or in the year 1), `default` (a NULL that may have arrived as the
    column's default), `computed` (NULL in every event but a snapshot's). `examples` are (key, value
    on the wire).
    """

    column: str
    kind: str
    count: int
    examples: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Carried:
    """How many values of such columns were looked at, and how they differ."""

    judged: int = 0
    differences: tuple[Difference, ...] = ()


def unwrapped(wire: int) -> datetime | None:
    """The timestamp behind a NanoTimestamp of SQL Server's, exact to the microsecond.

    64 bits of nanoseconds end in 2262; Debezium lets them wrap. SQL Server counts in steps of
    100 ns and 2^64 is no multiple of 100, so the last two digits tell how often: exactly one turn
    between the years 0001 and 9999 gives a multiple of 100. None where none does.
    """
    for turn in _TURNS:
        nanoseconds = wire + turn * _TURN
        if nanoseconds % 100 == 0:
            try:
                return _EPOCH + timedelta(microseconds=nanoseconds // 1000)
            except OverflowError:
                return None
    return None


def as_at_the_source(
    carried: Carried, *, keeps_nulls: Callable[[], bool | None], table: "Table"
) -> Finding:
    """T8: no value of staging differs from the source's because the wire cannot carry it.

    What has wrapped is said and is no warning: staging unwraps it. `keeps_nulls` says whether the
    connector writes NULL as NULL, where it can be asked.
    """
    wrapped = [item for item in carried.differences if item.kind == "wrapped"]
    found = [item for item in carried.differences if item.kind != "wrapped"]
    if any(item.kind == "default" for item in found) and keeps_nulls():
        found = [item for item in found if item.kind != "default"]
    said = [_WORDS[item.kind](item) for item in (*found, *wrapped)]
    if not found:
        return passed(carried.judged or 1, "; ".join(said))
    return Finding(
        state=State.WARN,
        evaluated=max(1, carried.judged),
        extra=_sample(found),
        message="; ".join(said),
        hint="; ".join(dict.fromkeys(_repair(item, table) for item in found)),
    )


def _sample(found: Sequence[Difference]) -> Sample:
    keys = list(dict.fromkeys(key for item in found for key, _ in item.examples))
    return of_keys(keys, sum(item.count for item in found))


def _wrapped(item: Difference) -> str:
    shown = [
        f"{key}: {true.isoformat(' ')}" if (true := unwrapped(int(value))) else key
        for key, value in item.examples
    ]
    return (
        f"{item.column}: {item.count} timestamps outside the years 1677 to 2262 arrived wrapped, "
        f"and staging shows them as they are at the source: {', '.join(shown)}{_more(item)}"
    )


def _rounded(item: Difference) -> str:
    return (
        f"{item.column}: {item.count} values of change events have no more than milliseconds, "
        f"rounded; snapshots carry all digits"
    )


def _late(item: Difference) -> str:
    return (
        f"{item.column}: {item.count} times with an offset before 1970 arrived a second late, or "
        f"of the year 0001 as of the year 0000 ({_examples(item)})"
    )


def _default(item: Difference) -> str:
    return (
        f"{item.column}: {item.count} values are exactly the column's default, and each may be a "
        f"NULL ({_examples(item)})"
    )


def _computed(item: Difference) -> str:
    return (
        f"{item.column}: a computed column: change events never carry it, so {item.count} keys "
        f"that had a value from the snapshot have none now ({_examples(item)})"
    )


def _examples(item: Difference) -> str:
    return ", ".join(f"{key}: {value}" if value else key for key, value in item.examples) + _more(
        item
    )


def _more(item: Difference) -> str:
    left = item.count - len(item.examples)
    return f" and {left} more" if left > 0 else ""


_WORDS: dict[str, Callable[[Difference], str]] = {
    "wrapped": _wrapped,
    "rounded": _rounded,
    "late": _late,
    "default": _default,
    "computed": _computed,
}


def _repair(item: Difference, table: "Table") -> str:
    return _REPAIRS[item.kind].format(column=item.column, table=table.name)


_REPAIRS = {
    "rounded": "at the source: alter column {column} to time(3), or compare its milliseconds only",
    "late": "at the source: keep {column} in UTC as datetime2(6)",
    "default": "in the connector: value.converter.replace.null.with.default=false, then bictl cdc "
    "snapshot --table {table}",
    "computed": "leave {column} out of the model, or compute it there",
}
