"""Reading staging's numbers, times and bytes beside the records that they come from."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bictl.clients.relations import sized_columns
from bictl.verify.decoded import Decoded, Meaning, agrees, meanings
from bictl.verify.read_rows import in_words_of, newest_cells, pairs_of
from bictl.verify.report import of_keys

if TYPE_CHECKING:
    from bictl.clients.database import Database
    from bictl.model_file import Model
    from bictl.settings import Table

_UNSAID = Meaning("")


def read_decoded(
    database: "Database", table: "Table", staging: str, *, model: "Model | None"
) -> Decoded:
    """Every cell that is no text, whole number or flag, against the newest record's value."""
    pairs = [pair for pair in pairs_of(database, table, staging, model) if not pair[2]]
    sized, schemas = sized_columns(database, staging), dict[int | None, dict[str, Meaning]]()
    query, given = newest_cells(database, table, staging)
    query += database.named("verify/cells_shown")
    parameters = {
        **given,
        "fields": [source for source, _, _ in pairs],
        "columns": [name for _, name, _ in pairs],
    }
    found: dict[str, list[str]] = {}
    rows = compared = unsaid = 0
    for key, schema, raw, shown, is_other_source in database.stream(query, parameters):
        rows += 1
        if is_other_source:
            found.setdefault("is_snapshot", []).append(key)
        if schema not in schemas:
            schemas[schema] = _meanings(database, schema)
        for (source, name, _), value, cell in zip(pairs, raw, shown, strict=True):
            if cell is None or value in (None, "null"):
                continue
            meaning = schemas[schema].get(source, _UNSAID)
            same = agrees(cell, value, kind=sized[name], meaning=meaning) if meaning.type else None
            compared += same is not None
            unsaid += same is None
            if same is False:
                found.setdefault(source, []).append(key)
    return Decoded(
        rows=rows,
        compared=compared,
        unsaid=unsaid,
        different={
            source: of_keys(in_words_of(table, sorted(keys)[:100]), len(keys))
            for source, keys in found.items()
        },
    )


def _meanings(database: "Database", id: int | None) -> dict[str, Meaning]:
    """What the schema of that id says of its columns; nothing where there is none."""
    schema: Mapping[str, Any] | None = database.value(
        "select schema from bronze.cdc_schema where id = %s", [id]
    )
    return meanings(schema) if isinstance(schema, dict) else {}
