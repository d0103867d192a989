"""The stages in order, each under its lock and in the ledger of runs: what `bictl run` does.

A stage's own command goes through the same function, so a stage has one way of being run.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from bictl.errors import (
    BatchConflict,
    BictlError,
    LockHeld,
    LossError,
    TimedOut,
    exit_code_of,
)
from bictl.records import OnProgress, OnWait, Stop, never_stop, no_progress, wait_silently

if TYPE_CHECKING:
    from bictl.bronze import LoadResult, Migration, PruneResult, Retried, Wish
    from bictl.bronze.quarantine import Chosen
    from bictl.clients import Clients
    from bictl.embeddings import EmbedResult
    from bictl.ingest import IngestResult
    from bictl.ops.runlog import RunLog
    from bictl.ops.runs import Ended, Outcome
    from bictl.settings import Settings, Table
    from bictl.staging import TransformResult
    from bictl.takeover import Choice, Pending, TakeoverResult
    from bictl.verify import Report

VERDICT_PATIENCE = 10.0  # seconds: the next quick look stands on what the ledger keeps of this one
STAGES = ("ingest", "load-bronze", "transform", "embed")


@dataclass(frozen=True, kw_only=True)
class Work:
    """What every stage works with; `lock_wait` is how many seconds to wait for another run.

    `words` is the command as it was typed, for the ledger of runs; `log` is the run's own log.
    `unwritten` are the stages of this run that ended before there was a ledger.
    """

    clients: "Clients"
    settings: "Settings"
    run: str
    lock_wait: float = 0.0
    on_progress: OnProgress = no_progress
    on_wait: OnWait = wait_silently
    stop: Stop = never_stop
    words: "Sequence[str]" = ()
    log: "RunLog | None" = None
    unwritten: "list[Ended]" = field(default_factory=list)

    def begin(self) -> None:
        """From here on the run leaves a log: it is one that stands in the ledger."""
        if self.log is not None:
            self.log.open(self.settings.state_dir)

    def arguments(self, *tables: "Table", **more: Any) -> dict[str, Any]:
        """What the ledger keeps of a stage's arguments."""
        return {"tables": [table.name for table in tables], "words": list(self.words), **more}


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


def ingest(
    work: Work,
    table: "Table",
    *,
    max_records: int | None = None,
    dry_run: bool = False,
    fill: bool = False,
) -> "IngestResult":
    """Kafka → objects. Needs no Postgres; one run a topic and host at a time."""
    from bictl.ingest import ingest as stage

    if not dry_run:
        work.begin()
    with (
        _topic_lock(work, table, command="ingest"),
        _recorded_aside(work, "ingest", table, dry_run=dry_run) as outcome,
    ):
        result = stage(
            work.clients.reader,
            work.clients.objects,
            table=table,
            limits=work.settings.ingest,
            run=work.run,
            group=work.settings.kafka.group,
            max_records=max_records,
            dry_run=dry_run,
            fill=fill,
            on_progress=work.on_progress,
            stop=work.stop,
        )
        parts = ("partition", "first", "next", "end", "records")
        _note(
            work,
            outcome,
            result,
            generation=result.generation,
            records=result.records,
            batches=result.batches,
            partitions=[{name: row[name] for name in parts} for row in result.rows],
        )
    return result


def load_bronze(
    work: Work, table: "Table", *, replay: bool = False, only: str | None = None
) -> "LoadResult":
    """Objects → bronze; applies the migrations first."""
    from bictl.bronze import load as stage

    work.begin()
    work.clients.objects.check()
    taken = bring_forward(work, [table]).taken.get(table.name)
    with _recorded(work, "load-bronze", table) as outcome:
        result = stage(
            work.clients.objects,
            work.clients.database,
            table=table,
            run=work.run,
            replay=replay,
            only=only,
            on_progress=work.on_progress,
            stop=work.stop,
        )
        if taken is not None:
            result = result.after_takeover(taken.summary, taken.warnings, taken.bad_lines)
            if taken.differing:
                raise BatchConflict(
                    f"{taken.warnings[-1]} ({result.summary})",
                    hint="select * from bictl.offset_conflict: compare them; bictl verify stays red"
                    " until the rows there are resolved",
                )
        _note(work, outcome, result, **result.rows[0])
    return result


@dataclass(frozen=True, kw_only=True)
class Forward:
    """The database brought to this program's version, and by table what was taken over with it;
    `notes` are for a person."""

    migration: "Migration"
    taken: "Mapping[str, TakeoverResult]"
    notes: tuple[str, ...] = ()


def bring_forward(
    work: Work,
    tables: "Sequence[Table]",
    *,
    choice: "Choice | None" = None,
    needs_objects: bool = True,
) -> Forward:
    """Applies the migrations; takes over what other scripts left of `tables`.

    The generation of old records is settled before anything is changed. `choice` is a person's;
    unless `needs_objects`, a bucket that does not answer only leaves its old objects for later.
    """
    from bictl.bronze import OldGeneration
    from bictl.bronze import migrate as apply
    from bictl.takeover import check_choice, settle, take_over

    if choice is not None:
        for table in tables:
            check_choice(work.clients.objects, table=table, choice=choice)
    waiting, notes = _waiting(work, tables, needs_objects=needs_objects)
    clients, decided = work.clients, {}
    for table in tables:
        if waiting[table.name]:
            decided[table.name] = settle(
                clients.reader,
                clients.objects,
                clients.database,
                table=table,
                pending=waiting[table.name],
                choice=choice,
            )
    legacy = {name: OldGeneration(one.generation, one.number) for name, one in decided.items()}
    migration = apply(clients.database, tables, legacy=legacy)
    taken = {}
    for table in tables:
        if table.name in decided:
            with _topic_lock(work, table, command="takeover"):
                taken[table.name] = take_over(
                    clients.reader,
                    clients.objects,
                    clients.database,
                    table=table,
                    decision=decided[table.name],
                    pending=waiting[table.name],
                    limits=work.settings.ingest,
                    run=work.run,
                    on_progress=work.on_progress,
                    stop=work.stop,
                )
    return Forward(migration=migration, taken=taken, notes=tuple(notes))


def migrate(work: Work, *, choice: "Choice | None" = None) -> Forward:
    """The same for every table, as a run of its own, also where it makes the ledger of runs."""
    from bictl.ops.runs import recorded

    work.begin()
    tables = list(work.settings.tables.values())
    with recorded(
        work.clients.database,
        work.run,
        command="migrate",
        arguments=work.arguments(*tables),
        makes_it=True,
    ) as outcome:
        done = bring_forward(work, tables, choice=choice, needs_objects=False)
        taken = [one.summary for one in done.taken.values()]
        outcome.result = {"summary": "; ".join([done.migration.summary, *taken])}
        outcome.exit_code = worst_code([one.exit_code for one in done.taken.values()])
        outcome.status = "warn" if outcome.exit_code else "ok"
    return done


def plan_forward(work: Work, *, choice: "Choice | None" = None) -> list[str]:
    """What `bring_forward` would do for every table, in words; writes nothing."""
    from bictl.bronze import pending
    from bictl.takeover import check_choice, settle

    every = list(work.settings.tables.values())
    if choice is not None:
        for table in every:
            check_choice(work.clients.objects, table=table, choice=choice)
    words = pending(work.clients.database, every)
    waiting, notes = _waiting(work, every, needs_objects=False)
    for table in every:
        if found := waiting[table.name]:
            decision = settle(
                work.clients.reader,
                work.clients.objects,
                work.clients.database,
                table=table,
                pending=found,
                choice=choice,
                dry_run=True,
            )
            words.append(
                f"seal the records of {found.words} of {table.name} as generation"
                f" {decision.generation}: {decision.why}"
            )
    return [*words, *notes]


def _waiting(
    work: Work, tables: "Sequence[Table]", *, needs_objects: bool
) -> "tuple[dict[str, Pending], list[str]]":
    """What is old of each table; the objects of one whose bucket does not answer are noted."""
    from bictl.takeover import look_at_objects, look_at_rows

    found, notes = {}, list[str]()
    for table in tables:
        found[table.name] = rows = look_at_rows(work.clients.database, table=table)
        try:
            objects = look_at_objects(work.clients.objects, table=table)
        except BictlError as error:
            if needs_objects or rows:
                raise
            notes.append(f"nobody looked for old objects of {table.name}: {error.message}")
        else:
            found[table.name] = replace(rows, objects=objects)
    return found, notes


def retry_quarantine(work: Work, table: "Table", *, chosen: "Chosen") -> "Retried":
    """Quarantine → bronze: what is chosen of it, loaded again."""
    from bictl.bronze import check_version
    from bictl.bronze import retry as stage

    work.begin()
    check_version(work.clients.database)
    with _recorded(work, "quarantine-retry", table) as outcome:
        result = stage(
            work.clients.database,
            table=table,
            chosen=chosen,
            on_progress=work.on_progress,
            stop=work.stop,
        )
        _note(work, outcome, result, **result.rows[0])
    return result


def transform(work: Work, tables: "list[Table]", *, force: bool = False) -> "TransformResult":
    """Bronze → staging, for all of the tables in one run of dbt."""
    result = _transform_each(work, tables, force=force)
    result.raise_failures()
    return result


def _transform_each(work: Work, tables: "list[Table]", *, force: bool = False) -> "TransformResult":
    """The same, with each table's own failure in the result."""
    from bictl.bronze import check_version
    from bictl.clients.dbt import Dbt
    from bictl.staging import transform_each as stage

    work.begin()
    check_version(work.clients.database)
    dbt = Dbt(work.settings.dbt, work.settings.postgres, state_dir=work.settings.state_dir)
    with _recorded(work, "transform", *tables) as outcome:
        result = stage(
            dbt,
            work.clients.database,
            tables=tables,
            force=force,
            on_progress=work.on_progress,
            stop=work.stop,
        )
        ended = {item.name: "fail" if item.name in result.failures else "ok" for item in tables}
        _note(work, outcome, result, views=result.views, tables=ended)
        if result.failures:
            outcome.status = "fail"
            outcome.exit_code = worst_code([exit_code_of(e) for e in result.failures.values()])
            outcome.error = "; ".join(f"{name}: {e}" for name, e in result.failures.items())
    return result


def embed(
    work: Work, table: "Table", *, limit: int | None = None, rebuild: bool = False
) -> "EmbedResult":
    """Staging → vectors, and their index."""
    from bictl.bronze import check_version
    from bictl.embeddings import embed as stage

    work.begin()
    check_version(work.clients.database)
    with _recorded(work, "embed", table) as outcome:
        result = stage(
            work.clients.database,
            work.clients.encoder,
            table=table,
            staging_schema=work.settings.dbt.view_schema,
            limit=limit,
            rebuild=rebuild,
            on_progress=work.on_progress,
            stop=work.stop,
        )
        counts = ("rows", "empty", "embedded", "removed", "remaining")
        _note(work, outcome, result, **{name: getattr(result, name) for name in counts})
    return result


def verify(
    work: Work,
    table: "Table",
    *,
    level: str = "default",
    select: "Sequence[str]" = (),
    exclude: "Sequence[str]" = (),
) -> "Report":
    """The verdict on one table; needs no lock, and stands in the ledger of runs, where a later
    quick look finds it."""
    from bictl.ops.runs import recorded_aside
    from bictl.verify import verify as judge
    from bictl.verify.present import as_memory

    work.begin()
    arguments = work.arguments(table, level=level, select=list(select), exclude=list(exclude))
    with recorded_aside(
        partial(work.clients.new_database, application=f"bictl verify {table.name}"),
        work.run,
        command="verify",
        arguments=arguments,
        patience=VERDICT_PATIENCE,
    ) as outcome:
        report = judge(
            work.clients.reader,
            work.clients.objects,
            work.clients.database,
            table=table,
            staging_schema=work.settings.dbt.view_schema,
            model=work.settings.embedding.model,
            max_lag=work.settings.verify.max_lag,
            level=level,
            run=work.run,
            select=select,
            exclude=exclude,
            on_progress=work.on_progress,
            stop=work.stop,
        )
        outcome.status, outcome.exit_code = report.state.value, report.exit_code
        outcome.result = {**as_memory(report), "summary": report.headline}
    return report


def verify_each(
    work: Work,
    tables: "Sequence[Table]",
    *,
    level: str = "default",
    select: "Sequence[str]" = (),
    exclude: "Sequence[str]" = (),
) -> "list[Report]":
    """The verdict on each table; one that cannot be come to stops no other, and is in its report.

    Raises NotFound for an unknown check.
    """
    from bictl.verify.checks import chosen
    from bictl.verify.run import not_judged

    for table in tables:
        chosen(table, level, select=select, exclude=exclude)
    reports = []
    for table in tables:
        try:
            report = verify(work, table, level=level, select=select, exclude=exclude)
        except BictlError as error:
            report = not_judged(table, error, level=level, run=work.run)
        reports.append(report)
    return reports


def prune(work: Work, table: "Table", *, wish: "Wish", dry_run: bool = False) -> "PruneResult":
    """Bronze without what newer records have replaced, below the last full verdict alone. A dry
    run takes no lock and stands in no ledger: nothing was pruned."""
    from bictl.bronze import Verified, check_version
    from bictl.bronze import prune as stage
    from bictl.errors import UsageError
    from bictl.ops.runs import Outcome
    from bictl.verify.read_bronze import read_verdict

    check_version(work.clients.database)
    with nullcontext(Outcome()) if dry_run else _recorded(work, "prune", table) as outcome:
        verdict = read_verdict(work.clients.database, table)
        if verdict is None:
            raise UsageError(
                f"no full verdict on {table.name} was ever complete: nothing may be pruned",
                hint=f"bictl verify --table {table.name}",
            )
        result = stage(
            work.clients.database,
            table=table,
            wish=wish,
            verified=Verified(run=verdict.run, at=verdict.at, frontiers=verdict.frontiers),
            run=work.run,
            dry_run=dry_run,
            on_progress=work.on_progress,
            stop=work.stop,
        )
        _note(work, outcome, result, rows=result.rows)
    return result


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
        result = _transform_each(work, tables)
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


def worst_code(codes: "Sequence[int]") -> int:
    """The exit code that stands for several."""
    return next((code for code in (6, 1, 2, 4, 5, 3) if code in codes), 0)


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


def _topic_lock(work: Work, table: "Table", *, command: str) -> AbstractContextManager[None]:
    """One run a topic and host that seals batches."""
    from bictl.ops.locks import topic_lock

    return topic_lock(
        work.settings.state_dir,
        table.topic,
        wait=work.lock_wait,
        command=f"{command} {table.name}",
        stop=work.stop,
        on_wait=work.on_wait,
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


@contextmanager
def _recorded(work: Work, stage: str, *tables: "Table") -> "Iterator[Outcome]":
    """The stage's locks, one a table, and its row in the ledger of runs."""
    from bictl.ops.locks import stage_lock
    from bictl.ops.runs import recorded, write_ended

    work.begin()
    names = [table.name for table in tables]
    command = f"{stage} {' '.join(names)}"
    with ExitStack() as stack:
        for name in sorted(names):
            lock = work.clients.new_database(application=f"bictl {command}")
            stack.callback(lock.close)
            stack.enter_context(
                stage_lock(
                    lock,
                    stage,
                    name,
                    wait=work.lock_wait,
                    command=command,
                    stop=work.stop,
                    on_wait=work.on_wait,
                )
            )
        write_ended(work.clients.database, work.unwritten)
        yield stack.enter_context(
            recorded(
                work.clients.database,
                work.run,
                command=stage,
                arguments=work.arguments(*tables),
            )
        )


@contextmanager
def _recorded_aside(
    work: Work, stage: str, table: "Table", *, dry_run: bool
) -> "Iterator[Outcome]":
    """The row of a stage that needs no Postgres; a dry run has none."""
    from bictl.ops.runs import Outcome, recorded_aside

    if dry_run:
        yield Outcome()
        return
    with recorded_aside(
        partial(work.clients.new_database, application=f"bictl {stage} {table.name}"),
        work.run,
        command=stage,
        arguments=work.arguments(table),
        unwritten=work.unwritten,
    ) as outcome:
        yield outcome


def _note(work: Work, outcome: "Outcome", result: Any, **facts: Any) -> None:
    """How a stage ended, and what of its result the ledger keeps."""
    outcome.exit_code = result.exit_code
    outcome.status = "warn" if result.exit_code else "ok"
    outcome.result = {"summary": result.summary, **facts}
    if work.stop():  # by a signal, or at its deadline
        signal = getattr(work.stop, "signal_number", None)
        outcome.status, outcome.exit_code = "warn", 128 + signal if signal else TimedOut.exit_code
        outcome.result = {**outcome.result, "stopped": True}
