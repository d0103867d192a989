"""bictl cdc status: is the source captured, and how far."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bictl.cli.cdc.worker import worker
from bictl.cli.session import Session, session
from bictl.cli.view import Column, View
from bictl.errors import Unreachable

if TYPE_CHECKING:
    from bictl.cdc import ConnectorStatus, Position

ANSWER = 10.0  # seconds for one answer of a service
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
    Column("snapshot"),
    Column("newest", "newest event", kind="time"),
    Column("delay", kind="seconds"),
)


def status(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(metavar="[CONNECTOR]", help="One connector; else all of them.")
    ] = None,
    watch: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", min=0.5, help="Look again so often, until Ctrl-C."),
    ] = None,
) -> None:
    """Show each connector and task, its position in the source, and whether it is well.

    A connector that says RUNNING while a task has FAILED, or that has no task, or whose worker
    cannot say how far it is, is not well. Its trace is shown by its first line and its root cause.
    From its topics: the source's time of the newest event, how many seconds after that it was
    captured, and how far a snapshot is.

    Exit code: 0 all well, 1 something failed, 3 paused, stopped or not known, 4 no answer.

    Examples:

      bictl cdc status
      bictl cdc status sqlserver-product-connector --json
      bictl cdc status --watch 5
      bictl -q cdc status || echo "the source is not captured"
    """
    with session(context) as here:
        here.patience = ANSWER
        here.stop.on_first = lambda: None  # nothing is at work
        code = _look(here, name, again=watch is not None)
        while watch is not None and not here.wait(watch):
            code = _look(here, name, again=True)
        if watch is not None:
            # a person has seen enough: that is no interruption; --timeout wants to know
            raise typer.Exit(code if here.late else 0)
    if code:
        raise typer.Exit(code)


def _look(here: Session, name: str | None, *, again: bool) -> int:
    """One look; a worker that is silent for a while does not end a watch."""
    from bictl import cdc as stage

    shown = not here.options.quiet or here.options.output
    reader = here.clients.reader if shown else None  # the check itself needs no topics
    try:
        found = stage.status(worker(here, at_once=not again), name=name, reader=reader)
    except Unreachable as error:
        if not again:
            raise
        here.screen.error(error.message, here.advice(error.hint))
        return error.exit_code
    if again and here.screen.format == "table":
        here.screen.clear()
    _say(here, found)
    return stage.exit_code(found)


def _say(here: Session, found: Sequence["ConnectorStatus"]) -> None:
    rows = [row for one in found for row in _rows(one)]
    if not here.options.quiet or here.options.output:
        here.screen.show(View(schema="bictl.cdc-status/1", columns=COLUMNS, rows=rows))
    for one in found:
        if one.health != "ok":
            here.screen.error(f"{one.name}: {one.reason}", one.hint)
        if one.flow.unknown:
            here.screen.say(f"{one.name}: its newest event is not known: {one.flow.unknown}")
    if not found:
        address = here.settings.connect.url
        here.screen.error(f"{address} has no connector: nothing is captured", "bictl cdc apply")


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
        "snapshot": one.flow.snapshot,
        "newest": one.flow.at,
        "delay": one.flow.delay,
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
