"""Postgres's side: rows of each layer, cheaply, and the ledger's last runs and verdicts.

A count that would take longer than BUDGET is given up for what is known without counting: the
ledger's sums, the server's statistics, what a stage counted when it last ran. It is never passed
off as counted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bictl import assets
from bictl.clients.relations import quoted
from bictl.errors import StageFailed, TimedOut
from bictl.ops import ledger
from bictl.ops.ledger import STAGES, Last
from bictl.status.report import Layer, Verdict

if TYPE_CHECKING:
    from bictl.clients.database import Database
    from bictl.settings import Table

BUDGET = 0.15  # seconds a count


@dataclass(frozen=True, kw_only=True)
class Rows:
    """One table in Postgres; `loaded` are the records of each object that the ledger knows."""

    layers: tuple[Layer, ...]
    stages: tuple[Last, ...]
    verdicts: tuple[Verdict, ...]
    loaded: Mapping[str, int] = field(default_factory=dict)


def read_rows(database: "Database", impatient: "Database", table: "Table", *, staging: str) -> Rows:
    """What Postgres says of one table; `staging` is the view, schema.name. `impatient` is a
    connection that gives a statement no more than BUDGET: rows are counted there."""
    stages = [stage for stage in STAGES if stage != "embed" or table.embed]
    is_there = {
        name: bool(database.value("select to_regclass(%s)::text", [quoted(name)]))
        for name in (table.bronze, staging, table.embeddings, "bictl.object_ledger", "bictl.run")
    }
    loaded = _loaded(database, table) if is_there["bictl.object_ledger"] else {}
    layers = [
        _bronze(database, impatient, table, loaded) if is_there[table.bronze] else _none("bronze"),
        _quarantine(database, table) if is_there["bictl.object_ledger"] else _none("quarantine"),
        _staging(database, impatient, table, staging) if is_there[staging] else _none("staging"),
    ]
    if table.embed:
        there = is_there[table.embeddings]
        layers.append(
            _table(database, impatient, "vectors", table.embeddings) if there else _none("vectors")
        )
    return Rows(
        layers=tuple(layers),
        stages=tuple(ledger.last(database, stages=stages, tables=[table.name], always=stages)),
        verdicts=tuple(_verdicts(database, table)) if is_there["bictl.run"] else (),
        loaded={key: n for key, (n, _) in loaded.items()},
    )


def _none(name: str) -> Layer:
    """A layer that no stage has made yet."""
    return Layer(name=name, rows=0, note="not made yet")


def _bronze(
    database: "Database",
    impatient: "Database",
    table: "Table",
    loaded: Mapping[str, tuple[int, int]],
) -> Layer:
    found, note = count(impatient, table.bronze), _snapshot(impatient, table) if loaded else ""
    if found is not None:
        return Layer(name="bronze", rows=found, note=note)
    known = sum(rows for _, rows in loaded.values())
    return Layer(name="bronze", rows=known - _pruned(database, table), how="ledger", note=note)


def _snapshot(impatient: "Database", table: "Table") -> str:
    """Of a snapshot that has not ended, where it began; nothing where that is not told in time."""
    try:
        query = impatient.named("status/snapshot", bronze=table.bronze)
        found = impatient.rows(query, {"topic": table.topic})
    except (TimedOut, StageFailed):  # slow, or a table as other scripts made it
        return ""
    return "".join(f"a snapshot began at {part}:{at} and has no end" for part, at in found)


def _quarantine(database: "Database", table: "Table") -> Layer:
    rows = int(database.value(assets.sql("status/quarantine"), [table.topic]) or 0)
    return Layer(
        name="quarantine",
        rows=rows,
        note=f"bictl quarantine list --table {table.name}" if rows else "",
    )


def _staging(database: "Database", impatient: "Database", table: "Table", staging: str) -> Layer:
    """The view folds bronze: where that takes long, what `transform` counted when it last did."""
    found = count(impatient, staging)
    if found is not None:
        return Layer(name="staging", rows=found)
    rows = database.rows(
        assets.sql("status/staging_counted"), {"table": table.name, "view": table.staging}
    )
    if not rows:
        return Layer(name="staging", rows=None, note="too many to count in passing")
    counted, at = rows[0]
    return Layer(name="staging", rows=counted, how="transform", at=at)


def _table(database: "Database", impatient: "Database", name: str, relation: str) -> Layer:
    found = count(impatient, relation)
    if found is not None:
        return Layer(name=name, rows=found)
    estimate = database.value(assets.sql("status/estimated"), [quoted(relation)])
    return Layer(name=name, rows=estimate, how="statistics")


def count(impatient: "Database", relation: str) -> int | None:
    """Exactly how many rows, or None when that cannot be told in time."""
    try:
        return int(impatient.value(impatient.named("status/count", relation=relation)))
    except TimedOut:
        return None


def _loaded(database: "Database", table: "Table") -> dict[str, tuple[int, int]]:
    """Records and loaded rows of each object."""
    rows = database.rows(assets.sql("status/loaded"), [table.topic])
    return {key: (int(records), int(loaded)) for key, records, loaded in rows}


def _pruned(database: "Database", table: "Table") -> int:
    """Rows that prune took out of bronze; 0 where the tables are older than it."""
    try:
        return int(database.value(assets.sql("status/pruned"), [table.topic]) or 0)
    except StageFailed:
        return 0


def _verdicts(database: "Database", table: "Table") -> list[Verdict]:
    rows: Sequence[Mapping[str, Any]] = database.dicts(
        assets.sql("status/verdicts"), {"table": table.name}
    )
    found: dict[str, Verdict] = {}
    for row in rows:
        at: datetime = row["started_at"]
        found[row["run_id"]] = Verdict(
            level=row["level"] or "default",
            state=row["state"] or row["status"],
            at=at,
            headline=row["headline"] or row["error"] or "",
            run_id=row["run_id"],
            partial=bool(row["partial"]),
        )
    return list(found.values())
