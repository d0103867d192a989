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
from bictl.verify.vectors import Altered, Coverage, Index, Vectors

if TYPE_CHECKING:
    from bictl.clients.database import Database
    from bictl.model_file import Model
    from bictl.settings import Table

STAGING_COLUMNS = ("cdc_operation", "ingested_at", "source_timestamp")
_COUNTED = (
    *("folded", "closed", "keyless", "expected", "common", "missing", "extra", "stale"),
    *("missing_keys", "extra_keys", "stale_keys", "rows", "ids", "distinct_ids", "operations"),
)
EMBEDDING_COLUMNS = ("embedding", "content_hash", "model")


def read_staging_keys(database: "Database", table: "Table", staging: str) -> tuple[Keys, Shape]:
    """verify's own fold, joined both ways with the staging relation; and that one's shape."""
    columns_needed = (*table.id, *STAGING_COLUMNS)
    require(database, staging, columns_needed, hint=f"bictl transform --table {table.name}")
    query, given = _keys_query(database, table, staging)
    narrow = _staged(database, table, staging, STAGING_COLUMNS)
    query = fold(database, table) + narrow + query
    query += database.named("verify/staging_keys_count")
    (row,) = database.rows(query, given)
    return _keys_and_shape(table, row)


def read_staging(
    database: "Database", table: "Table", staging: str, *, model: "Model | None"
) -> tuple[Keys, Shape, Values]:
    """The keys, the shape and the cells by one fold and one reading of the staging relation: a view
    that folds bronze itself. A cell that cannot be read spoils all three."""
    columns_needed = (*table.id, *STAGING_COLUMNS)
    require(database, staging, columns_needed, hint=f"bictl transform --table {table.name}")
    pairs = pairs_of(database, table, staging, model)
    keys, of_keys_ = _keys_query(database, table, staging)
    cells, of_cells = _cells(database, table, staging)
    query = fold(database, table) + _staged(database, table, staging) + keys + cells
    query += database.quoted("select * from (")
    query += database.named("verify/staging_keys_count")
    query += database.quoted(") as of_keys, (")
    query += _cells_count(database, pairs) + database.quoted(") as of_cells")
    (row,) = database.rows(query, {**of_keys_, **of_cells, **_fields(pairs)})
    after = len(_COUNTED)
    values = _values(database, table, staging, pairs, list(row[after:]))
    return *_keys_and_shape(table, row[:after]), values


def read_staging_values(
    database: "Database", table: "Table", staging: str, *, model: "Model | None"
) -> Values:
    """Cells that are NULL where the newest record has a value, or differ from it; which field is
    which column the model says, else their names. Raises Missing where there is no relation."""
    require(database, staging, (), hint=f"bictl transform --table {table.name}")
    pairs = pairs_of(database, table, staging, model)
    query, given = _cells(database, table, staging)
    query = fold(database, table) + _staged(database, table, staging) + query
    query += _cells_count(database, pairs)
    (row,) = database.rows(query, {**given, **_fields(pairs)})
    return _values(database, table, staging, pairs, list(row))


def _keys_query(database: "Database", table: "Table", staging: str) -> tuple[Any, dict[str, Any]]:
    """The live keys beside those that staging shows, after the fold; with their parameters."""
    shown = ShownKeys(database, table, staging)
    query = database.named("verify/staging_keys", **shown.of_newest)
    return query, {**fold_parameters(table), **shown.parameters}


def _keys_and_shape(table: "Table", row: Sequence[Any]) -> tuple[Keys, Shape]:
    found = dict(zip(_COUNTED, row, strict=True))
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


def _staged(database: "Database", table: "Table", staging: str, names: Sequence[str] = ()) -> Any:
    """What staging shows, in these columns or in all of them."""
    return database.named(
        "verify/staged",
        staging=staging,
        id=identity("{name}::text", table.id),
        columns=names or database.quoted("shown.*"),
    )


def pairs_of(
    database: "Database", table: "Table", staging: str, model: "Model | None"
) -> list[tuple[str, str, bool]]:
    """Which field is which column."""
    there = columns(database, staging)
    if model is not None:
        return said_pairs(model, there)
    query = database.named("verify/row_fields", bronze=table.bronze)
    found = database.rows(query, {"topic": table.topic})
    return pair_columns([name for (name,) in found], there)


def _fields(pairs: Sequence[tuple[str, str, bool]]) -> dict[str, Any]:
    return {
        "fields": [field for field, _, _ in pairs],
        "exact": [exact for _, _, exact in pairs],
    }


def _values(
    database: "Database",
    table: "Table",
    staging: str,
    pairs: Sequence[tuple[str, str, bool]],
    row: Sequence[int],
) -> Values:
    """What was counted, with some of the keys wherever a cell is lost or differs."""
    rows, *counts = row
    lost, different = {}, {}
    for pair, null, other in zip(pairs, counts[::2], counts[1::2], strict=True):
        if null:
            lost[pair[0]] = _cell_keys(database, table, staging, pair, null, lost=True)
        if other:
            different[pair[0]] = _cell_keys(database, table, staging, pair, other, lost=False)
    return Values(rows=rows, lost=lost, different=different)


def _cells_count(database: "Database", pairs: Sequence[tuple[str, str, bool]]) -> Any:
    """The number of rows, then for each pair how many cells are lost and how many differ."""
    query = database.quoted("select count(*)")
    for number, (_, name, _) in enumerate(pairs, 1):
        query += database.named("verify/cells_count", column=name, number=number)
    return query + database.quoted("\nfrom pair")


def _cell_keys(
    database: "Database",
    table: "Table",
    staging: str,
    pair: tuple[str, str, bool],
    size: int,
    *,
    lost: bool,
) -> Sample:
    """Some of the keys whose cell is lost, or differs."""
    field, name, exact = pair
    query, given = newest_cells(database, table, staging)
    query += database.named("verify/cells_keys", column=name)
    parameters = {**given, "field": field, "lost": lost, "exact": exact}
    return of_keys(in_words_of(table, [key for (key,) in database.rows(query, parameters)]), size)


def newest_cells(database: "Database", table: "Table", staging: str) -> tuple[Any, dict[str, Any]]:
    """The fold, and each newest row beside what staging shows, for a query from `pair`; with its
    parameters."""
    query, given = _cells(database, table, staging)
    return fold(database, table) + _staged(database, table, staging) + query, given


def _cells(database: "Database", table: "Table", staging: str) -> tuple[Any, dict[str, Any]]:
    """Each newest row beside what staging shows, after the fold; with its parameters."""
    shown = ShownKeys(database, table, staging)
    pair = database.named("verify/cells_pair", bronze=table.bronze, **shown.of_row)
    return pair, {**fold_parameters(table), **shown.parameters}


def fold(database: "Database", table: "Table") -> Any:
    """The newest record of each key, for a query from `newest`; with `fold_parameters`."""
    held = "coalesce(key_data, row_data, before_data) ->> (%(key)s::text[])[{number}]"
    return database.named(
        "verify/fold",
        bronze=table.bronze,
        key=identity(held, table.key),
        unloaded=database.named("verify/unloaded"),
    )


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


def read_vectors(database: "Database", table: "Table") -> tuple[Vectors, Altered]:
    """What makes vectors unfindable, and those that are not what their hashes say, by one reading;
    without hashes (`require_hashes`) all are others."""
    has_hash = "vector_hash" in columns(database, table.embeddings)
    query = database.named(
        "verify/vector_shape",
        embeddings=table.embeddings,
        id=identity("{name}::text", table.id),
        hash="vector_hash" if has_hash else None,
    )
    (found,) = database.dicts(query)
    vectors = Vectors(
        rows=found["rows"],
        nulls=found["nulls"],
        zeros=found["zeros"],
        bent=found["bent"],
        dimensions=tuple(found["dimensions"] or ()),
        models=tuple(found["models"] or ()),
        bad=tuple(in_words_of(table, found["bad_keys"] or [])),
        twice=found["twice"],
        doubled=tuple(in_words_of(table, found["twice_keys"] or [])),
    )
    keys = in_words_of(table, found["altered_keys"] or [])
    altered = Altered(rows=found["hashed"], altered=of_keys(keys, found["altered"]))
    return vectors, altered


def require_hashes(database: "Database", table: "Table") -> None:
    """Raises Missing where no hash was written beside the vectors yet."""
    hint = f"bictl embed --table {table.name}"
    require(database, table.embeddings, (*table.id, *EMBEDDING_COLUMNS, "vector_hash"), hint=hint)


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
    return of_keys(in_words_of(table, keys), size) if size else NOTHING


def in_words_of(table: "Table", identities: Sequence[str | None]) -> list[str]:
    """Keys as a person reads them, and gives them to trace; of a row without one, a dash."""
    return [
        "-" if one is None else in_words(table.key, values_of(table.key, one)) for one in identities
    ]
