"""The stages in order, for every table: what `bictl run` does."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from bictl.errors import BictlError, LockHeld, LossError, exit_code_of
from bictl.pipeline.stages import embed, ingest, load_bronze, transform_each
from bictl.pipeline.work import Work, worst_code

if TYPE_CHECKING:
    from bictl.settings import Table


@dataclass(frozen=True, kw_only=True)
class Step:
    """What became of one stage for one table; `state` is ok, warn, fail or skipped."""

    table: str
    stage: str
    state: str
    seconds: float
    summary: str
    exit_code: int = 0
    hint: str | None = None
    result: Any = None


def run(work: Work, tables: "list[Table]") -> Iterator[Step]:
    """Every stage for every table, in flow order; a table that fails does not stop the others.

    Yields a step as soon as it is done. A loss stops its table before its later stages run, as
    does any other failure; what was already loaded stays as it is.
    """
    going = list(tables)
    per_table: dict[str, Callable[[Work, Table], Any]] = {
        "ingest": ingest,
        "load-bronze": load_bronze,
    }
    for stage, one in per_table.items():
        for table in list(going):
            step = _step(stage, table.name, partial(one, work, table))
            yield step
            if step.state == "fail":
                going.remove(table)
            if work.stop():
                return
    passed: list[Table] = []
    for table, step in _transformed(work, going):
        yield step
        if step.state != "fail":
            passed.append(table)
    if work.stop():
        return
    for table in passed:
        if table.embed:
            yield _step("embed", table.name, partial(embed, work, table))
        if work.stop():
            return


def _transformed(work: Work, tables: "list[Table]") -> "Iterator[tuple[Table, Step]]":
    """One run of dbt, and a step for each table. Where another run holds one table's lock, the
    tables are done one by one, so that the others need not wait for it."""
    if not tables:
        return
    started = time.monotonic()
    try:
        result = transform_each(work, tables)
    except LockHeld as held:
        if len(tables) > 1:
            for table in tables:
                yield from _transformed(work, [table])
            return
        failures: dict[str, BictlError] = {tables[0].name: held}
    except BictlError as error:
        failures = {table.name: error for table in tables}
    else:
        failures = result.failures
    seconds = time.monotonic() - started
    for table in tables:
        failure = failures.get(table.name)
        if failure is not None:
            yield table, _failed("transform", table.name, seconds, failure)
        else:
            yield table, _done("transform", table.name, seconds, result.of(table))


def worst(steps: "list[Step]") -> int:
    """The exit code of a run: loss before failure before an unreachable service before rejects."""
    return worst_code([step.exit_code for step in steps])


def _step(stage: str, table: str, do: Callable[[], Any]) -> Step:
    started = time.monotonic()
    try:
        result = do()
    except BictlError as error:
        return _failed(stage, table, time.monotonic() - started, error)
    return _done(stage, table, time.monotonic() - started, result)


def _done(stage: str, table: str, seconds: float, result: Any) -> Step:
    return Step(
        table=table,
        stage=stage,
        state="warn" if result.exit_code else "ok",
        seconds=seconds,
        summary=result.summary,
        exit_code=result.exit_code,
        result=result,
    )


def _failed(stage: str, table: str, seconds: float, error: BictlError) -> Step:
    return Step(
        table=table,
        stage=stage,
        state="fail",
        seconds=seconds,
        summary=error.message,
        exit_code=exit_code_of(error),
        hint=error.hint,
        result=error if isinstance(error, LossError) else None,
    )
