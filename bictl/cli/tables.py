"""bictl tables: the tables that are carried."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bictl.cli.app import Command, group
from bictl.cli.options import Table
from bictl.cli.session import Session, session
from bictl.cli.view import Column, View
from bictl.errors import BictlError, UsageError, nearest

if TYPE_CHECKING:
    from bictl.tables.place import Change

app = group("The tables that are carried: add one from its topic, list them, follow the source.")

FILES = (Column("file"), Column("action"))
CHANGED = (
    Column("table"),
    Column("change"),
    Column("source"),
    Column("type"),
    Column("column"),
)
LISTED = (
    Column("table"),
    Column("topic"),
    Column("key"),
    Column("model"),
    Column("bronze"),
    Column("staging"),
    Column("embed", wide=True),
)

_ASKED = " Else as the worker says."

SchemaTopic = Annotated[
    str | None,
    typer.Option("--from-schema-topic", metavar="TOPIC", help="Takes the source's own types."),
]
ColumnsFile = Annotated[
    Path | None,
    typer.Option("--columns", metavar="FILE", help="Takes them from a create table statement."),
]

DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Print what would change as a diff; write nothing.")
]


@app.callback()
def tables() -> None:
    """The tables that are carried: add one from its topic, list them, follow the source."""


@app.command(cls=Command)
def add(
    context: typer.Context,
    topic: Annotated[str, typer.Option("--topic", metavar="TOPIC", help="The table's topic.")],
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="The table's name here; else the topic's end."),
    ] = None,
    key: Annotated[
        list[str] | None,
        typer.Option("--key", metavar="COLUMN", help="A key column, where records have no key."),
    ] = None,
    embed: Annotated[
        list[str] | None,
        typer.Option("--embed", metavar="COLUMN,…", help="Columns whose text is embedded."),
    ] = None,
    from_schema_topic: SchemaTopic = None,
    columns: ColumnsFile = None,
    decimal_mode: Annotated[
        str | None,
        typer.Option(
            "--decimal-mode",
            metavar="MODE",
            help=f"decimal.handling.mode: precise, string, double.{_ASKED}",
        ),
    ] = None,
    time_mode: Annotated[
        str | None,
        typer.Option(
            "--time-mode", metavar="MODE", help=f"time.precision.mode: adaptive, connect ….{_ASKED}"
        ),
    ] = None,
    binary_mode: Annotated[
        str | None,
        typer.Option(
            "--binary-mode",
            metavar="MODE",
            help=f"binary.handling.mode: bytes, base64, hex ….{_ASKED}",
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace model files that say something else.")
    ] = False,
    dry_run: DryRun = False,
) -> None:
    """Add the table behind a topic: configuration, staging model, its tests and yaml.

    The columns come from the newest record's own schema, the key from its key. Records without a
    schema need the connector's schema-change topic (it is named like the topic prefix, and found
    by itself where the records name it) or a file: SQL Server's `create table` statement, or a
    record of that topic as JSON. These also tell types that a record does not, such as a decimal
    that comes as text. Names become words in small letters: CategoryID is category_id.

    The model goes into dbt.project_dir. Without one, a dbt project is made beside the
    configuration; it takes bictl's macros from the version at work. The configuration keeps its
    comments. The bronze table is made by the first load-bronze.

    Examples:

      bictl tables add --topic cord.ConcordDb.dbo.Category --dry-run
      bictl tables add --topic cord.ConcordDb.dbo.Category --embed name
      bictl tables add --topic cord.ConcordDb.dbo.Orders --from-schema-topic cord
    """
    from bictl.tables.add import add as add_table

    with session(context) as here:
        here.stop.on_first = lambda: None  # nothing is written yet
        result = add_table(
            here.clients.reader,
            here.settings,
            topic=topic,
            name=name,
            key=key or (),
            embed=[part.strip() for text in embed or () for part in text.split(",")],
            schema_topic=from_schema_topic,
            columns_file=columns,
            modes=_modes(here, topic, decimal=decimal_mode, time=time_mode, binary=binary_mode),
            force=force,
            dry_run=dry_run,
            before_write=here.stop.check,
        )
        for note in result.notes:
            here.screen.warn(note)
        view = View(
            schema="bictl.tables.add/1",
            columns=FILES,
            rows=[
                {**row, "diff": change.diff()}
                for row, change in zip(result.rows, result.changes, strict=True)
            ]
            if dry_run
            else result.rows,
            extra={"table": result.design.name, "dry_run": dry_run},
            rows_key="files",
        )
        _show(here, view, result.changes if dry_run else (), f"tables add: {result.summary}")
    raise typer.Exit(result.exit_code)


@app.command(cls=Command)
def sync(
    context: typer.Context,
    table: Table = None,
    from_schema_topic: SchemaTopic = None,
    columns: ColumnsFile = None,
    dry_run: DryRun = False,
) -> None:
    """Bring staging models to the columns that their sources have now.

    The newest record says which columns there are. New ones are added behind the others, those
    that went are taken out, those whose values do not fit their type get another one; everything
    else in the files stays, also names that a person gave. Bronze keeps every record as it came.
    A column that is not wanted is named in the model's left_out.

    Examples:

      bictl tables sync --dry-run
      bictl tables sync --table product && bictl transform --table product
    """
    from bictl.tables.sync import sync as sync_tables

    with session(context) as here:
        here.stop.on_first = lambda: None  # what is written stays, and is whole
        result = sync_tables(
            here.clients.reader,
            here.settings,
            tables=here.tables(table),
            schema_topic=from_schema_topic,
            columns_file=columns,
            dry_run=dry_run,
            before_write=here.stop.check,
        )
        for note in (note for one in result.tables for note in one.notes):
            here.screen.warn(note)
        view = View(
            schema="bictl.tables.sync/1",
            columns=CHANGED,
            rows=result.rows,
            extra={"dry_run": dry_run, "files": [str(one.path) for one in result.changes]},
            rows_key="changes",
        )
        _show(here, view, result.changes if dry_run else (), f"tables sync: {result.summary}")
    raise typer.Exit(result.exit_code)


@app.command("list", cls=Command)
def list_(context: typer.Context) -> None:
    """List the configured tables, and what is there of each in Postgres and in the dbt project.

    Without Postgres it still says what is configured, and ends with exit code 4.

    Examples:

      bictl tables list
      bictl tables list --json | jq -r '.tables[] | select(.staging == "not yet").table'
    """
    from bictl.tables.listing import list_tables

    with session(context) as here:
        result = list_tables(here.clients.database, here.settings)
        here.screen.show(
            View(schema="bictl.tables.list/1", columns=LISTED, rows=result.rows, rows_key="tables")
        )
        if result.unreachable:
            raise result.unreachable


def _modes(here: Session, topic: str, **given: str | None) -> dict[str, str]:
    """How the connector writes values where that differs from its defaults: as said, else as the
    worker tells it."""
    from bictl.cdc.modes import MODES, unusual_modes

    for part, mode in given.items():
        if mode is not None and mode not in MODES[part]:
            raise UsageError(
                f"--{part}-mode {mode!r} is not one of {', '.join(MODES[part])}",
                hint=f"did you mean {nearest(mode, MODES[part])[0]!r}?",
            )
    asked = here.settings.connect.url and not all(given.values())
    told = {}
    if asked:
        try:
            told = unusual_modes(here.clients.connect(), topic=topic)
        except BictlError as error:
            here.screen.warn(
                f"how the connector writes values is not known ({error.message}): without a schema "
                "in the records its defaults are taken; --decimal-mode, --time-mode, --binary-mode"
            )
    said = {part: mode for part, mode in given.items() if mode}
    return {part: mode for part, mode in (told | said).items() if mode != MODES[part][0]}


def _show(here: Session, view: View, changes: "Sequence[Change]", sentence: str) -> None:
    """The result; of a dry run the files' diff, unless a form was asked for."""
    if changes and not here.options.output:
        for change in changes:
            if diff := change.diff():
                here.screen.write(diff.rstrip("\n"))
        here.screen.say(sentence)
    else:
        here.screen.done(view, sentence)
