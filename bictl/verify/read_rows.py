"""Reading staging and vectors: verify's own fold against what they show, as plain values."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bictl import assets
from bictl.clients.relations import columns, quoted, require
from bictl.errors import StageFailed
from bictl.verify.report import NOTHING, Sample, of_keys
from bictl.verify.staging import Keys, Shape, Values, pair_columns
from bictl.verify.vectors import Coverage, Index, Vectors

if TYPE_CHECKING:
    from bictl.clients.database import Database
    from bictl.settings import Table

STAGING_COLUMNS = ("cdc_operation", "ingested_at", "source_timestamp")
EMBEDDING_COLUMNS = ("embedding", "content_hash", "model")


def read_staging_keys(database: "Database", table: "Table", staging: str) -> tuple[Keys, Shape]:
    """verify's own fold, joined both ways with the staging relation; and that one's shape."""
    columns_needed = (*table.id, *STAGING_COLUMNS)
    require(database, staging, columns_needed, hint=f"bictl transform --table {table.name}")
    query = database.named("verify/fold", bronze=table.bronze) + database.named(
        "verify/staging_keys", staging=staging, id=table.id
    )
    (found,) = database.dicts(query, _fold_parameters(table))
    keys = Keys(
        folded=found["folded"],
        keyless=found["keyless"],
        expected=found["expected"],
        staged=found["rows"],
        common=found["common"],
        missing=_keys(found, "missing"),
        extra=_keys(found, "extra"),
        stale=_keys(found, "stale"),
    )
    parts = ("rows", "ids", "distinct_ids", "operations")
    return keys, Shape(**{name: found[name] for name in parts})


def read_staging_values(database: "Database", table: "Table", staging: str) -> Values:
    """Cells that are NULL where the newest record has a value, or differ from it."""
    found = database.rows(
        database.named("verify/row_fields", bronze=table.bronze), {"topic": table.topic}
    )
    pairs = pair_columns([name for (name,) in found], columns(database, staging))
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
    query = _cells(database, table, staging) + database.quoted("select count(*)")
    for number, (_, name, _) in enumerate(pairs, 1):
        query += database.named("verify/cells_count", column=name, number=number)
    query += database.quoted("\nfrom pair")
    parameters = {
        **_fold_parameters(table),
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
    query = _cells(database, table, staging) + database.named("verify/cells_keys", column=name)
    parameters = {**_fold_parameters(table), "field": field, "lost": lost}
    return of_keys([key for (key,) in database.rows(query, parameters)], size)


def _cells(database: "Database", table: "Table", staging: str) -> Any:
    """The fold, and each newest row beside what staging shows."""
    return database.named("verify/fold", bronze=table.bronze) + database.named(
        "verify/cells_pair", bronze=table.bronze, staging=staging, id=table.id
    )


def read_coverage(
    database: "Database",
    table: "Table",
    staging: str,
    *,
    folded: int,
    rule: str,
    now: datetime,
    max_lag: int,
) -> Coverage:
    """Keys of staging with a text, against keys with a vector; `folded` keys have any record."""
    require(
        database,
        table.embeddings,
        (*table.id, *EMBEDDING_COLUMNS),
        hint=f"bictl embed --table {table.name}",
    )
    require(
        database, staging, (*table.id, *table.embed), hint=f"bictl transform --table {table.name}"
    )
    query = database.named(
        "verify/vector_keys",
        bronze=table.bronze,
        staging=staging,
        id=table.id,
        texts=table.embed,
        embeddings=table.embeddings,
    )
    parameters = {**_fold_parameters(table), "rule": rule, "now": now, "max_lag": max_lag}
    (found,) = database.dicts(query, parameters)
    counts = ("expected", "stored", "current", "arriving", "leaving")
    return Coverage(
        **{name: found[name] for name in counts},
        folded=folded,
        missing=_keys(found, "missing"),
        orphans=_keys(found, "orphans", "orphan_keys"),
        stale=_keys(found, "stale"),
    )


def read_vectors(database: "Database", table: "Table") -> Vectors:
    """What makes vectors unfindable."""
    query = database.named("verify/vector_shape", embeddings=table.embeddings, id=table.id)
    (found,) = database.dicts(query)
    return Vectors(
        rows=found["rows"],
        nulls=found["nulls"],
        zeros=found["zeros"],
        bent=found["bent"],
        dimensions=tuple(found["dimensions"] or ()),
        models=tuple(found["models"] or ()),
        bad=tuple(found["bad_keys"] or ()),
    )


def read_indexes(database: "Database", table: "Table") -> tuple[Index, ...]:
    """The HNSW indexes on the vectors."""
    rows = database.dicts(assets.sql("verify/vector_index"), {"table": quoted(table.embeddings)})
    return tuple(Index(**row) for row in rows)


def _fold_parameters(table: "Table") -> dict[str, Any]:
    if len(table.key) != 1:
        raise StageFailed(
            f"the key of {table.name} has {len(table.key)} columns: verify folds one",
            hint="name one key column in the configuration",
        )
    return {"topic": table.topic, "key": table.key[0]}


def _keys(found: Mapping[str, Any], name: str, listed: str = "") -> Sample:
    size = found[name]
    return of_keys(found[listed or f"{name}_keys"] or [], size) if size else NOTHING
