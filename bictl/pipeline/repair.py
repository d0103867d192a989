"""The safe repairs of a table's failures, in the order of the pipeline, each through its stage."""

import time
from collections.abc import Callable, Collection, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bictl.errors import BictlError, LockHeld, Unreachable, exit_code_of
from bictl.pipeline.forward import migrate
from bictl.pipeline.stages import embed, ingest, load_bronze, transform, undouble, verify
from bictl.pipeline.work import Work, at_work, note
from bictl.records import parse_batch_key
from bictl.repair import Left, Phase, Repair, Repaired, Step, plan
from bictl.verify.report import Report, State

if TYPE_CHECKING:
    from bictl.settings import Table

OnStep = Callable[[Step], None]


def repair(
    work: Work,
    table: "Table",
    *,
    select: Sequence[str] = (),
    dry_run: bool = False,
    level: str = "default",
    on_step: OnStep = lambda _: None,
) -> Repaired:
    """Takes a verdict, does what is safe about its failures, and takes another one.

    `select` are the only checks to answer, `level` is how deep the verdicts go; `on_step` is told
    each repair before and after. A repair that fails stops no other one; raises LockHeld and
    Unreachable, behind which nothing can be judged, NotFound for an unknown check, UsageError for
    one of another level.
    """
    from bictl.ops.runs import Outcome
    from bictl.verify.checks import chosen, ids_of

    chosen(table, level, select=select)
    wanted = ids_of(select) if select else frozenset()
    with (
        nullcontext(Outcome()) if dry_run else at_work(work, "repair", table, apart=True) as outcome
    ):
        run = _Run(work, table, select=wanted, dry_run=dry_run, level=level, on_step=on_step)
        result = run.all_phases()
        if not dry_run:
            note(work, outcome, result, rows=result.rows)
            if not work.stop():
                outcome.status = "fail" if result.exit_code else "ok"
    return result


class _Run:
    """One table's repairs: the phases, and what became of each step."""

    def __init__(
        self,
        work: Work,
        table: "Table",
        *,
        select: Collection[str],
        dry_run: bool,
        level: str,
        on_step: OnStep,
    ) -> None:
        self._work, self._table, self._select = work, table, select
        self._dry_run, self._level, self._on_step = dry_run, level, on_step
        self._steps: list[Step] = []
        self._held: dict[str, Left] = {}

    def all_phases(self) -> Repaired:
        """Phase by phase, each judged by a fresh verdict where something has changed."""
        report, is_fresh = self._verdict(), True
        for phase in Phase:
            if self._work.stop():
                break
            report, is_fresh = (report, True) if is_fresh else (self._verdict(), True)
            found = plan(
                phase,
                report,
                table=self._table,
                names=self._names,
                select=self._select,
                follows=any(step.state in ("done", "planned") for step in self._steps),
                settled=self._planned,
            )
            self._held |= {one.check: one for one in found.held}
            for one in found.repairs:
                if self._work.stop():
                    break
                self._steps.append(self._do(one))
                is_fresh = self._dry_run
        if not is_fresh and not self._work.stop():
            report = self._verdict()
        return Repaired(
            table=self._table.name,
            steps=tuple(self._steps),
            left=self._left(report),
            after=report,
            dry_run=self._dry_run,
        )

    def _verdict(self) -> Report:
        return verify(self._work, self._table, level=self._level)

    def _names(self) -> "list[tuple[str, Any]]":
        prefix = self._table.prefix
        found = (
            (info.key, parse_batch_key(prefix, info.key))
            for info in self._work.clients.objects.list(prefix)
        )
        return [(key, name) for key, name in found if name is not None]

    def _do(self, one: Repair) -> Step:
        if self._dry_run:
            step = Step(repair=one, state="planned")
            self._on_step(step)
            return step
        self._on_step(Step(repair=one, state="begun"))
        started = time.monotonic()
        try:
            result = _STAGES[one.name](self._work, self._table, one)
            step = Step(repair=one, state="done", summary=result.summary)
        except (LockHeld, Unreachable):
            raise
        except BictlError as error:
            step = Step(
                repair=one,
                state="failed",
                summary=error.message,
                hint=error.hint or "",
                exit_code=exit_code_of(error),
            )
        step = replace(step, seconds=time.monotonic() - started)
        self._on_step(step)
        return step

    @property
    def _planned(self) -> set[str]:
        """The checks that a dry run would have answered so far."""
        return {name for s in self._steps if s.state == "planned" for name in s.repair.checks}

    def _left(self, report: Report) -> tuple[Left, ...]:
        """What is not well, except what a dry run would repair."""
        planned = self._planned
        return tuple(
            self._held.get(check.id)
            or Left(
                check=check.id,
                state=check.state.value,
                message=check.message,
                hint=check.hint,
            )
            for check in report.checks
            if check.state is not State.OK
            and (check.id not in planned or check.id in self._held)
            and (not self._select or check.id in self._select)
        )


def _migrate(work: Work, table: "Table", one: Repair) -> Any:
    return migrate(work).migration


def _ingest(work: Work, table: "Table", one: Repair) -> Any:
    return ingest(work, table, fill="fill" in one.options)


def _undouble(work: Work, table: "Table", one: Repair) -> Any:
    return undouble(work, table, keys=one.keys)


def _reload(work: Work, table: "Table", one: Repair) -> Any:
    return load_bronze(work, table, replay=True, only=one.keys)


def _load(work: Work, table: "Table", one: Repair) -> Any:
    return load_bronze(work, table)


def _transform(work: Work, table: "Table", one: Repair) -> Any:
    return transform(work, [table], force=True)


def _embed(work: Work, table: "Table", one: Repair) -> Any:
    return embed(work, table, rebuild="rebuild" in one.options, reindex="reindex" in one.options)


_STAGES: dict[str, Callable[[Work, "Table", Repair], Any]] = {
    "migrate": _migrate,
    "ingest": _ingest,
    "undouble": _undouble,
    "reload": _reload,
    "load-bronze": _load,
    "transform": _transform,
    "embed": _embed,
}
