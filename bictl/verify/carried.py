"""What the wire cannot carry: values that Debezium wrote otherwise than the source has them.

All of it is legal data, so it is a warning; that a value is not the source's own is never left
unsaid. https://debezium.io/documentation/reference/2.4/connectors/sqlserver.html
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from bictl.counted import counted
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
    column's default), `computed` (NULL in every event but a snapshot's). Of records without a
    schema, which the model's modes decode, also what looks as if another mode had written it:
    `moment` and `clock` (counts of milliseconds or microseconds), `digits` (decimals as text),
    `hex`. `examples` are (key, value on the wire).
    """

    column: str
    kind: str
    count: int
    examples: tuple[tuple[str, str], ...] = ()


def doubted(declared: str, modes: Mapping[str, str]) -> tuple[str, int] | None:
    """How a column of this SQL Server type would look if its records were written in another mode
    than these: the kind of difference, and below which count it is one. None where the other modes
    write it the same, or so that nothing of it can be decoded."""
    base, _, sizes = declared.lower().partition("(")
    digits = int(sizes.strip(" )")) if sizes.strip(" )").isdigit() else 7
    time, word = modes.get("time", "adaptive"), base.strip()
    if word == "datetime2" and digits > 3 and time != "connect":
        return "moment", 10**17 if digits == 7 else 10**14
    if word == "time" and time != "connect" and (digits > 3 or time != "adaptive"):
        return "clock", 86_400_000_000 if digits == 7 and time == "adaptive" else 86_400_000
    if word in ("decimal", "numeric") and modes.get("decimal", "precise") == "precise":
        return "digits", 0
    if word in ("binary", "varbinary", "image", "rowversion", "timestamp", "hierarchyid"):
        return None if modes.get("binary") == "hex" else ("hex", 0)
    return None


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
        f"{item.column}: {counted(item.count, 'timestamp')} outside the years 1677 to 2262 arrived"
        " wrapped, "
        f"and staging shows them as they are at the source: {', '.join(shown)}{_more(item)}"
    )


def _rounded(item: Difference) -> str:
    return (
        f"{item.column}: {counted(item.count, 'value')} of change events rounded to milliseconds;"
        " snapshots carry all digits"
    )


def _late(item: Difference) -> str:
    return (
        f"{item.column}: {counted(item.count, 'time')} with an offset before 1970 arrived a second"
        f" late, or of the year 0001 as of the year 0000 ({_examples(item)})"
    )


def _default(item: Difference) -> str:
    return (
        f"{item.column}: {counted(item.count, 'value', 'is')} exactly the column's default, and"
        f" each may be a NULL ({_examples(item)})"
    )


def _computed(item: Difference) -> str:
    return (
        f"{item.column}: a computed column: change events never carry it: no value any more for"
        f" {counted(item.count, 'key')} that had one from the snapshot ({_examples(item)})"
    )


def _moment(item: Difference) -> str:
    return (
        f"{item.column}: the newest records have no schema, and by the model's time mode most of "
        f"their timestamps are within three years of 1970 ({_examples(item)})"
    )


def _clock(item: Difference) -> str:
    return (
        f"{item.column}: the newest records have no schema, and by the model's time mode all of "
        f"their times are within 87 seconds of midnight ({_examples(item)})"
    )


def _digits(item: Difference) -> str:
    return (
        f"{item.column}: the newest records have no schema and write decimals out, and the model "
        f"reads {item.count} of them as base64 ({_examples(item)})"
    )


def _hex(item: Difference) -> str:
    return (
        f"{item.column}: the newest records write bytes in hex, and the model reads them as base64 "
        f"({_examples(item)})"
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
    "moment": _moment,
    "clock": _clock,
    "digits": _digits,
    "hex": _hex,
}


def _repair(item: Difference, table: "Table") -> str:
    return _REPAIRS[item.kind].format(column=item.column, table=table.name)


_MODE = (
    "write modes={{{{'{part}': …}}}} as the connector's {setting} into {{table}}'s model, then: "
    "bictl transform --table {{table}}"
)
_TIME = _MODE.format(part="time", setting="time.precision.mode")
_REPAIRS = {
    "moment": _TIME,
    "clock": _TIME,
    "digits": _MODE.format(part="decimal", setting="decimal.handling.mode"),
    "hex": _MODE.format(part="binary", setting="binary.handling.mode"),
    "rounded": "at the source: alter column {column} to time(3), or compare its milliseconds only",
    "late": "at the source: keep {column} in UTC as datetime2(6)",
    "default": "in the connector: value.converter.replace.null.with.default=false, then: bictl cdc "
    "snapshot --table {table}",
    "computed": "leave {column} out of the model, or compute it there",
}
