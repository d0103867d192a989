"""bictl cdc status: is the source captured, and how far."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bictl.cli.cdc.worker import worker
from bictl.cli.session import Session, session
from bictl.cli.view import Column, View

if TYPE_CHECKING:
    from bictl.cdc import ConnectorStatus, Position

COLUMNS = (
    Column("connector"),
    Column("health", kind="state"),
    Column("state"),
    Column("task"),
    Column("task_state", "task state"),
    Column("mode"),
    Column("position"),
    Column("at", "source's time", kind="time"),
    Column("reason", wide=True),  # said on stderr as well, for every connector that is not well
    Column("worker", wide=True),
    Column("kind", wide=True),
    Column("plugin", wide=True),
    Column("error", wide=True),
    Column("topics", wide=True),
    Column("hint", wide=True),
)


def status(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(metavar="[CONNECTOR]", help="One connector; else all of them.")
    ] = None,
) -> None:
    """Show each connector and task, its position in the source, and whether it is well.

    A connector that says RUNNING while a task has FAILED, or that has no task, or whose worker
    cannot say how far it is, is not well. Its trace is shown by its first line and its root cause.

    Exit code: 0 all well, 1 something failed, 3 paused, stopped or not known, 4 no answer.

    Examples:

      bictl cdc status
      bictl cdc status sqlserver-product-connector --json
      bictl -q cdc status || echo "the source is not captured"
    """
    from bictl import cdc as stage

    with session(context) as here:
        found = stage.status(worker(here), name=name)
        _say(here, found)
        code = stage.exit_code(found)
    if code:
        raise typer.Exit(code)


def _say(here: Session, found: Sequence["ConnectorStatus"]) -> None:
    rows = [row for one in found for row in _rows(one)]
    if not here.options.quiet or here.options.output:
        here.screen.show(View(schema="bictl.cdc-status/1", columns=COLUMNS, rows=rows))
    for one in found:
        if one.health != "ok":
            here.screen.error(f"{one.name}: {one.reason}", one.hint)
    if not found:
        address = here.settings.connect.url
        here.screen.error(f"{address} has no connector: nothing is captured", None)


def _rows(one: "ConnectorStatus") -> list[dict[str, Any]]:
    """A row a task; a connector without tasks has one row all the same."""
    base = {
        "connector": one.name,
        "health": one.health,
        "state": one.state,
        "worker": one.worker,
        "reason": one.reason,
        "kind": one.kind,
        "plugin": one.plugin,
        "topics": list(one.topics),
        "hint": one.hint,
        **_position(one.positions),
    }
    if not one.tasks:
        return [base]
    return [
        {
            **base,
            "task": task.id,
            "task_state": task.state,
            "worker": task.worker,
            "error": task.error,
        }
        for task in one.tasks
    ]


def _position(positions: Sequence["Position"]) -> dict[str, Any]:
    """A source has one position a database, a sink one a partition."""
    if not positions:
        return {}
    if len(positions) == 1:
        [only] = positions
        return {"mode": only.mode, "position": only.text, "at": only.at}
    return {
        "mode": positions[0].mode,
        "position": "; ".join(f"{one.source}: {one.text}" for one in positions),
    }
