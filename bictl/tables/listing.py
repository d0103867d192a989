"""The configured tables, and how far each one's way is laid."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bictl.clients.dbt import Dbt
from bictl.clients.relations import columns
from bictl.errors import Unreachable
from bictl.settings import Settings

if TYPE_CHECKING:
    from bictl.clients.database import Database


@dataclass(frozen=True, kw_only=True)
class Listed:
    """One row a table; `unreachable` says why Postgres could not be asked."""

    rows: Sequence[dict[str, Any]]
    unreachable: Unreachable | None = None


def list_tables(database: "Database", settings: Settings) -> Listed:
    """The tables as configured, with the files and relations that are there."""
    dbt = Dbt(settings.dbt, settings.postgres, state_dir=settings.state_dir)
    models, rows = set(dbt.models()), list[dict[str, Any]]()
    unreachable: Unreachable | None = None
    for table in settings.tables.values():
        bronze = staging = "unknown"
        try:
            if unreachable is None:
                bronze = _word(database, table.bronze)
                staging = _word(database, f"{dbt.view_schema}.{table.staging}")
        except Unreachable as error:
            unreachable, bronze, staging = error, "unknown", "unknown"
        rows.append({
            "table": table.name,
            "topic": table.topic,
            "key": ", ".join(table.key),
            "model": table.staging if table.staging in models else f"{table.staging} (no file)",
            "bronze": bronze,
            "staging": staging,
            "embed": ", ".join(table.embed),
        })  # fmt: skip
    return Listed(rows=rows, unreachable=unreachable)


def _word(database: "Database", relation: str) -> str:
    return "there" if columns(database, relation) else "not yet"
