"""bictl cdc pause, resume, stop, restart, delete: one change to one connector."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from bictl.cli.cdc.worker import Name, check_stopped, connector_name, patience, worker
from bictl.cli.confirm import Yes, confirm, need_person
from bictl.cli.session import Session, session
from bictl.cli.view import Column, View

if TYPE_CHECKING:
    from bictl.cdc import Change, Verb

COLUMNS = (
    Column("connector"),
    Column("verb"),
    Column("changed"),
    Column("was"),
    Column("now"),
    Column("summary", wide=True),
)


def pause(context: typer.Context, name: Name = None, yes: Yes = False) -> None:
    """Let a connector wait: its tasks stay and capture nothing until `bictl cdc resume`.

    Examples:

      bictl cdc pause
      bictl cdc pause sqlserver-product-connector --yes
    """
    from bictl.cdc import PAUSE

    _change(context, name, PAUSE, yes=yes)


def resume(context: typer.Context, name: Name = None, yes: Yes = False) -> None:
    """End a pause or a stop: the connector goes on where it was.

    A task that has failed stays failed: that takes `bictl cdc restart`.

    Examples:

      bictl cdc resume
      bictl cdc resume sqlserver-product-connector --yes
    """
    from bictl.cdc import RESUME

    _change(context, name, RESUME, yes=yes)


def stop(context: typer.Context, name: Name = None, yes: Yes = False) -> None:
    """End a connector's tasks and keep its configuration and offsets, until `bictl cdc resume`.

    Its offsets can be reset only then. Needs Kafka Connect 3.5.

    Examples:

      bictl cdc stop
      bictl cdc stop sqlserver-product-connector --yes
    """
    from bictl.cdc import STOP

    _change(context, name, STOP, yes=yes)


def restart(
    context: typer.Context,
    name: Name = None,
    everything: Annotated[
        bool, typer.Option("--all", help="The connector and every task, failed or not.")
    ] = False,
    yes: Yes = False,
) -> None:
    """Start the failed tasks of a connector again, and wait until they go on running.

    A task that has failed stays so when its cause is gone, until somebody restarts it. One that
    fails again is shown with its root cause, exit 1.

    Examples:

      bictl cdc restart
      bictl cdc restart sqlserver-product-connector --yes
      bictl --timeout 300 cdc restart --all --yes
    """
    from bictl.cdc import RESTART_ALL, RESTART_FAILED

    _change(context, name, RESTART_ALL if everything else RESTART_FAILED, yes=yes)


def delete(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="CONNECTOR", help="The connector.")],
    yes: Yes = False,
) -> None:
    """Remove a connector from the worker; its topics and its offsets stay.

    One of the same name and topic prefix goes on where it was; for a new beginning stop it and
    reset its offsets first.

    Examples:

      bictl cdc delete sqlserver-product-connector
      bictl cdc delete old-connector --yes
    """
    from bictl.cdc import DELETE

    _change(context, name, DELETE, yes=yes)


def _change(context: typer.Context, name: str | None, verb: "Verb", *, yes: bool) -> None:
    from bictl import cdc as stage

    need_person(f"cdc {verb.name} changes a connector", yes=yes)
    with session(context) as here:
        found = worker(here)
        wanted = stage.prepare(found, connector_name(here, name), verb)
        if not wanted.idle:
            confirm(here, wanted.question, yes=yes)
        show(here, stage.carry_out(found, wanted, patience=patience(here)))


def show(here: Session, change: "Change") -> None:
    """What it came to: one row, and the sentence."""
    rows: list[dict[str, Any]] = change.rows
    here.screen.done(View(schema="bictl.cdc-change/1", columns=COLUMNS, rows=rows), change.summary)
    check_stopped(here, change.connector)
