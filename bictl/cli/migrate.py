"""bictl migrate: bictl's own tables."""

import typer

from bictl.cli.app import single
from bictl.cli.session import session
from bictl.cli.view import Column, View

COLUMNS = (
    Column("version", kind="count"),
    Column("applied"),
    Column("tables", "created"),
)


def migrate(context: typer.Context) -> None:
    """Create or upgrade bictl's tables in Postgres, and the bronze table of each configured table.

    Numbered files are applied forward, each in one transaction under a lock: running it twice, at
    once or after a kill does the rest. A database that is newer than this program is left alone.

    Examples:

      bictl migrate
      bictl migrate -o json
    """
    from bictl.bronze import migrate as apply

    with session(context) as here:
        done = apply(here.clients.database, here.settings.tables.values())
        here.screen.done(
            View(
                schema="bictl.migrate/1",
                columns=COLUMNS,
                rows=[{"version": done.version, "applied": done.applied, "tables": done.tables}],
            ),
            f"migrate: {done.summary}",
        )


app = single(migrate)
