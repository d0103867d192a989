"""SQL Server as verify asks it: the answers of `cdc check`, and its keys."""

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from bictl import assets
from bictl.cdc.source import judge
from bictl.cdc.source.catalogue import Catalogue
from bictl.cdc.source.judge import Answer
from bictl.cdc.source.quote import bracketed
from bictl.cdc.source.sides import worst

if TYPE_CHECKING:
    from bictl.cdc.source.catalogue import Place
    from bictl.cdc.source.sides import Buckets
    from bictl.clients.sqlserver import SqlServer

_WHOLE = re.compile(r"tinyint|smallint|int|bigint")
_TEXT = re.compile(r"n?varchar(\(.*\))?|n?char(\(.*\))?")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_UTF8 = "Latin1_General_100_BIN2_UTF8"  # from SQL Server 2019 on; the bytes that Kafka carries


class SqlServerSource:
    """One table of it; `committed` asks the worker how far the connector is."""

    def __init__(
        self,
        server: "SqlServer",
        place: "Place",
        *,
        key: Sequence[str],
        committed: Callable[[], str | None],
    ) -> None:
        self._server, self._place, self._key = server, place, tuple(key)
        self._committed = committed
        self._catalogue = Catalogue(server, place)

    def close(self) -> None:
        """Closes the connection."""
        self._server.close()

    def reached(self) -> Answer:
        """S1: the server answers, and the database is the topic's."""
        return judge.server(self._catalogue.server(), wanted=self._place.database)

    def capturing(self) -> Answer:
        """S2: change data capture is on for the database and the table."""
        return worst(
            judge.database(self._catalogue.server()),
            judge.table(self._catalogue.table(), self._place),
        )

    def running(self) -> Answer:
        """S3: SQL Server Agent runs."""
        return judge.agent(self._catalogue.agent())

    def kept(self) -> Answer:
        """S4: what was cleaned up is asked before the connector, which goes on meanwhile."""
        captures = self._catalogue.captures()
        return judge.lost(captures, self._committed())

    def uncomparable(self) -> str:
        """The key's columns whose events hold another text."""
        types = self._types()
        return ", ".join(
            f"{name} ({types.get(name, 'not there')})"
            for name in self._key
            if _text_of(name, types.get(name, "")) is None
        )

    def buckets(self) -> "Buckets":
        """Every key of the table, by buckets."""
        rows = self._rows("key_buckets")
        return {int(bucket): (int(count), int(total)) for bucket, count, total in rows}

    def keys(self, buckets: Sequence[int]) -> list[str]:
        """The keys of some buckets."""
        return [key for (key,) in self._rows("keys", ", ".join(str(int(one)) for one in buckets))]

    def _rows(self, name: str, buckets: str = "") -> list[tuple[Any, ...]]:
        query = key_query(name, self._place, self._key, self._types(), buckets=buckets)
        return self._server.query(query)

    def _types(self) -> dict[str, str]:
        table = self._catalogue.table()
        columns = table.columns if table is not None else ()
        return {one.column.name: one.column.type for one in columns}


def key_query(
    name: str, place: "Place", key: Sequence[str], types: dict[str, str], *, buckets: str = ""
) -> str:
    """A file of sql/sqlserver/ with the table and the key's text in their places."""
    texts = [_text_of(column, types.get(column, "")) or bracketed(column) for column in key]
    words = {
        "table": bracketed(place.schema, place.table),
        "key": texts[0] if len(texts) == 1 else _listed(texts),
        "buckets": buckets,
    }
    return _PLACEHOLDER.sub(lambda found: words[found[1]], assets.sql(f"sqlserver/{name}"))


def _text_of(column: str, kind: str) -> str | None:
    """The column as the bytes of its text in an event; None for a type whose events differ."""
    name = bracketed(column)
    if _WHOLE.fullmatch(kind):
        return f"cast({name} as varchar(20))"
    if kind == "uniqueidentifier":
        return f"cast({name} as varchar(36))"
    if _TEXT.fullmatch(kind):
        return f"cast({name} collate {_UTF8} as varchar(8000))"
    return None


def _listed(texts: Sequence[str]) -> str:
    """Several columns as one JSON list of texts; SQL Server escapes a slash, others do not."""
    quoted = [f"'\"' + replace(string_escape({text}, 'json'), '\\/', '/') + '\"'" for text in texts]
    return "'[' + " + " + ',' + ".join(quoted) + " + ']'"
