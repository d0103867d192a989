"""The keys that Debezium's SQL Server and Postgres connectors know, so that no worker is needed.

They stand in infra/kafka-connect/known-keys.json. Debezium's plugins tell a worker only a part of
what they read: topic naming, signals and the schema history are missing there.
"""

import json
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from bictl import assets

SQL_SERVER = "io.debezium.connector.sqlserver.SqlServerConnector"
POSTGRES = "io.debezium.connector.postgresql.PostgresConnector"
JSON_CONVERTER = "org.apache.kafka.connect.json.JsonConverter"


@dataclass(frozen=True)
class Plugin:
    """What is known of a connector class: its keys, and the properties of its driver, which gets
    what stands behind `database.` and `driver.`, and ignores what it does not know."""

    keys: frozenset[str]
    driver: frozenset[str]


def known(plugin: str) -> Plugin | None:
    """What is known of a connector class, by its name or one of its aliases."""
    source = _source(plugin)
    if source is None:
        return None
    lists = _lists()
    return Plugin(frozenset([*lists["any"], *lists[source]]), frozenset(lists[f"{source} driver"]))


def is_source(plugin: str) -> bool:
    """Whether it is a source that bictl knows."""
    return _source(plugin) is not None


def is_sql_server(plugin: str) -> bool:
    """Whether it is Debezium's SQL Server source, under whichever name."""
    return _source(plugin) == "sqlserver"


def is_postgres(plugin: str) -> bool:
    """Whether it is Debezium's Postgres source, under whichever name."""
    return _source(plugin) == "postgres"


def options(kind: str, *, of: Literal["transforms", "predicates", "converter"]) -> set[str] | None:
    """The options of a transformation, predicate or converter class; None where it is unknown."""
    simple = kind.rpartition(".")[2].partition("$")[0]
    found = _lists()["options"].get(simple)
    if found is None:
        return None
    common = {"transforms": {"type", "predicate", "negate"}, "predicates": {"type"}}
    return {*found, *common.get(of, ())}


def _source(plugin: str) -> Literal["sqlserver", "postgres"] | None:
    """Kafka Connect takes a class by its name, by its last part, and by that without Connector."""
    if plugin in (SQL_SERVER, "SqlServerConnector", "SqlServer"):
        return "sqlserver"
    return "postgres" if plugin in (POSTGRES, "PostgresConnector", "Postgres") else None


@cache
def _lists() -> dict[str, Any]:
    text = assets.path("infra", "kafka-connect", "known-keys.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found
