"""bictl migrate: bictl's own tables, and what other scripts left."""

from enum import StrEnum
from typing import Annotated

import typer

from bictl.cli.app import single
from bictl.cli.options import LockWait
from bictl.cli.session import session
from bictl.cli.view import Column, View

COLUMNS = (
    Column("version", kind="count"),
    Column("applied"),
    Column("tables", "created"),
    Column("converted", "took over"),
    Column("sealed", "old records sealed", kind="count"),
)


class Which(StrEnum):
    """What a person may say about old records."""

    CURRENT = "current"
    LEGACY = "legacy"


def migrate(
    context: typer.Context,
    legacy_generation: Annotated[
        Which | None,
        typer.Option(
            help="Decide by hand which life of the topic old records belong to: the current one,"
            " or one that is gone."
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done; change nothing.")
    ] = False,
    lock_wait: LockWait = 0.0,
) -> None:
    """Create or upgrade bictl's tables in Postgres, and take over what other scripts left.

    Numbered files are applied forward, each in one transaction under a lock: running it twice, at
    once or after a kill does the rest. A database that is newer than this program is left alone.

    A bronze table that other scripts made gains what is missing and loses nothing; the records of
    it and of old objects (batch=YYYYMMDDTHHMMSSZ.jsonl) come into sealed batches. Whether they are
    of the topic as it is now is settled once: Kafka is asked for some of them. Old objects stay.

    Examples:

      bictl migrate
      bictl migrate --dry-run
      bictl migrate --legacy-generation legacy    # the topic was recreated, Kafka need not be asked
    """
    from bictl import pipeline
    from bictl.takeover import Choice

    with session(context) as here:
        choice: Choice | None = None if legacy_generation is None else legacy_generation.value
        if dry_run:
            with here.screen.progress() as on_progress:
                words = pipeline.plan_forward(here.work(on_progress), choice=choice)
            here.screen.done(
                View(
                    schema="bictl.migrate-plan/1",
                    columns=(Column("step"),),
                    rows=[{"step": word} for word in words],
                ),
                f"migrate: {'would ' + '; '.join(words) if words else 'nothing to do'}",
            )
            return
        with here.screen.progress() as on_progress:
            done = pipeline.migrate(here.work(on_progress, lock_wait=lock_wait), choice=choice)
        taken = list(done.taken.values())
        for warning in [*done.notes, *(words for one in taken for words in one.warnings)]:
            here.screen.warn(warning)
        migration = done.migration
        here.screen.done(
            View(
                schema="bictl.migrate/1",
                columns=COLUMNS,
                rows=[
                    {
                        "version": migration.version,
                        "applied": migration.applied,
                        "tables": migration.tables,
                        "converted": tuple(migration.converted),
                        "sealed": sum(one.records for one in taken),
                        "takeover": [one.row for one in taken],
                    }
                ],
            ),
            f"migrate: {'; '.join([migration.summary, *(one.summary for one in taken)])}",
        )
    raise typer.Exit(pipeline.worst_code([one.exit_code for one in taken]))


app = single(migrate)
