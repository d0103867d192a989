"""bictl ingest: Kafka → objects."""

from typing import Annotated

import typer

from bictl.cli.app import single
from bictl.cli.options import LockWait, Table, Topic
from bictl.cli.session import session
from bictl.cli.view import Column, View

COLUMNS = (
    Column("table"),
    Column("partition", kind="count"),
    Column("first", "from", kind="count"),
    Column("next", "frontier", kind="count"),
    Column("end", kind="count"),
    Column("records", kind="count"),
    Column("batches", kind="count"),
    Column("bytes", kind="bytes"),
    Column("generation", wide=True),
)


def ingest(
    context: typer.Context,
    table: Table = None,
    topic: Topic = None,
    max_records: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Stop after N records.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be read; write nothing.")
    ] = False,
    fill: Annotated[
        bool, typer.Option("--fill", help="Also read holes between batches again.")
    ] = False,
    lock_wait: LockWait = 0.0,
) -> None:
    """Seal what the topic holds now into objects, and exit.

    The end of every partition is fixed at the start. A batch covers one partition's contiguous
    range and is sealed by one conditional PUT; the frontier is read from the objects themselves,
    so ingest needs no Postgres and can be killed at any instant.

    Examples:

      bictl ingest --topic cord.ConcordDb.dbo.Product
      bictl ingest --table product --max-records 115
      bictl -q ingest --lock-wait 60          # in cron
    """
    from bictl import pipeline

    with session(context) as here:
        for item in here.tables(table, topic):
            with here.screen.progress() as on_progress:
                result = pipeline.ingest(
                    here.work(on_progress, lock_wait=lock_wait),
                    item,
                    max_records=max_records,
                    dry_run=dry_run,
                    fill=fill,
                )
            for warning in result.warnings:
                here.screen.warn(f"ingest {item.name}: {warning}")
            here.screen.done(
                View(schema="bictl.ingest/1", columns=COLUMNS, rows=result.rows),
                f"ingest {item.name}: {result.summary}",
            )


app = single(ingest)
