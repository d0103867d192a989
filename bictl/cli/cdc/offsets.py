"""bictl cdc offsets: how far a connector is, as the worker keeps it."""

import typer

from bictl.cli.app import Command, group
from bictl.cli.cdc.change import show as show_change
from bictl.cli.cdc.worker import Name, connector_name, patience, worker
from bictl.cli.confirm import Yes, confirm, need_person
from bictl.cli.session import session
from bictl.cli.view import Column, View
from bictl.counted import counted

app = group("How far a connector is, as the worker keeps it: show, reset.")

COLUMNS = (
    Column("connector"),
    Column("source"),
    Column("mode"),
    Column("position"),
    Column("at", "source's time", kind="time"),
    Column("partition", wide=True),
    Column("offset", wide=True),
)


@app.callback()
def offsets() -> None:
    """How far a connector is, as the worker keeps it: show, reset."""


@app.command(cls=Command)
def show(context: typer.Context, name: Name = None) -> None:
    """Show a connector's committed offsets, in words and as they are kept.

    They are committed every minute by default, so the connector may be further. Needs Kafka
    Connect 3.5.

    Examples:

      bictl cdc offsets show
      bictl cdc offsets show sqlserver-product-connector --json
    """
    from bictl import cdc as stage

    with session(context) as here:
        chosen = connector_name(here, name)
        rows = stage.show_offsets(worker(here), chosen)
        view = View(schema="bictl.cdc-offsets/1", columns=COLUMNS, rows=rows)
        here.screen.done(view, f"{chosen}: {counted(len(rows), 'offset')}")


@app.command(cls=Command)
def reset(context: typer.Context, name: Name = None, yes: Yes = False) -> None:
    """Forget how far a stopped connector is: when it is resumed, a new snapshot follows.

    Every row then comes once more, at new offsets of the same topic, and goes through the whole
    pipeline. What changed without being captured is known by its last state only. Needs Kafka
    Connect 3.6.

    Examples:

      bictl cdc stop --yes && bictl cdc offsets reset && bictl cdc resume --yes
      bictl cdc offsets reset sqlserver-product-connector --yes
    """
    from bictl import cdc as stage

    need_person("cdc offsets reset brings a new snapshot", yes=yes)
    with session(context) as here:
        found = worker(here)
        wanted = stage.plan_reset(found, connector_name(here, name))
        if not wanted.idle:
            confirm(here, wanted.question, yes=yes)
        show_change(here, stage.reset_offsets(found, wanted, patience=patience(here)))
