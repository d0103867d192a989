"""Our names for a source's names: `CategoryID` → category_id, `HTTPStatus Code` → http_status_code.

Made of letters, digits and `_` only, so that a name is inert in SQL, Jinja and YAML whatever the
source calls its columns.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping

from bictl.columns import Column
from bictl.errors import ConfigError

MOST_BYTES = 63  # NAMEDATALEN - 1: Postgres cuts the rest off
_TABLE_BYTES = 40  # room for stg_…, …_embeddings and the names of indexes
_NOT_WORD = re.compile(r"\W+|_{2,}")
# What cannot be a column's name bare: Postgres's keywords (pg_get_keywords, catcode R and T), what
# every table of Postgres already has, and what every staging model has.
RESERVED = frozenset(
    """
    all analyse analyze and any array as asc asymmetric authorization binary both case cast
    check collate collation column concurrently constraint create cross current_catalog
    current_date current_role current_schema current_time current_timestamp current_user
    default deferrable desc distinct do else end except false fetch for foreign freeze from
    full grant group having ilike in initially inner intersect into is isnull join lateral
    leading left like limit localtime localtimestamp natural not notnull null offset on only or
    order outer overlaps placing primary references returning right select session_user similar
    some symmetric system_user table tablesample then to trailing true union unique user using
    variadic verbose when where window with
    cmax cmin ctid tableoid xmax xmin
    cdc_operation source_timestamp is_snapshot ingested_at
    """.split()  # noqa: SIM905
)


def table_name(topic: str) -> str:
    """The name of the table behind `<prefix>.<database>.<schema>.<table>`: Product → product."""
    name = _ascii(snake(topic.rpartition(".")[2]))[:_TABLE_BYTES].strip("_")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise ConfigError(
            f"the topic {topic!r} does not end in a name for a table", hint="give one with --name"
        )
    return name


def check_table_name(name: str) -> None:
    """ConfigError unless it fits everywhere: the configuration, S3, Postgres, dbt."""
    if not re.fullmatch(rf"[a-z][a-z0-9_]{{0,{_TABLE_BYTES - 1}}}", name):
        raise ConfigError(
            f"{name!r} is no name for a table",
            hint=f"use small letters, digits and '_', at most {_TABLE_BYTES}, the first a letter",
        )


def column_names(
    columns: Iterable[Column],
    *,
    table: str,
    key: Iterable[str],
    known: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Our name for each column, by the source's name; `known` names stay, all are different.

    The key `ID` is `<table>_id`; key columns are of ASCII letters, as the configuration needs.
    """
    keys, named = list(key), dict(known or {})
    taken = set(named.values())
    ordered = sorted(columns, key=lambda column: column.name not in keys)
    for column in ordered:
        if column.name in named:
            continue
        wanted = snake(column.name)
        if column.name in keys:
            wanted = f"{table}_id" if wanted == "id" else _ascii(wanted) or f"{table}_key"
        name = _free(wanted or "column", taken)
        named[column.name] = name
        taken.add(name)
    return named


def snake(name: str) -> str:
    """Words in small letters with `_` between them; "" where the name has no letter or digit."""
    composed = unicodedata.normalize("NFC", name)
    parts = []
    for at, char in enumerate(composed):
        before, after = composed[at - 1 : at] if at else "", composed[at + 1 : at + 2]
        starts = char.isupper() and before and (
            before.islower() or before.isdigit() or (before.isupper() and after.islower())
        )  # fmt: skip
        parts.append(f"_{char}" if starts else char)
    words = _NOT_WORD.sub("_", "".join(parts).lower()).strip("_")
    return f"_{words}" if words[:1].isdigit() else words


def _ascii(name: str) -> str:
    return re.sub(r"[^a-z0-9_]+", "_", name).strip("_") and re.sub(r"[^a-z0-9_]+", "_", name)


def _free(wanted: str, taken: set[str]) -> str:
    """The wanted name, or the nearest that no other column has and Postgres takes bare."""
    name = f"{wanted}_" if wanted in RESERVED else _fitted(wanted)
    number = 2
    while name in taken:
        name = f"{_fitted(wanted, room=len(str(number)) + 1)}_{number}"
        number += 1
    return name


def _fitted(name: str, *, room: int = 0) -> str:
    """Cut to what Postgres keeps, with a digest so that two long names stay two."""
    if len(name.encode()) <= MOST_BYTES - room:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:6]
    kept = name.encode()[: MOST_BYTES - room - 7].decode(errors="ignore").rstrip("_")
    return f"{kept}_{digest}"
