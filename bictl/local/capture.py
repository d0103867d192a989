"""The connector that captures the JVM stack's source, as Debezium's Postgres plugin wants it.

https://debezium.io/documentation/reference/2.4/connectors/postgresql.html
"""

import json
from collections.abc import Sequence
from pathlib import Path

from bictl.local.configuration import CONNECTOR
from bictl.local.source import DATABASE

SERVER = "cord"


def connector(
    source_file: Path,
    *,
    database: str = DATABASE,
    tables: Sequence[str] = ("dbo.Product",),
    slot: str = "bictl_product",
) -> dict[str, str]:
    """The configuration of a connector whose topics are `cord.<database>.<schema>.<table>`.

    Where the source is, and its password, the worker reads from `source_file` itself; the
    publication has the slot's name.
    """
    return {
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "tasks.max": "1",
        "topic.prefix": f"{SERVER}.{database}",
        "database.hostname": f"${{file:{source_file}:host}}",
        "database.port": f"${{file:{source_file}:port}}",
        "database.user": f"${{file:{source_file}:user}}",
        "database.password": f"${{file:{source_file}:password}}",
        "database.dbname": database,
        "table.include.list": ",".join(tables),
        "plugin.name": "pgoutput",
        "slot.name": slot,
        "publication.name": slot,
        "publication.autocreate.mode": "filtered",
        "snapshot.mode": "initial",
        "tombstones.on.delete": "true",
        "decimal.handling.mode": "precise",
        "time.precision.mode": "adaptive",
        "poll.interval.ms": "100",
        "key.converter": "org.apache.kafka.connect.json.JsonConverter",
        "key.converter.schemas.enable": "true",
        "key.converter.replace.null.with.default": "false",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.schemas.enable": "true",
        "value.converter.replace.null.with.default": "false",
    }


def write_file(directory: Path, source_file: Path) -> Path:
    """The stack's connector as a file, for `bictl cdc apply`; it holds no secret."""
    directory.mkdir(mode=0o700, exist_ok=True)
    path = directory / f"{CONNECTOR}.json"
    document = {"name": CONNECTOR, "config": connector(source_file)}
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return path
