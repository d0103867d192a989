"""Each stage for one table, under its lock and in the ledger of runs: what its own command does."""

from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING

from bictl.errors import BatchConflict, BictlError, exit_code_of
from bictl.pipeline.forward import bring_forward
from bictl.pipeline.surroundings import around
from bictl.pipeline.work import Work, at_work, at_work_aside, note, topic_lock, worst_code

if TYPE_CHECKING:
    from bictl.bronze import LoadResult, PruneResult, Retried, Wish
    from bictl.bronze.quarantine import Chosen
    from bictl.clients.dbt_report import Results
    from bictl.embeddings import EmbedResult
    from bictl.ingest import IngestResult
    from bictl.model_file import Model
    from bictl.settings import Table
    from bictl.staging import TransformResult
    from bictl.verify import Report
    from bictl.verify.slices import Slice

VERDICT_PATIENCE = 10.0  # seconds: the next quick look stands on what the ledger keeps of this one


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
        topic_lock(work, table, command="ingest"),
        at_work_aside(work, "ingest", table, dry_run=dry_run) as outcome,
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
        note(
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
    work: Work, table: "Table", *, replay: bool = False, only: "Sequence[str]" = ()
) -> "LoadResult":
    """Objects → bronze; applies the migrations first."""
    from bictl.bronze import load as stage

    work.begin()
    work.clients.objects.check()
    taken = bring_forward(work, [table]).taken.get(table.name)
    with at_work(work, "load-bronze", table) as outcome:
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
        note(work, outcome, result, **result.rows[0])
    return result


def undouble(work: Work, table: "Table", *, keys: "Sequence[str]") -> "LoadResult":
    """Records that stand more than once in bronze: once again, from their objects alone."""
    from bictl.bronze import check_version
    from bictl.bronze import undouble as stage

    work.begin()
    check_version(work.clients.database)
    with at_work(work, "load-bronze", table) as outcome:
        result = stage(
            work.clients.objects,
            work.clients.database,
            table=table,
            keys=keys,
            run=work.run,
            on_progress=work.on_progress,
            stop=work.stop,
        )
        note(work, outcome, result, **result.rows[0])
    return result


def retry_quarantine(work: Work, table: "Table", *, chosen: "Chosen") -> "Retried":
    """Quarantine → bronze: what is chosen of it, loaded again."""
    from bictl.bronze import check_version
    from bictl.bronze import retry as stage

    work.begin()
    check_version(work.clients.database)
    with at_work(work, "quarantine-retry", table) as outcome:
        result = stage(
            work.clients.database,
            table=table,
            chosen=chosen,
            on_progress=work.on_progress,
            stop=work.stop,
        )
        note(work, outcome, result, **result.rows[0])
    return result


def transform(work: Work, tables: "list[Table]", *, force: bool = False) -> "TransformResult":
    """Bronze → staging, for all of the tables in one run of dbt."""
    result = transform_each(work, tables, force=force)
    result.raise_failures()
    return result


def transform_each(work: Work, tables: "list[Table]", *, force: bool = False) -> "TransformResult":
    """The same, with each table's own failure in the result."""
    from bictl.bronze import check_version
    from bictl.clients.dbt import Dbt
    from bictl.staging import transform_each as stage

    work.begin()
    check_version(work.clients.database)
    dbt = Dbt(work.settings.dbt, work.settings.postgres, state_dir=work.settings.state_dir)
    with at_work(work, "transform", *tables) as outcome:
        result = stage(
            dbt,
            work.clients.database,
            tables=tables,
            force=force,
            on_progress=work.on_progress,
            stop=work.stop,
        )
        ended = {item.name: "fail" if item.name in result.failures else "ok" for item in tables}
        note(work, outcome, result, views=result.views, tables=ended)
        if result.failures:
            outcome.status = "fail"
            outcome.exit_code = worst_code([exit_code_of(e) for e in result.failures.values()])
            outcome.error = "; ".join(f"{name}: {e}" for name, e in result.failures.items())
    return result


def embed(
    work: Work,
    table: "Table",
    *,
    limit: int | None = None,
    rebuild: bool = False,
    reindex: bool = False,
) -> "EmbedResult":
    """Staging → vectors, and their index."""
    from bictl.bronze import check_version
    from bictl.embeddings import embed as stage

    work.begin()
    check_version(work.clients.database)
    with at_work(work, "embed", table) as outcome:
        result = stage(
            work.clients.database,
            work.clients.encoder,
            table=table,
            staging_schema=work.settings.dbt.view_schema,
            limit=limit,
            rebuild=rebuild,
            reindex=reindex,
            on_progress=work.on_progress,
            stop=work.stop,
        )
        counts = ("rows", "empty", "embedded", "removed", "remaining")
        note(work, outcome, result, **{name: getattr(result, name) for name in counts})
    return result


def verify(
    work: Work,
    table: "Table",
    *,
    level: str = "default",
    select: "Sequence[str]" = (),
    exclude: "Sequence[str]" = (),
    drawn: bool = False,
    slice: "Slice | None" = None,
    expected_rows: int | None = None,
) -> "Report":
    """The verdict on one table; needs no lock, and stands in the ledger of runs, where a later
    quick look finds it."""
    from bictl.ops.runs import recorded_aside
    from bictl.verify import verify as judge
    from bictl.verify.present import as_memory
    from bictl.verify.slices import WHOLE

    work.begin()
    arguments = work.arguments(table, level=level, select=list(select), exclude=list(exclude))
    arguments |= {"slice": str(slice)} if slice else {}
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
            slice=slice or WHOLE,
            on_progress=work.on_progress,
            stop=work.stop,
            drawn=drawn,
            keeps_nulls=partial(_keeps_nulls, work, table),
            worker=work.clients.connect if work.settings.connect.url else None,
            staging_model=partial(_staging_model, work, table),
            encoder=work.clients.encoder,
            dbt_results=partial(_dbt_results, work, table),
            around=around(work, table, expected_rows=expected_rows),
        )
        outcome.status, outcome.exit_code = report.state.value, report.exit_code
        outcome.hurry = work.stop()
        outcome.result = {**as_memory(report), "summary": report.headline}
    return report


def _keeps_nulls(work: Work, table: "Table") -> bool | None:
    """What the table's connector does with NULL, where a worker is configured."""
    from bictl.cdc.nulls import keeps_nulls

    if not work.settings.connect.url:
        return None
    return keeps_nulls(work.clients.connect(), topic=table.topic)


def _dbt_results(work: Work, table: "Table") -> "Results | None":
    """What dbt wrote down of its last run on this machine, about the table's model."""
    from bictl.clients.dbt import Dbt
    from bictl.clients.dbt_report import read_results

    settings = work.settings
    dbt = Dbt(settings.dbt, settings.postgres, state_dir=settings.state_dir)
    return read_results(dbt.directory / "target", table.staging)


def _staging_model(work: Work, table: "Table") -> "Model | None":
    """What the table's model says of its columns, where it says so by literals."""
    from bictl.clients.dbt import Dbt
    from bictl.model_file import read_model

    settings = work.settings
    dbt = Dbt(settings.dbt, settings.postgres, state_dir=settings.state_dir)
    file = dbt.model_file(table.staging)
    return read_model(file.read_text(encoding="utf-8")) if file else None


def verify_each(
    work: Work,
    tables: "Sequence[Table]",
    *,
    level: str = "default",
    select: "Sequence[str]" = (),
    exclude: "Sequence[str]" = (),
    drawn: bool = False,
    slice: "Slice | None" = None,
    expected_rows: int | None = None,
) -> "list[Report]":
    """The verdict on each table; one that cannot be come to stops no other, and is in its report.
    `expected_rows` is what somebody counted at the source of the only one.

    Raises NotFound for an unknown check, UsageError for one of another level.
    """
    from bictl.verify.checks import chosen
    from bictl.verify.run import not_judged

    for table in tables:
        chosen(table, level, select=select, exclude=exclude)
    reports = []
    for table in tables:
        try:
            report = verify(
                work,
                table,
                level=level,
                select=select,
                exclude=exclude,
                drawn=drawn,
                slice=slice,
                expected_rows=expected_rows,
            )
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
    with nullcontext(Outcome()) if dry_run else at_work(work, "prune", table) as outcome:
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
        note(work, outcome, result, rows=result.rows)
    return result
