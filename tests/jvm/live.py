"""A test's own source database, and what changes it and captures it."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from typing import Any

import psycopg2

from bictl.clients.topics import TopicReader
from bictl.local.arrival import end_of
from bictl.local.capture import connector
from bictl.local.stack import Stack
from bictl.settings import Postgres, Settings


class LiveSource:
    """A database of the stack's source with an empty dbo."Product", dropped after the test.

    Its topics are `cord.<database>.<schema>.<table>`: `topic()` is the one of the test's settings.
    """

    def __init__(self, stack: Stack, settings: Settings) -> None:
        database = settings.postgres.dbname  # a name of the test's own, as in its topic
        self.stack, self.database, self.slot = stack, database, database
        self.name, self.url = settings.connect.connector, settings.connect.url
        self.kafka = settings.kafka
        self._created: list[str] = []
        self._administer(f'create database "{database}"')

    def sql(self, statement: str, parameters: Sequence[Any] | None = None) -> list[tuple]:
        """Runs SQL in a transaction of its own; the rows of a query, else []."""
        with closing(self.connect()) as session, session, session.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    def connect(self) -> "psycopg2.extensions.connection":
        """A session of one's own, e.g. for open transactions and rollbacks; close it."""
        return psycopg2.connect(**_address(self.stack.source, self.database))

    def topic(self, table: str = "dbo.Product") -> str:
        """The topic of a table."""
        return f"cord.{self.database}.{table}"

    def config(
        self, *tables: str, config: Mapping[str, str | None] | None = None
    ) -> dict[str, str]:
        """The connector's configuration for `schema.table`s (dbo.Product without any); `config`
        lays keys over it, None removes one."""
        found = connector(
            self.stack.source_file,
            database=self.database,
            tables=tables or ("dbo.Product",),
            slot=self.slot,
        )
        laid = {**found, **(config or {})}
        return {key: value for key, value in laid.items() if value is not None}

    def capture(
        self,
        *tables: str,
        name: str | None = None,
        config: Mapping[str, str | None] | None = None,
    ) -> str:
        """Creates (or changes) the connector and waits until its task runs; the connector's name.

        A second connector of one test needs a `slot.name` and a `topic.prefix` of its own.
        """
        name = name or self.name
        self._created.append(name)
        status, body = self.rest(
            "PUT", f"/connectors/{name}/config", self.config(*tables, config=config)
        )
        assert status in (200, 201), body
        self.until(lambda: self.states(name) == ["RUNNING", "RUNNING"])
        return name

    def adopt(self, name: str) -> None:
        """Has a connector that somebody else creates removed with the rest."""
        self._created.append(name)

    def states(self, name: str | None = None) -> list[str]:
        """The state of the connector and then of each of its tasks; [] before there is one."""
        status, body = self.rest("GET", f"/connectors/{name or self.name}/status")
        if status != 200:
            return []
        return [body["connector"]["state"], *(task["state"] for task in body["tasks"])]

    def rest(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """One request to the worker: the status and the JSON of its answer."""
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, _json(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _json(error.read())

    def end(self, table: str = "dbo.Product") -> int:
        """How many records the table's topic has so far, by its end."""
        with closing(TopicReader(self.kafka)) as reader:
            return end_of(reader, self.topic(table))

    def until(self, condition: Callable[[], object], seconds: float = 60) -> None:
        """Waits until a condition holds."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "it did not come true in time"
            time.sleep(0.1)

    def remove(self) -> None:
        """Deletes the connectors, their slots and the database."""
        for name in self._created:
            self.rest("DELETE", f"/connectors/{name}")
        self._administer(f'drop database "{self.database}" with (force)', slots=True)

    def _administer(self, statement: str, *, slots: bool = False) -> None:
        address = _address(self.stack.source, "postgres")
        with closing(psycopg2.connect(**address)) as session, session.cursor() as cursor:
            session.autocommit = True
            if slots:
                self.until(lambda: self._drop_slots(cursor))
            cursor.execute(statement)

    def _drop_slots(self, cursor: "psycopg2.extensions.cursor") -> bool:
        """Whether the database has none left; one that is in use becomes free within seconds."""
        with suppress(psycopg2.errors.ObjectInUse):
            cursor.execute(
                "select pg_drop_replication_slot(slot_name) from pg_replication_slots"
                " where database = %s",
                (self.database,),
            )
            return True
        return False


def _address(source: Postgres, database: str) -> dict[str, Any]:
    return {
        "host": source.host,
        "port": source.port,
        "user": source.user,
        "password": source.password.reveal(),
        "dbname": database,
    }


def _json(text: bytes) -> Any:
    return json.loads(text) if text.strip() else None
