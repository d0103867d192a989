"""bictl cdc enable: the T-SQL that lets SQL Server capture changes."""

from typing import Annotated

import typer

from bictl.cli.options import Table
from bictl.cli.session import session
from bictl.cli.view import Column, View
from bictl.errors import UsageError

COLUMNS = (Column("script"),)
Source = Annotated[
    str | None,
    typer.Option(
        "--source",
        metavar="DATABASE.SCHEMA.TABLE",
        help="The table at the source, where the topic's name does not tell it.",
    ),
]


def enable(
    context: typer.Context,
    table: Table = None,
    source: Source = None,
    role: Annotated[
        str | None,
        typer.Option(metavar="ROLE", help="Only members of this database role read the changes."),
    ] = None,
    login: Annotated[
        str | None, typer.Option(metavar="LOGIN", help="Also the rights of this login.")
    ] = None,
    retention: Annotated[
        int,
        typer.Option(metavar="MINUTES", min=1, max=52_494_800, help="How long changes are kept."),
    ] = 10_080,
) -> None:
    """Print the T-SQL that makes SQL Server capture the changes of the tables.

    For a DBA to read and run: nothing is run here, and no server is asked. It enables the database
    and each table, says so when SQL Server Agent does not run, sets for how long changes are kept,
    and with --login gives the connector's login what it reads. Run twice it changes nothing. It was
    parsed by a T-SQL grammar where bictl is built, and not run against a server there.

    Exit code: 0 printed, 2 a name that SQL Server cannot have.

    Examples:

      bictl cdc enable --login debezium > enable.sql
      bictl cdc enable --table product | sqlcmd -S db.example -d ConcordDb -i /dev/stdin
      bictl cdc enable --table orders --source "ConcordDb.dbo.Order Details" --role cdc_reader
    """
    from bictl.cdc.source import Place, Wish, script

    with session(context) as here:
        tables = here.tables(table)
        if source and len(tables) > 1:
            raise UsageError("--source is about one table", hint="name it with --table")
        places = [Place.of(one, source) for one in tables]
        text = script(places, Wish(role=role, login=login, minutes=retention))
        if here.options.output and here.options.output != "table":
            view = View(schema="bictl.cdc-enable/1", columns=COLUMNS, rows=[{"script": text}])
            here.screen.show(view)
        else:
            here.screen.write_bytes(text.encode())
