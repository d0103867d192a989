"""bictl transform: bronze → staging."""

from typing import Annotated

import typer

from bictl.cli.app import single
from bictl.cli.options import LockWait, Table, Topic
from bictl.cli.session import session
from bictl.cli.view import Column, View

COLUMNS = (
    Column("node"),
    Column("kind"),
    Column("state", kind="state"),
    Column("rows", kind="count"),
    Column("seconds", "time", kind="seconds"),
    Column("message", wide=True),
)


def transform(
    context: typer.Context,
    table: Table = None,
    topic: Topic = None,
    force: Annotated[
        bool, typer.Option("--force", help="Build and test also what has not changed.")
    ] = False,
    lock_wait: LockWait = 0.0,
) -> None:
    """Build the staging views with dbt and run their tests.

    The views show bronze as it is at any moment; this makes them what the project says and tests
    what they show. Nothing is done where neither the project nor bronze has changed since the
    tests passed. A model or a test that fails is exit code 1, with the path of its SQL.

    `dbt run --select stg_product` by hand in `dbt/` works too.

    Examples:

      bictl transform
      bictl transform --table product -o json
      bictl transform --force
    """
    from bictl import pipeline

    with session(context) as here:
        tables = here.tables(table, topic)
        with here.screen.progress() as on_progress:
            result = pipeline.transform(
                here.work(on_progress, lock_wait=lock_wait), tables, force=force
            )
        here.screen.done(
            View(schema="bictl.transform/1", columns=COLUMNS, rows=result.rows),
            f"transform: {result.summary}",
        )
    raise typer.Exit(result.exit_code)


app = single(transform)
