"""The quarantine as a person meets it: what is there, one record of it whole, and why."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bictl import assets
from bictl.bronze.prepare import unloadable
from bictl.bronze.salvage import undecodable
from bictl.errors import BictlError, NotFound, UsageError
from bictl.records import Range
from bictl.wire import Line

if TYPE_CHECKING:
    from bictl.clients.database import Database
    from bictl.settings import Table

BEYOND = 1 << 62  # milliseconds, later than any calendar
_CONTEXT = re.compile(r"JSON data, line (\d+): (?:\.\.\.)?(.*?)(?:\.\.\.)?", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """Which records of a table's quarantine; everything where nothing is said."""

    generation: str | None = None
    sqlstate: str | None = None
    ranges: Sequence[Range] = ()

    def parameters(self, table: "Table") -> dict[str, Any]:
        """The parameters that the queries share."""
        return {
            "topic": table.topic,
            "generation": self.generation,
            "sqlstate": self.sqlstate,
            "anywhere": not self.ranges,
            "partitions": [item.partition for item in self.ranges],
            "firsts": [item.first for item in self.ranges],
            "nexts": [item.next for item in self.ranges],
        }


ALL = Chosen()


@dataclass(frozen=True, kw_only=True)
class Reason:
    """Records of one generation that were refused for one reason; `bytes` of key and value."""

    generation: str
    sqlstate: str
    reason: str
    records: int
    bytes: int
    oldest: datetime
    newest: datetime


@dataclass(frozen=True, kw_only=True)
class Row:
    """One record in quarantine without its bytes; `timestamp` is None beyond the calendar."""

    generation: str
    partition: int
    offset: int
    timestamp: datetime | None
    sqlstate: str
    reason: str
    key_bytes: int | None
    value_bytes: int | None
    quarantined_at: datetime
    object: str

    @property
    def bytes(self) -> int:
        """Of key and value."""
        return (self.key_bytes or 0) + (self.value_bytes or 0)


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """What is wrong with a record as Postgres is now: its SQLSTATE and words.

    `part` is key, value or the record as a whole; `at` is the byte at which it ceases to be legal,
    where that is known.
    """

    part: str
    sqlstate: str
    words: str
    at: int | None = None


@dataclass(frozen=True, kw_only=True)
class Held:
    """One record in quarantine, whole; `refusal` is None where jsonb takes it now."""

    row: Row
    key: bytes | None
    value: bytes | None
    refusal: Refusal | None


def count_reasons(database: "Database", *, table: "Table", chosen: Chosen = ALL) -> list[Reason]:
    """How many records are in quarantine, by generation and reason."""
    found = database.dicts(assets.sql("bronze/quarantine_reasons"), chosen.parameters(table))
    return [Reason(**row) for row in found]


def count_states(database: "Database", *, table: "Table") -> dict[str, int]:
    """How many records are in quarantine, by SQLSTATE."""
    counts: dict[str, int] = {}
    for reason in count_reasons(database, table=table):
        counts[reason.sqlstate] = counts.get(reason.sqlstate, 0) + reason.records
    return counts


def list_rows(
    database: "Database", *, table: "Table", chosen: Chosen = ALL, limit: int | None = None
) -> list[Row]:
    """Records in quarantine in the order of their places, the first `limit` of them."""
    parameters = {**chosen.parameters(table), "limit": limit}
    found = database.dicts(assets.sql("bronze/quarantine_rows"), parameters)
    return [Row(**row) for row in found]


def read_held(
    database: "Database",
    *,
    table: "Table",
    partition: int,
    offset: int,
    generation: str | None = None,
) -> Held:
    """One record in quarantine with its bytes. NotFound where there is none at that offset,
    UsageError where several generations have one."""
    place = Range(partition, offset, offset + 1)
    found = list_rows(database, table=table, chosen=Chosen(generation=generation, ranges=[place]))
    if not found:
        raise NotFound(
            "record in quarantine",
            f"{partition}:{offset}",
            where=f"of table {table.name}",
            hint=f"bictl quarantine list --table {table.name}",
        )
    if len(found) > 1:
        raise UsageError(
            f"{partition}:{offset} is in quarantine in several generations",
            hint=f"--generation with one of {', '.join(row.generation for row in found)}",
        )
    (raw,) = database.rows(
        assets.sql("bronze/quarantine_raw"),
        {
            "topic": table.topic,
            "generation": found[0].generation,
            "partition": partition,
            "offsets": [offset],
        },
    )
    line = line_of(table, partition, raw)
    return Held(row=found[0], key=line.key, value=line.value, refusal=_refusal(database, line))


def line_of(table: "Table", partition: int, raw: Sequence[Any]) -> Line:
    """A record as it was read from quarantine_raw; headers are not kept there. A time beyond the
    calendar comes back as one that is beyond it too."""
    offset, milliseconds, *texts = raw
    key, value = (None if text is None else bytes(text) for text in texts)
    timestamp = BEYOND if milliseconds is None else int(milliseconds)
    return Line(table.topic, partition, int(offset), timestamp, key, value, ())


def _refusal(database: "Database", line: Line) -> Refusal | None:
    """What is against the record: ours, then jsonb's, the key's trouble before the value's."""
    ours = unloadable(line)
    if ours is not None:
        return Refusal(part="record", sqlstate=ours.sqlstate, words=ours.reason)
    for part, raw in (("key", line.key), ("value", line.value)):
        found = None if raw is None else _refused(database, part, raw)
        if found is not None:
            return found
    return None


def _refused(database: "Database", part: str, raw: bytes) -> Refusal | None:
    at = undecodable(raw)
    if at is not None:
        return Refusal(part=part, sqlstate="22021", words=f"not UTF-8 text at byte {at}", at=at)
    try:
        database.value("select %s::jsonb is null", [raw.decode()])
    except BictlError as error:
        refusal = database.refusal(error)
        if refusal is None:
            raise
        detail, context = database.details(error)
        words = ": ".join(filter(None, [refusal[1], detail]))
        return Refusal(part=part, sqlstate=refusal[0], words=words, at=_position(raw, context))
    return None


def _position(raw: bytes, context: str) -> int | None:
    """The byte behind the token that Postgres names: its context ends there.

    It shows the last 50 bytes of the line up to the token's end; where the line has them twice,
    nothing is said. Source: report_json_context in src/common/jsonapi.c and
    src/backend/utils/adt/jsonfuncs.c.
    """
    found = _CONTEXT.fullmatch(context)
    if found is None:
        return None
    lines = raw.split(b"\n")
    number, excerpt = int(found[1]) - 1, found[2].encode()
    if number >= len(lines) or lines[number].count(excerpt) != 1 or not excerpt:
        return None
    before = sum(len(line) + 1 for line in lines[:number])
    return before + lines[number].index(excerpt) + len(excerpt)
