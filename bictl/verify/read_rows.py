"""Reading staging and vectors: verify's own fold against what they show, as plain values."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bictl import assets
from bictl.errors import StageFailed
from bictl.verify.relations import columns, quoted, require
from bictl.verify.report import NOTHING, Sample, of_keys
from bictl.verify.staging import Keys, Shape, Values, pair_columns
from bictl.verify.vectors import Coverage, Index, Vectors

if TYPE_CHECKING:
    from bictl.clients.database import Database
    from bictl.settings import Table

STAGING_COLUMNS = ("cdc_operation", "ingested_at", "source_timestamp")
EMBEDDING_COLUMNS = ("embedding", "content_hash", "model")


def read_staging_keys(database: "Database", table: "Table", staging: str) -> Keys:
    """verify's own fold, joined both ways with the staging relation."""
    require(
        database,
        staging,
        (table.id, *STAGING_COLUMNS),
        hint=f"bictl transform --table {table.name}",
    )
    query = database.named("verify/fold", bronze=table.bronze) + database.named(
        "verify/staging_keys", staging=staging, id=table.id
    )
    (found,) = database.dicts(query, _fold_parameters(table))
    return Keys(
        folded=found["folded"],
        keyless=found["keyless"],
        expected=found["expected"],
        staged=found["staged"],
        common=found["common"],
        missing=_keys(found, "missing"),
        extra=_keys(found, "extra"),
        stale=_keys(found, "stale"),
    )


def read_staging_shape(database: "Database", table: "Table", staging: str) -> Shape:
    """How many rows, ids and operations staging shows."""
    query = database.named("verify/staging_shape", staging=staging, id=table.id)
    return Shape(**database.dicts(query)[0])


def read_staging_values(database: "Database", table: "Table", staging: str) -> Values:
    """Cells that are NULL where the newest record has a value, or differ from it."""
    fold = database.named("verify/fold", bronze=table.bronze)
    parameters = _fold_parameters(table)
    fields = database.rows(fold + database.named("verify/row_fields"), parameters)
    pairs = pair_columns([name for (name,) in fields], columns(database, staging))
    query = fold + database.named("verify/staging_values", staging=staging, id=table.id)
    rows = database.rows(
        query,
        {
            **parameters,
            "fields": [field for field, _, _ in pairs],
            "names": [name for _, name, _ in pairs],
            "exact": [exact for _, _, exact in pairs],
        },
    )
    judged = [(field, lost, of_keys(keys, size)) for field, lost, size, keys, _ in rows if field]
    return Values(
        rows=rows[0][4],
        lost={field: sample for field, lost, sample in judged if lost},
        different={field: sample for field, lost, sample in judged if not lost},
    )


def read_coverage(
    database: "Database", table: "Table", staging: str, *, rule: str, now: datetime, max_lag: int
) -> Coverage:
    """Keys of staging with a text, against keys with a vector."""
    require(
        database,
        table.embeddings,
        (table.id, *EMBEDDING_COLUMNS),
        hint=f"bictl embed --table {table.name}",
    )
    require(
        database, staging, (table.id, *table.embed), hint=f"bictl transform --table {table.name}"
    )
    query = database.named("verify/fold", bronze=table.bronze) + database.named(
        "verify/vector_keys",
        staging=staging,
        id=table.id,
        texts=table.embed,
        embeddings=table.embeddings,
    )
    parameters = {**_fold_parameters(table), "rule": rule, "now": now, "max_lag": max_lag}
    (found,) = database.dicts(query, parameters)
    counts = ("folded", "expected", "stored", "current", "arriving", "leaving")
    return Coverage(
        **{name: found[name] for name in counts},
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
