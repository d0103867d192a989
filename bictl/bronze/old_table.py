"""A bronze table that other scripts made, brought into our shape without losing a row.

Everything is one transaction: a killed conversion leaves the table as it was. Columns that a view
of somebody else reads are not given another type, which Postgres refuses: they are renamed, stay
filled, and ours stand beside them, so that the view goes on showing what it showed.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bictl import assets
from bictl.errors import SchemaMismatch

if TYPE_CHECKING:
    from bictl.clients.database import Database
    from bictl.settings import Table

# What makes a table one of change records; the other columns can be added.
_ESSENTIAL = ("kafka_topic", "kafka_partition", "kafka_offset", "kafka_key", "cdc_payload")
_WRAPPED = ("kafka_key", "cdc_payload", "key_schema_id", "schema_id")
_INTEGERS = frozenset({"smallint", "integer", "bigint"})
_TEXTS = frozenset({"text", "character varying"})
_TYPES = {
    "kafka_topic": _TEXTS,
    "kafka_partition": _INTEGERS,
    "kafka_offset": _INTEGERS,
    "kafka_timestamp": _INTEGERS
    | {"numeric", "timestamp with time zone", "timestamp without time zone"},
    "kafka_key": frozenset({"jsonb", "json"}),
    "cdc_payload": frozenset({"jsonb", "json"}),
    "batch_file": _TEXTS,
    "ingested_at": frozenset({"timestamp with time zone", "timestamp without time zone"}),
    "id": _INTEGERS,
}
# (column, type it has) → our type, ours from `old`, the old one's value in a row that bictl adds
_RETYPED = {
    ("kafka_offset", "smallint"): ("bigint", "{old}", "null"),
    ("kafka_offset", "integer"): (
        "bigint",
        "{old}",
        "case when new.kafka_offset < 2147483648 then new.kafka_offset end",
    ),
    ("kafka_key", "json"): ("jsonb", "{old}::jsonb", "new.kafka_key::json"),
    ("cdc_payload", "json"): ("jsonb", "{old}::jsonb", "new.cdc_payload::json"),
    ("kafka_timestamp", "timestamp without time zone"): (
        "timestamptz",
        "{old} at time zone 'UTC'",
        "new.kafka_timestamp at time zone 'UTC'",
    ),
    ("ingested_at", "timestamp without time zone"): (
        "timestamptz",
        "{old} at time zone 'UTC'",
        "new.ingested_at at time zone 'UTC'",
    ),
    # a limit of characters may be too short for the names of our objects
    ("batch_file", "character varying"): ("text", "{old}", "new.batch_file::%full%"),
    **{
        ("kafka_timestamp", kind): (
            "timestamptz",
            "timestamptz 'epoch' + div({old}::numeric, 86400000)::integer * interval '1 day'"
            " + mod({old}::numeric, 86400000)::integer * interval '1 millisecond'",
            "round(extract(epoch from new.kafka_timestamp) * 1000)",
        )
        for kind in ("integer", "bigint", "numeric")
    },
}


@dataclass(frozen=True)
class OldGeneration:
    """The generation that a table's old rows belong to."""

    name: str
    number: int


@dataclass(frozen=True)
class _Column:
    type: str  # without what stands in brackets
    full: str
    is_read: bool  # by a view
    is_computed: bool


def is_old(database: "Database", bronze: str) -> bool:
    """Whether it is a table of change records without generations: one to be taken over."""
    found = _columns(database, bronze)
    return set(_ESSENTIAL) <= set(found) and "generation" not in found


def convert(database: "Database", table: "Table", generation: OldGeneration) -> int:
    """Makes the table ours, inside the caller's transaction; how many rows it holds.

    SchemaMismatch where a column has a type that cannot be a record's, or where rows do not say
    which record they are.
    """
    bronze = table.bronze
    database.execute(database.named("takeover/lock", table=bronze))
    _check(database, bronze, _columns(database, bronze))
    is_bound = bool(database.value(assets.sql("takeover/is_bound"), {"table": _quoted(bronze)}))
    _add_columns(database, bronze, generation.name)
    for name, column in _columns(database, bronze).items():
        if (name, column.type) in _RETYPED:
            _retype(database, bronze, name, column)
    for index, constraint in database.rows(
        assets.sql("takeover/old_keys"), {"table": _quoted(bronze)}
    ):
        kind, name = ("constraint", constraint) if constraint else ("index", index)
        _drop_key(database, bronze, kind, name)
    database.execute(database.named("takeover/unwrap", table=bronze))
    _intern(database, bronze, is_bound=is_bound)
    database.execute(database.named("takeover/not_null", table=bronze))
    return int(
        database.value(
            database.named("takeover/record", table=bronze),
            {
                "bronze": bronze,
                "topic": table.topic,
                "generation": generation.name,
                "generation_no": generation.number,
            },
        )
    )


def _columns(database: "Database", bronze: str) -> Mapping[str, _Column]:
    rows = database.rows(assets.sql("takeover/columns"), bronze.split("."))
    return {name: _Column(*what) for name, *what in rows}


def _check(database: "Database", bronze: str, columns: Mapping[str, _Column]) -> None:
    for name, wanted in _TYPES.items():
        if name in columns and columns[name].type not in wanted:
            raise SchemaMismatch(
                f"{bronze} cannot be taken over: its column {name} is {columns[name].type},"
                f" expected {' or '.join(sorted(wanted))}",
                hint=f"alter table {bronze} alter column {name} type … using …, then bictl migrate",
            )
    nameless = database.value(database.named("takeover/nameless", table=bronze))
    if nameless:
        raise SchemaMismatch(
            f"{bronze} cannot be taken over: {nameless} rows have no kafka_topic, kafka_partition"
            " or kafka_offset, so nobody can tell which records they are",
            hint="move them into a table of their own, then bictl migrate",
        )
    twice = database.value(database.named("takeover/doubled", table=bronze))
    if twice:
        raise SchemaMismatch(
            f"{bronze} cannot be taken over: {twice} offsets stand in more than one row",
            hint="keep one row of each (kafka_topic, kafka_partition, kafka_offset), then"
            " bictl migrate",
        )


def _add_columns(database: "Database", bronze: str, generation: str) -> None:
    """What is missing. A constant default is metadata only: no row is written."""
    database.execute(
        database.named("takeover/add_columns", table=bronze), {"generation": generation}
    )
    if not database.value(assets.sql("takeover/primary_key"), {"table": _quoted(bronze)}):
        database.execute(database.quoted("alter table {table} add primary key (id)", table=bronze))


def _retype(database: "Database", bronze: str, name: str, column: _Column) -> None:
    kind, ours, theirs = _RETYPED[name, column.type]
    if not column.is_read:
        text = "alter table {table} alter column {old} drop default,"
        text += f" alter column {{old}} type {kind} using {ours}"
        database.execute(database.quoted(text, table=bronze, old=name))
        return
    kept = f"{name}_before"
    parts = {"table": bronze, "name": name, "old": kept, "function": f"{bronze}_{name}"}
    script = assets.sql("takeover/keep_column")
    theirs = theirs.replace("%full%", column.full)
    for placeholder, words in (("%type%", kind), ("%ours%", ours), ("%theirs%", theirs)):
        script = script.replace(placeholder, words)
    database.execute(database.quoted(script, **parts))


def _drop_key(database: "Database", bronze: str, kind: str, name: str) -> None:
    if kind == "constraint":
        database.execute(
            database.quoted("alter table {table} drop constraint {name}", table=bronze, name=name)
        )
    else:
        database.execute(f"drop index {name}")


def _intern(database: "Database", bronze: str, *, is_bound: bool) -> None:
    """Takes inline schemas off the rows: in place where the rows are bound to something, else by
    moving them through a temporary table. Schemas that the first rows do not show come after."""
    if not _learn_schemas(database, bronze) and not _has_wrapped(database, bronze):
        return
    others = [
        name
        for name, column in _columns(database, bronze).items()
        if name not in _WRAPPED and not column.is_computed
    ]
    place = bronze if is_bound else "pg_temp.bictl_moved"
    if is_bound:
        database.execute(database.named("takeover/intern", table=bronze))
    else:
        columns = [f"b.{name}" for name in others]
        database.execute(database.named("takeover/moved", table=bronze, columns=columns))
    while _learn_schemas(database, place):
        database.execute(database.named("takeover/intern", table=place))
    if not is_bound:
        database.execute(database.named("takeover/move_back", table=bronze, others=others))


def _learn_schemas(database: "Database", place: str) -> int:
    """Interns some of the schemas that are not known yet; how many."""
    found = database.rows(database.named("takeover/unknown_schemas", table=place))
    for (schema,) in found:
        values = {"sha256": hashlib.sha256(schema.encode()).digest(), "schema": schema}
        database.execute(assets.sql("bronze/intern_schema"), values)
    return len(found)


def _has_wrapped(database: "Database", bronze: str) -> bool:
    query = (
        "select exists (select from {table} where cdc_payload ? 'schema' or kafka_key ? 'schema')"
    )
    return bool(database.value(database.quoted(query, table=bronze)))


def _quoted(name: str) -> str:
    return ".".join(f'"{part}"' for part in name.split("."))
