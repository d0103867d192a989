"""What SQL Server's own catalogue says about one table, read as plain values."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bictl.columns import Column, sql_type
from bictl.errors import ConfigError

if TYPE_CHECKING:
    from bictl.clients.sqlserver import SqlServer
    from bictl.settings import Table

_ZEROS = re.compile("0*")


@dataclass(frozen=True)
class Place:
    """Where a table is at the source."""

    database: str
    schema: str
    table: str

    @classmethod
    def of(cls, table: "Table", source: str | None = None) -> "Place":
        """The place that the topic's name tells (`prefix.database.schema.table`), or `source`:
        `database.schema.table`, for names that a topic cannot have. ConfigError for neither."""
        parts = source.split(".", 2) if source else table.topic.split(".")[-3:]
        if len(parts) != 3 or not all(parts) or (not source and table.topic.count(".") < 3):
            raise ConfigError(
                f"the topic {table.topic} does not end in database.schema.table",
                hint="name the table at the source: --source ConcordDb.dbo.Product",
            )
        return cls(*parts)

    def __str__(self) -> str:
        return f"{self.schema}.{self.table}"


@dataclass(frozen=True, kw_only=True)
class Server:
    """The server, its database, and whether that captures changes."""

    version: str
    edition: str
    database: str
    captures: bool


@dataclass(frozen=True, kw_only=True)
class SourceColumn:
    """A column, and whether it is of a `max` type."""

    column: Column
    is_max: bool = False


@dataclass(frozen=True, kw_only=True)
class SourceTable:
    """A table: whether it is captured, its rows by the catalogue, its columns and its key."""

    tracked: bool
    rows: int | None
    columns: tuple[SourceColumn, ...]
    key: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Capture:
    """A capture instance; `oldest` is the LSN of the oldest change that it has, as Debezium writes
    it, None where it is not known."""

    name: str
    net_changes: bool
    oldest: str | None
    columns: tuple[str, ...]


class Catalogue:
    """The reads, each a file in sql/sqlserver/. They change nothing and read no row of a table.

    A right that is missing is AccessDenied.
    """

    def __init__(self, server: "SqlServer", place: Place) -> None:
        self._server, self._place = server, place

    def server(self) -> Server:
        """The server and its database."""
        [row] = self._rows("server")
        version, edition, database, captures = row
        return Server(version=version, edition=edition, database=database, captures=bool(captures))

    def agent(self) -> bool | None:
        """Whether the Agent runs; None where the server lists none."""
        found = self._rows("agent")
        return any(runs for (runs,) in found) if found else None

    def table(self) -> SourceTable | None:
        """The table; None where there is none of that name."""
        found = self._rows("table")
        if not found:
            return None
        [(tracked, rows)] = found
        columns = self._rows("columns")
        keys = sorted((row[8], row[0]) for row in columns if row[8])
        return SourceTable(
            tracked=bool(tracked),
            rows=None if rows is None else int(rows),
            columns=tuple(_column(row) for row in columns),
            key=tuple(name for _, name in keys),
        )

    def tables(self) -> list[str]:
        """Every table of the database, `schema.table`."""
        return [name for (name,) in self._rows("near")]

    def captures(self) -> tuple[Capture, ...]:
        """The table's capture instances, the older one first."""
        rows = self._rows("captures")
        return tuple(
            _capture(name, [row for row in rows if row[0] == name])
            for name in dict.fromkeys(row[0] for row in rows)
        )

    def retention(self) -> int | None:
        """Minutes; None where the database has no cleanup job."""
        found = self._rows("retention")
        return int(found[0][0]) if found else None

    def errors(self) -> list[tuple[datetime, int, str]]:
        """(when, number, words) of the newest errors of the capture."""
        return [(when, int(number), str(words)) for when, number, words in self._rows("errors")]

    def _rows(self, name: str) -> list[tuple[Any, ...]]:
        return self._server.rows(
            f"sqlserver/{name}", schema=self._place.schema, table=self._place.table
        )


def _column(row: Sequence[Any]) -> SourceColumn:
    name, base, length, precision, scale, nullable, default, computed, _ = row
    return SourceColumn(
        column=Column(
            name=name,
            type=sql_type(str(base), int(precision), int(scale)),
            nullable=bool(nullable),
            default=default,
            computed=bool(computed),
        ),
        is_max=int(length) == -1,
    )


def _capture(name: str, rows: Sequence[Sequence[Any]]) -> Capture:
    first = rows[0]
    return Capture(
        name=name,
        net_changes=bool(first[1]),
        oldest=lsn(first[2]),
        columns=tuple(row[3] for row in rows),
    )


def lsn(digits: str | None) -> str | None:
    """Ten bytes in hex as Debezium writes an LSN: `0000002a:000003f0:0003`; None for zeros, which
    is what SQL Server says instead of nothing."""
    if not digits or _ZEROS.fullmatch(digits):
        return None
    low = digits.lower()
    return f"{low[:8]}:{low[8:16]}:{low[16:20]}"
