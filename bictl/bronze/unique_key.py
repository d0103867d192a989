"""The key of a bronze table: one row a record, which every load relies on.

It is made with the table. Where somebody dropped it, it is made again beside running readers and
writers, and each step may be the last one of a killed run.
"""

from typing import TYPE_CHECKING

from bictl import assets
from bictl.clients.relations import quoted
from bictl.errors import StageFailed

if TYPE_CHECKING:
    from bictl.clients.database import Database
    from bictl.settings import Table

COLUMNS = ("kafka_topic", "generation", "kafka_partition", "kafka_offset")
_DOUBLED = "23505"  # unique_violation


def name(bronze: str) -> str:
    """What the key of a bronze table is called."""
    return f"{bronze.split('.')[1][:50]}_offset_key"


def fits(database: "Database", table: "Table") -> bool:
    """Whether the key is there and works."""
    found = database.rows(assets.sql("verify/unique_index"), {"table": quoted(table.bronze)})
    return any(tuple(columns) == COLUMNS for (columns,) in found)


def replace(database: "Database", table: "Table") -> bool:
    """Makes the key where it is not there; whether that was to be done. Another run that is at it
    is left alone. Raises StageFailed where records stand more than once."""
    lock = f"bictl:unique:{table.bronze}"
    if fits(database, table) or not database.try_lock(lock):
        return False
    try:
        if fits(database, table):
            return False
        _make(database, table)
        return True
    finally:
        database.rows("select pg_advisory_unlock(hashtextextended(%s, 0))", [lock])


def make_at_once(database: "Database", table: "Table") -> None:
    """The same inside the caller's transaction, which keeps others out of the table."""
    if not fits(database, table):
        _drop_broken(database, table)
        parts = {"table": table.bronze, "unique": name(table.bronze)}
        database.execute(database.named("takeover/unique_key", **parts))


def _make(database: "Database", table: "Table") -> None:
    schema, bare = table.bronze.split(".")
    spare = f"{bare[:46]}_offset_key_new"
    drop = database.quoted("drop index concurrently if exists {index}", index=f"{schema}.{spare}")
    _drop_broken(database, table)
    database.autocommit(drop)  # of a run that was killed
    parts = {"table": table.bronze, "index": spare, "unique": name(table.bronze)}
    try:
        database.autocommit(database.named("bronze/unique_index", **parts))
    except StageFailed as error:
        database.autocommit(drop)
        if database.sqlstate(error) != _DOUBLED:
            raise
        raise StageFailed(
            f"{table.bronze} has no unique key, and holds records more than once:"
            f" {database.details(error)[0]}",
            hint=f"bictl repair --table {table.name} --select B2",
        ) from error
    database.execute(database.named("bronze/unique_key", **parts))


def _drop_broken(database: "Database", table: "Table") -> None:
    """What has the key's name and does not work."""
    parts = {"table": table.bronze, "unique": name(table.bronze)}
    database.execute(
        database.quoted("alter table {table} drop constraint if exists {unique}", **parts)
    )
    index = f"{table.bronze.split('.')[0]}.{name(table.bronze)}"
    database.execute(database.quoted("drop index if exists {index}", index=index))
