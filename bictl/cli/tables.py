"""bictl tables: the tables that are carried."""

from pathlib import Path
from typing import Annotated

import typer

from bictl.cli.app import Command, group
from bictl.cli.session import session
from bictl.cli.view import Column, View

app = group("The tables that are carried: add one from its topic, list them, follow the source.")

FILES = (Column("file"), Column("action"))

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
    from_schema_topic: Annotated[
        str | None,
        typer.Option("--from-schema-topic", metavar="TOPIC", help="Takes the source's own types."),
    ] = None,
    columns: Annotated[
        Path | None,
        typer.Option("--columns", metavar="FILE", help="Takes them from a create table statement."),
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
    configuration that uses bictl's own as a package. The configuration keeps its comments. The
    bronze table is made by the first load-bronze.

    Examples:

      bictl tables add --topic cord.ConcordDb.dbo.Category --dry-run
      bictl tables add --topic cord.ConcordDb.dbo.Category --embed name
      bictl tables add --topic cord.ConcordDb.dbo.Orders --from-schema-topic cord
    """
    from bictl.tables.add import add as add_table

    with session(context) as here:
        result = add_table(
            here.clients.reader,
            here.settings,
            topic=topic,
            name=name,
            key=key or (),
            embed=[part.strip() for text in embed or () for part in text.split(",")],
            schema_topic=from_schema_topic,
            columns_file=columns,
            force=force,
            dry_run=dry_run,
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
        if dry_run and not here.options.output:
            for change in result.changes:
                here.screen.write(change.diff().rstrip("\n"))
            here.screen.say(f"tables add: {result.summary}")
        else:
            here.screen.done(view, f"tables add: {result.summary}")
    raise typer.Exit(result.exit_code)
