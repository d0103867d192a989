"""bictl cdc check: whether SQL Server captures what the pipeline carries."""

from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

import typer

from bictl.cli.cdc.enable import Source
from bictl.cli.options import Table
from bictl.cli.session import Session, session
from bictl.cli.view import Column, View
from bictl.errors import BictlError, UsageError

if TYPE_CHECKING:
    from bictl import settings
    from bictl.cdc.source import Examined, Place
    from bictl.cdc.source.check import Around

COLUMNS = (
    Column("table"),
    Column("check"),
    Column("state", kind="state"),
    Column("message"),
    Column("repair", "what to do", wide=True),
)


def check(context: typer.Context, table: Table = None, source: Source = None) -> None:
    """Ask the source whether it captures what the pipeline carries.

    Is change data capture on for the database and the table, does the Agent run, does the capture
    have the table's columns and key, which of them does the wire not carry as they are, how long
    are changes kept, did the connector read them before they were cleaned up, what errors were
    there, and are there as many rows as in staging. Reads the catalogue only, no row of a table;
    needs the extra `sqlserver` and the section `sqlserver`. The queries stand in
    sql/sqlserver/; where bictl is built they were parsed, and not run against a server. A source
    that is a Postgres (section `source`) is asked for its log, publication and replication slot.

    Exit code: 0 well, 1 something is wrong, 2 the login or the configuration is, 3 something could
    not be told, 4 no answer, 6 changes were cleaned up before they were read.

    Examples:

      bictl cdc check
      bictl cdc check --table product --json | jq -r '.answers[] | select(.state != "ok").message'
      bictl -q cdc check || echo "the source is not captured as it should be"
    """
    from bictl.cdc.source import Place
    from bictl.cdc.source.check import exit_code

    with session(context) as here:
        tables = here.tables(table)
        if source and len(tables) > 1:
            raise UsageError("--source is about one table", hint="name it with --table")
        examined = [_examine(here, one, Place.of(one, source)) for one in tables]
        code = exit_code(examined)
        _say(here, examined, code)
    if code:
        raise typer.Exit(code)


def _examine(here: Session, table: "settings.Table", place: "Place") -> "Examined":
    from bictl.cdc.source import Catalogue, examine

    if here.settings.source.host:
        return _examine_postgres(here, table, place)
    catalogue = Catalogue(here.clients.source, place)
    return examine(catalogue, name=table.name, place=place, around=_around(here, table, place))


def _examine_postgres(here: Session, table: "settings.Table", place: "Place") -> "Examined":
    """What verify asks a source that is a Postgres."""
    from bictl.cdc.source import Examined
    from bictl.cdc.source.postgres import PostgresSource, reader_of

    worker = here.clients.connect() if here.settings.connect.url else None
    source = PostgresSource(
        here.clients.source_database(place.database),
        place,
        key=table.key,
        name=table.name,
        reader=lambda: reader_of(worker, topic=table.topic),
    )
    with closing(source):
        return Examined(table=table.name, answers=source.answers())


def _around(here: Session, table: "settings.Table", place: "Place") -> "Around":
    """What the worker and Postgres know of the table; the worker only where it is configured."""
    from bictl.cdc.nulls import keeps_nulls
    from bictl.cdc.source.check import Around, committed

    worker = here.clients.connect() if here.settings.connect.url else None
    return Around(
        key=table.key,
        committed=lambda: (
            None
            if worker is None
            else committed(worker, topic=table.topic, database=place.database)
        ),
        keeps_nulls=lambda: None if worker is None else keeps_nulls(worker, topic=table.topic),
        staged=partial(_staged, here, table),
    )


def _staged(here: Session, table: "settings.Table") -> int | None:
    """The rows of the staging relation; None where it cannot be counted."""
    try:
        database = here.clients.database
        view = f"{here.settings.dbt.view_schema}.{table.staging}"
        return int(database.value(database.named("staging/count", view=view)))
    except BictlError:
        return None


def _say(here: Session, examined: "list[Examined]", code: int) -> None:
    from bictl.cdc.source.check import once_each

    found = once_each(examined)
    rows = [
        {
            "table": name,
            "check": answer.check,
            "state": answer.state,
            "message": answer.message,
            "repair": answer.repair,
        }
        for name, answer in found
    ]
    counts = {
        state: sum(answer.state == state for _, answer in found)
        for state in ("fail", "unknown", "warn", "ok", "skipped")
    }
    here.screen.done(
        View(
            schema="bictl.cdc-check/1",
            columns=COLUMNS,
            rows=rows,
            rows_key="answers",
            extra={"exit_code": code},
        ),
        "cdc check: " + ", ".join(f"{count} {state}" for state, count in counts.items() if count),
    )
    for name, answer in found:
        if answer.state in ("fail", "unknown"):
            place = f"{name}, " if name else ""
            here.screen.error(f"{place}{answer.check}: {answer.message}", answer.repair or None)
