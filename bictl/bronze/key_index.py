"""The index that finds a key's records in bronze: made with the table, and anew when the
configuration names another key or other types.

It holds each column of the key by the very function that the staging model's view asks. It is known
by what it holds; a table in use gets the new one beside the old one, without a lock that anybody
would feel, and each step may be the last one of a killed run.
"""

from typing import TYPE_CHECKING, Any

from bictl import assets
from bictl.clients.key_parts import functions, of_row
from bictl.clients.relations import quoted
from bictl.errors import StageFailed

if TYPE_CHECKING:
    from bictl.clients.database import Database
    from bictl.settings import Table


def create(database: "Database", table: "Table") -> None:
    """In the transaction that makes the table."""
    how = database.quoted("if not exists")
    database.execute(_statement(database, table, how=how, index=_name(table)))


def fits(database: "Database", table: "Table") -> bool:
    """Whether there is an index of this key, in its place."""
    return any(name != _spare(table) for name in _fitting(database, table))


def replace(database: "Database", table: "Table") -> bool:
    """Makes the index that fits and drops the one that does not; whether there was anything to do.
    Another run that is at it is left alone."""
    lock = f"bictl:index:{table.bronze}"
    if fits(database, table) or not database.try_lock(lock):
        return False
    try:
        return _replace(database, table)
    finally:
        database.rows("select pg_advisory_unlock(hashtextextended(%s, 0))", [lock])


def _replace(database: "Database", table: "Table") -> bool:
    schema, spare = table.bronze.split(".")[0], _spare(table)
    found = _fitting(database, table)
    if any(name != spare for name in found):
        return False
    if spare not in found:
        _drop(database, f"{schema}.{spare}")  # of a run that was killed
        how = database.quoted("concurrently")
        try:
            database.autocommit(_statement(database, table, how=how, index=spare))
        except StageFailed:  # a key too long for an index: the half of one would refuse others
            _drop(database, f"{schema}.{spare}")
            raise
    _drop(database, f"{schema}.{_name(table)}")
    database.autocommit(
        database.quoted(
            "alter index {old} rename to {new}", old=f"{schema}.{spare}", new=_name(table)
        )
    )
    return True


def _drop(database: "Database", index: str) -> None:
    database.autocommit(database.quoted("drop index concurrently if exists {index}", index=index))


def _statement(database: "Database", table: "Table", *, how: Any, index: str) -> Any:
    columns = of_row(table.key, table.key_types)
    return database.named(
        "bronze/key_index", how=how, index=index, table=table.bronze, columns=columns
    )


def _fitting(database: "Database", table: "Table") -> list[str]:
    """The names of the indexes that hold this key."""
    rows = database.rows(assets.sql("bronze/index_columns"), {"table": quoted(table.bronze)})
    wanted = [_bare(text) for text in (*_columns(table), "kafka_offset")]
    return [
        name
        for name, is_valid, columns in rows
        if is_valid and [_bare(text) for text in columns] == wanted
    ]


def _columns(table: "Table") -> list[str]:
    """What it holds, as Postgres writes it."""
    names = (name.replace("'", "''") for name in table.key)
    return [
        f"{function}(kafka_key, cdc_payload, '{name}'::text)"
        for function, name in zip(functions(table.key_types), names, strict=True)
    ]


def _bare(text: str) -> str:
    """Without the schema, which Postgres leaves out where it is in the search path."""
    return text.removeprefix("bronze.")


def _name(table: "Table") -> str:
    return f"{table.bronze.split('.')[1][:50]}_key"


def _spare(table: "Table") -> str:
    """What the index is called until it takes the place of the old one."""
    return f"{table.bronze.split('.')[1][:50]}_key_new"
