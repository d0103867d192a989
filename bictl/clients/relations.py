"""Relations in Postgres: which columns they have, and what it means when they are not there."""

from typing import TYPE_CHECKING

from bictl import assets
from bictl.errors import StageFailed

if TYPE_CHECKING:
    from bictl.clients.database import Database


class Missing(StageFailed):
    """A relation or column that an earlier stage would have made: a failure, not an unknown."""


def columns(database: "Database", relation: str) -> dict[str, str]:
    """Column names and types; nothing where the relation does not exist."""
    return {name: kind for name, kind, _ in _columns(database, relation)}


def sized_columns(database: "Database", relation: str) -> dict[str, str]:
    """The same with the types' sizes, `numeric(18,4)`."""
    return {name: sized for name, _, sized in _columns(database, relation)}


def require(
    database: "Database", relation: str, names: tuple[str, ...], *, hint: str | None = None
) -> None:
    """Raises Missing unless the relation has these columns."""
    there = columns(database, relation)
    if not there:
        raise Missing(f"{relation} does not exist", hint=hint)
    lacking = [name for name in names if name not in there]
    if lacking:
        raise Missing(f"{relation} has no column {', '.join(lacking)}", hint=hint)


def quoted(relation: str) -> str:
    """`schema.table` as to_regclass reads it without folding its case."""
    return ".".join(f'"{part}"' for part in relation.split("."))


def _columns(database: "Database", relation: str) -> list[tuple[str, str, str]]:
    found = database.rows(assets.sql("verify/columns"), {"table": quoted(relation)})
    return [(name, kind, sized) for name, kind, sized in found]
