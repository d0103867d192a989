"""bictl load-bronze: objects → bronze."""

from typing import Annotated

import typer

from bictl.cli.app import single
from bictl.cli.options import LockWait, Table, Topic
from bictl.cli.session import session
from bictl.cli.view import Column, View

COLUMNS = (
    Column("table"),
    Column("objects", kind="count"),
    Column("loaded", kind="count"),
    Column("quarantined", kind="count"),
    Column("duplicates", "there already", kind="count"),
    Column("tombstones", kind="count"),
    Column("bytes", kind="bytes"),
    Column("known", "objects known", kind="count", wide=True),
    Column("left", "objects left", kind="count", wide=True),
)


def load_bronze(
    context: typer.Context,
    table: Table = None,
    topic: Topic = None,
    object_keys: Annotated[
        list[str] | None,
        typer.Option("--object", metavar="KEY", help="Load this object only; may be repeated."),
    ] = None,
    replay: Annotated[
        bool, typer.Option("--replay", help="Load everything anew, from the objects alone.")
    ] = False,
    lock_wait: LockWait = 0.0,
) -> None:
    """Load into bronze what is in the bucket and not in the ledger, and exit.

    One transaction an object: rows, quarantine and the ledger's row together, so a run can be
    killed at any instant and run again. Records that Postgres refuses go to quarantine whole, and
    the exit code is 3. The tables are created and upgraded first.

    Examples:

      bictl load-bronze
      bictl load-bronze --table product -o json
      bictl load-bronze --replay --table product
      bictl load-bronze --table product --object KEY --replay   # this one anew
      bictl -q load-bronze --lock-wait 60          # in cron
    """
    from bictl import pipeline

    code = 0
    with session(context) as here:
        chosen = here.tables(table, topic) if not object_keys else [here.one_table(table)]
        for item in chosen:
            with here.screen.progress() as on_progress:
                work = here.work(on_progress, lock_wait=lock_wait)
                result = pipeline.load_bronze(work, item, replay=replay, only=object_keys or ())
            for warning in result.warnings:
                here.screen.warn(warning)
            here.screen.done(
                View(schema="bictl.load-bronze/1", columns=COLUMNS, rows=result.rows),
                f"load-bronze {item.name}: {result.summary}",
            )
            code = max(code, result.exit_code)
    raise typer.Exit(code)


app = single(load_bronze)
