"""Bronze → typed rows: dbt builds the staging views and tests them.

The views are always fresh; a run makes them what the project says and tests what they show. When
neither the project nor bronze has changed since the tests passed, there is nothing to do.
"""

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bictl import assets
from bictl.errors import BictlError, NotFound, StageFailed, Unreachable
from bictl.records import OnProgress, Progress, Stop, never_stop, no_progress

if TYPE_CHECKING:
    from bictl.clients.database import Database
    from bictl.clients.dbt import Dbt
    from bictl.clients.dbt_report import Node, OnNode
    from bictl.settings import Table


# Postgres's words about a view that cannot be replaced in place
_REFUSED = re.compile(r"cannot (drop columns from view|change (name|data type) of view column)")


@dataclass(frozen=True, kw_only=True)
class TransformResult:
    """The nodes that ran, the rows of each view, and the models that needed nothing.

    `failures` says why for each table (by its name) whose model or tests failed; the others passed.
    """

    nodes: "tuple[Node, ...]"
    views: dict[str, int]
    unchanged: tuple[str, ...] = ()
    stopped: bool = False
    failures: "dict[str, BictlError]" = field(default_factory=dict)

    exit_code: int = 0

    def of(self, table: "Table") -> "TransformResult":
        """The same for one of the tables."""
        model = table.staging
        return replace(
            self,
            nodes=tuple(node for node in self.nodes if model in node.models),
            views={name: count for name, count in self.views.items() if name == model},
            unchanged=tuple(name for name in self.unchanged if name == model),
            failures={},
        )

    def raise_failures(self) -> None:
        """Raises the failure of the one table that failed; StageFailed naming all of several."""
        if not self.failures:
            return
        first, *others = self.failures.values()
        if not others:
            raise first
        said = "; ".join(f"{name}: {error.message}" for name, error in self.failures.items())
        raise StageFailed(f"{len(self.failures)} tables failed: {said}", hint=first.hint)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One row a node."""
        return [
            {
                "node": node.name,
                "kind": node.kind,
                "state": node.state,
                "seconds": round(node.seconds, 3),
                "rows": self.views.get(node.name) if node.kind == "model" else node.failures,
                "message": node.message,
            }
            for node in self.nodes
        ]

    @property
    def summary(self) -> str:
        """One line for a person."""
        if self.stopped:
            return f"stopped after {len(self.nodes)} nodes: what they did stays, nothing is noted"
        built = [
            f"{name} has {count:,} {'row' if count == 1 else 'rows'}"
            for name, count in self.views.items()
        ]
        tests = sum(node.kind == "test" for node in self.nodes)
        warned = [node.name for node in self.nodes if node.state == "warn"]
        parts = [*built, f"{tests} tests passed"] if self.nodes else []
        if warned:
            parts.append(f"with warnings: {', '.join(warned)}")
        if self.unchanged and not self.nodes:
            parts.append(f"nothing to do: {', '.join(self.unchanged)} as tested before")
        return ", ".join(parts) or "nothing to do"


def transform(
    dbt: "Dbt",
    database: "Database",
    *,
    tables: "Sequence[Table]",
    force: bool = False,
    on_progress: OnProgress = no_progress,
    stop: Stop = never_stop,
) -> TransformResult:
    """Builds and tests the tables' staging models.

    `force` does so also where nothing changed. Raises StageFailed when a model or a test fails,
    naming each, and what Database raises when Postgres does not answer.
    """
    result = transform_each(
        dbt, database, tables=tables, force=force, on_progress=on_progress, stop=stop
    )
    result.raise_failures()
    return result


def transform_each(
    dbt: "Dbt",
    database: "Database",
    *,
    tables: "Sequence[Table]",
    force: bool = False,
    on_progress: OnProgress = no_progress,
    stop: Stop = never_stop,
) -> TransformResult:
    """The same in one run of dbt where no table stops another: one whose model or test failed is
    in the result's `failures`. Raises StageFailed when dbt itself fails."""
    plan = _plan(dbt, database, tables, force=force)
    unchanged, failures = plan.unchanged, plan.failures
    if not plan.todo:
        return TransformResult(nodes=(), views={}, unchanged=unchanged, failures=failures)
    on_progress(Progress(stage="transform", done=0, unit="nodes", note="dbt starts"))
    models = [table.staging for table in plan.todo]
    nodes = _build(dbt, database, models, on_node=_counted(on_progress), stop=stop)
    if stop():
        return TransformResult(
            nodes=nodes, views={}, unchanged=unchanged, stopped=True, failures=failures
        )
    views = {}
    for table in plan.todo:  # as it was before the tests: what came meanwhile is tested next time
        if failed := _failed(nodes, table):
            failures[table.name] = _kept(dbt, database, failed) or _failure(failed)
            continue
        view = _view(dbt, database, table)
        plan.memory.set(table.staging, plan.before[table.staging] | view)
        views[table.staging] = _count(dbt, database, table)
    if failures:
        database.value("select 1")  # Unreachable: a database that is gone is no model's fault
    return TransformResult(nodes=nodes, views=views, unchanged=unchanged, failures=failures)


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """Which tables have something to do; `before` are their fingerprints by model."""

    memory: "_Memory"
    todo: "list[Table]"
    before: dict[str, dict[str, Any]]
    unchanged: tuple[str, ...]
    failures: "dict[str, BictlError]"


def _plan(dbt: "Dbt", database: "Database", tables: "Sequence[Table]", *, force: bool) -> _Plan:
    memory, models = _Memory(dbt.directory / "tested.json"), dbt.models()
    before: dict[str, dict[str, Any]] = {}
    failures: dict[str, BictlError] = {}
    for table in tables:
        try:
            _check_model(dbt, models, table)
            before[table.staging] = fingerprint(dbt, database, table)
        except Unreachable:
            raise
        except BictlError as error:
            failures[table.name] = error
    known = [table for table in tables if table.name not in failures]
    todo = [table for table in known if force or memory.get(table.staging) != before[table.staging]]
    return _Plan(
        memory=memory,
        todo=todo,
        before=before,
        unchanged=tuple(table.staging for table in known if table not in todo),
        failures=failures,
    )


def _build(
    dbt: "Dbt", database: "Database", models: list[str], *, on_node: "OnNode", stop: Stop
) -> "tuple[Node, ...]":
    try:
        end_queries = partial(_end_queries, database, dbt.application)
        return tuple(dbt.build(models, on_node=on_node, end_queries=end_queries, stop=stop))
    except StageFailed:
        database.value("select 1")  # Unreachable: a database that is gone is nobody else's fault
        raise


def _end_queries(database: "Database", application: str) -> None:
    """Best effort: a Postgres that is gone runs no query, and says so to whoever asks next."""
    with suppress(Unreachable):
        database.rows(assets.sql("staging/end_dbt"), [application])


def _check_model(dbt: "Dbt", models: list[str], table: "Table") -> None:
    if table.staging not in models:
        raise NotFound("dbt model", table.staging, existing=models, where=f"in {dbt.project_dir}")


def _failed(nodes: "Sequence[Node]", table: "Table") -> "list[Node]":
    """The table's nodes that did not pass; those of which nobody knows whose they are count."""
    return [
        node
        for node in nodes
        if node.state in {"fail", "skipped"} and (not node.models or table.staging in node.models)
    ]


def _counted(on_progress: OnProgress) -> "OnNode":
    ended = 0

    def on_node(node: "Node") -> None:
        nonlocal ended
        ended += node.state != "started"
        on_progress(
            Progress(stage="transform", done=ended, total=node.total, unit="nodes", note=node.name)
        )

    return on_node


def _failure(failed: "list[Node]") -> StageFailed:
    first = next((node for node in failed if node.state == "fail"), failed[0])
    others = [node.name for node in failed if node is not first]
    also = f"; also failed or skipped: {', '.join(others)}" if others else ""
    where = f"its SQL is in {first.file}" if first.file else "bictl transform -v"
    return StageFailed(f"dbt {first.kind} {first.name}: {first.message}{also}", hint=where)


def _kept(dbt: "Dbt", database: "Database", failed: "list[Node]") -> StageFailed | None:
    """The failure where a view of another shape stands, and somebody's views read it."""
    for node in failed:
        if node.kind == "model" and _REFUSED.search(node.message):
            values = {"view": f"{dbt.view_schema}.{node.name}"}
            readers = [
                str(name) for (name,) in database.rows(assets.sql("staging/view_readers"), values)
            ]
            if readers:
                return StageFailed(
                    f"{values['view']} has other columns now, and others read it:"
                    f" {', '.join(readers)} ({node.message})",
                    hint="nothing was dropped: keep their definitions (select pg_get_viewdef(…)),"
                    " drop them, then bictl transform, and create them again",
                )
    return None


def fingerprint(dbt: "Dbt", database: "Database", table: "Table") -> dict[str, Any]:
    """What the tests' outcome depends on; equal fingerprints need no second run."""
    state = database.dicts(
        database.named("staging/state", table=table.bronze),
        {"view": f"{dbt.view_schema}.{table.staging}", "topic": table.topic},
    )[0]
    return {"project": dbt.fingerprint, **{key: str(value) for key, value in state.items()}}


def _view(dbt: "Dbt", database: "Database", table: "Table") -> dict[str, Any]:
    """The view's definition as dbt left it; somebody else's change of it is noticed."""
    state = fingerprint(dbt, database, table)
    return {"view": state["view"]}


def _count(dbt: "Dbt", database: "Database", table: "Table") -> int:
    return int(
        database.value(database.named("staging/count", view=f"{dbt.view_schema}.{table.staging}"))
    )


class _Memory:
    """Which fingerprints passed, in a file beside dbt's target; losing it costs one run of dbt."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, model: str) -> dict[str, Any] | None:
        found = self._read().get(model)
        return found if isinstance(found, dict) else None

    def set(self, model: str, fingerprint: dict[str, Any]) -> None:
        written = self._path.with_suffix(".new")
        written.write_text(json.dumps(self._read() | {model: fingerprint}), encoding="utf-8")
        written.replace(self._path)

    def _read(self) -> dict[str, Any]:
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}
