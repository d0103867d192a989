"""What a cell of staging has to be, from the true SQL Server value: written without our decoders.

Everything is compared as text. What differs from the truth is one of four things, each computed
here: a seventh digit is cut off; year 0000 is NULL; a number that the wire has rounded out of its
column's range is NULL; U+0000 and lone surrogates are not in Postgres at all.
"""

import re
import struct
from datetime import UTC, datetime
from decimal import Decimal

NOT_IN_EVENTS = {"c_sql_variant": "Debezium leaves sql_variant out of the event"}


def expected(declared: str, true: str | None) -> str | None:
    """The text that Postgres must show for the value `true` of a column of that SQL Server type."""
    base, sizes = split(declared)
    if true is None:
        return None
    if base in {"decimal", "numeric", "money", "smallmoney"}:
        return _number(Decimal(true), *sizes)
    if base == "real":
        return repr(struct.unpack("f", struct.pack("f", float(true)))[0])
    if base == "float":
        return repr(float(true))
    if base == "time":
        return _microseconds(true)
    if base.startswith(("datetime", "smalldatetime")):
        return _instant(true) if base == "datetimeoffset" else _microseconds(true)
    if base in {"binary", "varbinary", "image", "rowversion", "hierarchyid"}:
        return "\\x" + true.removeprefix("0x").lower()
    return true


def split(declared: str) -> tuple[str, tuple[int, ...]]:
    """Name and sizes of a SQL Server type: decimal(18,4)."""
    base, _, rest = declared.removesuffix(" NULL").partition("(")
    known = {"money": (19, 4), "smallmoney": (10, 4)}
    sizes = tuple(int(size) for size in rest.rstrip(")").split(",") if size.isdigit())
    return base, known.get(base, sizes)


def normal(declared: str, shown: str | None) -> str | None:
    """Postgres's text in the form of `expected`."""
    base, _ = split(declared)
    if shown is None:
        return None
    if base in {"real", "float"}:
        return expected(declared, shown)
    if base == "time" or base in {"datetime", "smalldatetime", "datetime2"}:
        return _microseconds(shown)
    if base == "datetimeoffset":
        return _microseconds(shown.removesuffix("+00"))
    return shown


def is_text_of_postgres(true: str | None) -> bool:
    """Whether Postgres can hold the text."""
    return true is None or not any(c == "\0" or 0xD800 <= ord(c) < 0xE000 for c in true)


def _number(true: Decimal, precision: int, scale: int = 0) -> str | None:
    fits = true.copy_abs() < Decimal(10) ** (precision - scale)  # abs() rounds to 28 digits
    return f"{true:.{scale}f}" if fits else None


def _microseconds(true: str) -> str:
    whole, _, digits = true.partition(".")
    return f"{whole}.{digits[:6]:0<6}"


def _instant(true: str) -> str | None:
    """A datetimeoffset in UTC."""
    if true.startswith("0000"):
        return None
    clock, _, offset = true.rpartition(" ")
    whole = datetime.fromisoformat(f"{clock.partition('.')[0]}{offset}").astimezone(UTC)
    return _microseconds(f"{whole:%Y-%m-%d %H:%M:%S}.{clock.partition('.')[2]}")


def as_shown(true: dict[str, str | None], lossy: dict[str, dict]) -> dict[str, str | None]:
    """What staging shows of a row: its true cells, where the wire lost something what it still
    says. A datetime2(7) that wrapped in 64 bits is not lost, but for the days that Java's calendar
    has not."""
    return {name: _as_shown(cell, lossy.get(name)) for name, cell in true.items()}


def _as_shown(cell: str | None, lossy: dict | None) -> str | None:
    if lossy is None or cell is None:
        return cell
    is_local = re.fullmatch(r"\d{4}-\d\d-\d\d \S+", cell)
    wrapped = is_local and lossy["decodes_to"][:4] != cell[:4]
    return cell.replace("1582-10-10", "1582-10-20") if wrapped else lossy["decodes_to"]
