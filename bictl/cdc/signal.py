"""Ad-hoc snapshots: what Debezium has to be told, by which channel, and what it needs for it.

As read in Debezium 2.4.0.Final (`io.debezium.pipeline.signal`) and seen on its Postgres connector:
a signal is an id, a type and data. The source channel is a table of three columns in the source
database; the Kafka channel is partition 0 of a topic, keyed by topic.prefix, read from its end on,
so that nobody hears what is written while the task does not run. Both are looked at every five
seconds. An incremental snapshot writes its watermarks into the table whichever way it was asked
for; one that is refused or of an unknown table leaves a line in the worker's log and nothing else.
https://debezium.io/documentation/reference/2.4/configuration/signalling.html
"""

import json
import re
from dataclasses import dataclass
from typing import Literal

from bictl.cdc.known_keys import is_postgres, is_sql_server
from bictl.cdc.words import command

Kind = Literal["incremental", "blocking"]
Channel = Literal["kafka", "table"]

_SPECIAL = re.compile(r"([\\^$|?*+()\[\]{}])")  # of Java's expressions; a dot matches itself


@dataclass(frozen=True, kw_only=True)
class Signal:
    """A snapshot that a connector is to be asked for, by its collections (`dbo.Product`)."""

    connector: str
    kind: Kind
    collections: tuple[str, ...]
    id: str
    plugin: str
    table: str  # the signal table; empty where there is none
    topic: str  # the signal topic; empty where there is none
    key: str

    @property
    def data(self) -> dict[str, object]:
        """What the snapshot is of."""
        return {
            "data-collections": [_SPECIAL.sub(r"\\\1", name) for name in self.collections],
            "type": self.kind,
        }

    @property
    def tables(self) -> tuple[str, ...]:
        """The topics of the collections, when nothing renames them."""
        return tuple(f"{self.key}.{one}" for one in self.collections)

    @property
    def record(self) -> bytes:
        """The record's value for the Kafka channel."""
        return json.dumps({"id": self.id, "type": "execute-snapshot", "data": self.data}).encode()

    @property
    def statement(self) -> str:
        """The INSERT for the signal table, in the source's own SQL; the names of its columns are
        free, their order is not."""
        values = (self.id, "execute-snapshot", json.dumps(self.data))
        letter = "N" if is_sql_server(self.plugin) else ""
        quoted = ", ".join(f"{letter}'{value.replace(chr(39), 2 * chr(39))}'" for value in values)
        return f"INSERT INTO {quoted_table(self.table, self.plugin)} VALUES ({quoted});"  # noqa: S608

    @property
    def question(self) -> str:
        """What a person is asked before it."""
        names = ", ".join(self.collections)
        cost = (
            "Its stream stands still until the snapshot is finished; should that fail, which only "
            f"the worker's log tells, until {command('restart', self.connector, '--all')}."
            if self.kind == "blocking"
            else "Its stream goes on meanwhile."
        )
        return (
            f"Have {self.connector} read {names} again, by {self._article} snapshot? Every row "
            f"comes once more and goes through the whole pipeline. {cost}"
        )

    @property
    def _article(self) -> str:
        return "an incremental" if self.kind == "incremental" else "a blocking"


def quoted_table(table: str, plugin: str) -> str:
    """A table of the source as its own SQL names it."""
    parts = table.split(".")
    if is_sql_server(plugin):
        return ".".join(f"[{part.replace(']', ']]')}]" for part in parts)
    if is_postgres(plugin):
        return ".".join(chr(34) + part.replace(chr(34), 2 * chr(34)) + chr(34) for part in parts)
    return table
