"""Relations in Postgres: which columns they have, and what it means when they are not there.

As verify has it; importing that package imports all of its checks, which a trace does not wait for.
"""

from typing import TYPE_CHECKING

from bictl import assets
from bictl.errors import BictlError

if TYPE_CHECKING:
    from bictl.clients.database import Database


class NotMade(BictlError):
    """A relation, or a column of it, that an earlier stage would have made."""


def columns(database: "Database", relation: str) -> dict[str, str]:
    """Column names and types; nothing where the relation does not exist."""
    quoted = ".".join(f'"{part}"' for part in relation.split("."))
    return dict(database.rows(assets.sql("verify/columns"), {"table": quoted}))


def require(database: "Database", relation: str, names: tuple[str, ...]) -> None:
    """Raises NotMade unless the relation has these columns."""
    there = columns(database, relation)
    if not there:
        raise NotMade(f"{relation} does not exist")
    if lacking := [name for name in names if name not in there]:
        raise NotMade(f"{relation} has no column {', '.join(lacking)}")
