"""A key's columns as parts of a statement: one after the other, and as one text that stands for
the whole key."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psycopg2.sql import Composable

# Types of staging columns that show a key's bytes as they are; others are decoded.
_PLAIN = ("text", "character varying", "integer", "bigint", "smallint", "boolean")


def each(text: str, names: Sequence[str], *, between: str = ", ") -> "Composable":
    """`text` once for each name: {name} is the name quoted, {number} its place from 1."""
    from psycopg2 import sql

    from bictl.clients.database import Database

    return sql.SQL(between).join(
        Database.quoted(text, name=name, number=number) for number, name in enumerate(names, 1)
    )


def identity(text: str, names: Sequence[str]) -> "Composable":
    """One text for a key, NULL where one of its columns is: the value's where there is one column,
    else a JSON array of all of them (bictl.keys.values_of reads it). `text` is one column's."""
    from bictl.clients.database import Database

    if len(names) == 1:
        return each(text, names)
    # what is strict, so that a column without a value leaves no key
    listed = each(f"to_json({text})::text", names, between=" || ',' || ")
    return Database.quoted("'[' || {listed} || ']'", listed=listed)


def functions(types: Sequence[str]) -> tuple[str, ...]:
    """What reads each column of a key out of a row of bronze: staging's views ask just that, and
    the key's index holds it."""
    return tuple(f"bronze.cdc_key_{kind}" for kind in types)


def of_row(key: Sequence[str], types: Sequence[str]) -> "Composable":
    """A key's columns out of a row of bronze, for a statement that takes no parameters."""
    from psycopg2 import sql

    return sql.SQL(", ").join(
        sql.SQL("{}(kafka_key, cdc_payload, {})").format(
            sql.Identifier(*function.split(".")), sql.Literal(name)
        )
        for function, name in zip(functions(types), key, strict=True)
    )


# A key's column as staging shows it, of a row `b` of bronze with `described`; the parameters are
# `key`, its columns' names, and `kinds`, the types that they have in staging.
SHOWN = (
    "bronze.cdc_key_shown(bronze.cdc_key(b.kafka_key, b.cdc_payload, (%(key)s::text[])[{number}]),"
    " s.fields -> (%(key)s::text[])[{number}], (%(kinds)s::text[])[{number}])"
)


def is_decoded(kinds: Sequence[str]) -> bool:
    """Whether one of these types of staging columns shows something else than the key's bytes."""
    return any(kind.partition("(")[0] not in _PLAIN for kind in kinds)


def described() -> "Composable":
    """The join that says what a schema knows of the key of a row `b`."""
    from bictl.clients.database import Database

    return Database.quoted(
        "left join bronze.cdc_schema s on s.id = coalesce(b.key_schema_id, b.schema_id)"
    )


def nothing() -> "Composable":
    """In the place of such a join where there is nothing to know."""
    from bictl.clients.database import Database

    return Database.quoted("")
