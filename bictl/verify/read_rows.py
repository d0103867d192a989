"""Reading staging and vectors: verify's own fold against what they show, as plain values."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bictl import assets
from bictl.clients.key_parts import identity
from bictl.clients.relations import columns, quoted, require
from bictl.keys import in_words, values_of
from bictl.verify.report import NOTHING, Sample, of_keys
from bictl.verify.shown_keys import ShownKeys
from bictl.verify.staging import Keys, Shape, Values, pair_columns, said_pairs
from bictl.verify.vectors import Coverage, Index, Vectors

if TYPE_CHECKING:
    from bictl.clients.database import Database
    from bictl.model_file import Model
    from bictl.settings import Table

STAGING_COLUMNS = ("cdc_operation", "ingested_at", "source_timestamp")
EMBEDDING_COLUMNS = ("embedding", "content_hash", "model")


def read_staging_keys(database: "Database", table: "Table", staging: str) -> tuple[Keys, Shape]:
    """verify's own fold, joined both ways with the staging relation; and that one's shape."""
    columns_needed = (*table.id, *STAGING_COLUMNS)
    require(database, staging, columns_needed, hint=f"bictl transform --table {table.name}")
    shown = ShownKeys(database, table, staging)
    query = fold(database, table) + database.named(
        "verify/staging_keys",
        staging=staging,
        id=identity("{name}::text", table.id),
        **shown.of_newest,
    )
    (found,) = database.dicts(query, {**fold_parameters(table), **shown.parameters})
    keys = Keys(
        folded=found["folded"],
        keyless=found["keyless"],
        expected=found["expected"],
        staged=found["rows"],
        common=found["common"],
        missing=_keys(table, found, "missing"),
        extra=_keys(table, found, "extra"),
        stale=_keys(table, found, "stale"),
        closed=found["closed"],
    )
    parts = ("rows", "ids", "distinct_ids", "operations")
    return keys, Shape(**{name: found[name] for name in parts})


def read_staging_values(
    database: "Database", table: "Table", staging: str, *, model: "Model | None"
) -> Values:
    """Cells that are NULL where the newest record has a value, or differ from it; which field is
    which column the model says, else their names."""
    there = columns(database, staging)
    if model is not None:
        pairs = said_pairs(model, there)
    else:
        query = database.named("verify/row_fields", bronze=table.bronze)
        found = database.rows(query, {"topic": table.topic})
        pairs = pair_columns([name for (name,) in found], there)
    rows, *counts = _count_cells(database, table, staging, pairs)
    lost, different = {}, {}
    for (field, name, _), null, other in zip(pairs, counts[::2], counts[1::2], strict=True):
        if null:
            lost[field] = _cell_keys(database, table, staging, field, name, null, lost=True)
        if other:
            different[field] = _cell_keys(database, table, staging, field, name, other, lost=False)
    return Values(rows=rows, lost=lost, different=different)


def _count_cells(
    database: "Database", table: "Table", staging: str, pairs: list[tuple[str, str, bool]]
) -> list[int]:
    """The number of rows, then for each pair how many cells are lost and how many differ."""
    query, given = _cells(database, table, staging)
    query += database.quoted("select count(*)")
    for number, (_, name, _) in enumerate(pairs, 1):
        query += database.named("verify/cells_count", column=name, number=number)
    query += database.quoted("\nfrom pair")
    parameters = {
        **given,
        "fields": [field for field, _, _ in pairs],
        "exact": [exact for _, _, exact in pairs],
    }
    return list(database.rows(query, parameters)[0])


def _cell_keys(
    database: "Database",
    table: "Table",
    staging: str,
    field: str,
    name: str,
    size: int,
    *,
    lost: bool,
) -> Sample:
    """Some of the keys whose cell is lost, or differs."""
    query, given = _cells(database, table, staging)
    query += database.named("verify/cells_keys", column=name)
    parameters = {**given, "field": field, "lost": lost}
    return of_keys(_in_words(table, [key for (key,) in database.rows(query, parameters)]), size)


def _cells(database: "Database", table: "Table", staging: str) -> tuple[Any, dict[str, Any]]:
    """The fold, and each newest row beside what staging shows; with its parameters."""
    shown = ShownKeys(database, table, staging)
    pair = database.named(
        "verify/cells_pair",
        bronze=table.bronze,
        staging=staging,
        id=identity("staged.{name}::text", table.id),
        **shown.of_row,
    )
    return fold(database, table) + pair, {**fold_parameters(table), **shown.parameters}


def fold(database: "Database", table: "Table") -> Any:
    """The newest record of each key, for a query from `newest`; with `fold_parameters`."""
    held = "coalesce(key_data, row_data, before_data) ->> (%(key)s::text[])[{number}]"
    return database.named("verify/fold", bronze=table.bronze, key=identity(held, table.key))


def read_coverage(
    database: "Database",
    table: "Table",
    staging: str,
    *,
    rule: str,
    now: datetime,
    max_lag: int,
) -> Coverage:
    """Keys of staging with a text, against keys with a vector."""
    require(
        database,
        table.embeddings,
        (*table.id, *EMBEDDING_COLUMNS),
        hint=f"bictl embed --table {table.name}",
    )
    require(
        database, staging, (*table.id, *table.embed), hint=f"bictl transform --table {table.name}"
    )
    shown = ShownKeys(database, table, staging)
    query = database.named(
        "verify/vector_keys",
        bronze=table.bronze,
        staging=staging,
        id=identity("{name}::text", table.id),
        texts=table.embed,
        embeddings=table.embeddings,
        **shown.of_event,
    )
    given = {"topic": table.topic, **shown.parameters}
    parameters = {**given, "rule": rule, "now": now, "max_lag": max_lag}
    (found,) = database.dicts(query, parameters)
    counts = ("expected", "stored", "current", "arriving", "leaving")
    return Coverage(
        **{name: found[name] for name in counts},
        missing=_keys(table, found, "missing"),
        orphans=_keys(table, found, "orphans", "orphan_keys"),
        stale=_keys(table, found, "stale"),
    )


def read_vectors(database: "Database", table: "Table") -> Vectors:
    """What makes vectors unfindable."""
    query = database.named(
        "verify/vector_shape",
        embeddings=table.embeddings,
        id=identity("{name}::text", table.id),
    )
    (found,) = database.dicts(query)
    return Vectors(
        rows=found["rows"],
        nulls=found["nulls"],
        zeros=found["zeros"],
        bent=found["bent"],
        dimensions=tuple(found["dimensions"] or ()),
        models=tuple(found["models"] or ()),
        bad=tuple(_in_words(table, found["bad_keys"] or [])),
    )


def read_indexes(database: "Database", table: "Table") -> tuple[Index, ...]:
    """The HNSW indexes on the vectors."""
    rows = database.dicts(assets.sql("verify/vector_index"), {"table": quoted(table.embeddings)})
    return tuple(Index(**row) for row in rows)


def fold_parameters(table: "Table") -> dict[str, Any]:
    """What the fold asks for."""
    return {"topic": table.topic, "key": list(table.key)}


def _keys(table: "Table", found: Mapping[str, Any], name: str, listed: str = "") -> Sample:
    size = found[name]
    keys = found[listed or f"{name}_keys"] or []
    return of_keys(_in_words(table, keys), size) if size else NOTHING


def _in_words(table: "Table", identities: Sequence[str | None]) -> list[str]:
    """Keys as a person reads them, and gives them to trace; of a row without one, a dash."""
    return [
        "-" if one is None else in_words(table.key, values_of(table.key, one)) for one in identities
    ]
