"""The changes that a connector knows: pause, resume, stop, restart, delete."""

from typing import TYPE_CHECKING

from bictl.cdc.change import HOLD, Verb
from bictl.cdc.words import command, states

if TYPE_CHECKING:
    from bictl.clients.connect import Connector

AT_REST = ("PAUSED", "STOPPED")
_LOG = "its source keeps the changes until then, for as long as its log does"


def _all(connector: "Connector", *wanted: str) -> bool:
    return all(task.state in wanted for task in connector.tasks)


def _paused(sight: "Connector | None") -> bool | None:
    if sight is None:
        return False
    # a failed task stays as it is
    return True if sight.state == "PAUSED" and _all(sight, "PAUSED", "FAILED") else None


def _stopped(sight: "Connector | None") -> bool | None:
    if sight is None:
        return False
    return True if sight.state == "STOPPED" and not sight.tasks else None


def _runs(sight: "Connector | None") -> bool | None:
    """Whether it and every task run; a connector without a task does not."""
    if sight is None or sight.state == "FAILED":
        return False
    if any(task.state == "FAILED" for task in sight.tasks):
        return False
    runs = sight.state == "RUNNING" and sight.tasks and _all(sight, "RUNNING")
    return True if runs else None


def _runs_or_rests(sight: "Connector | None") -> bool | None:
    """After a restart: a paused connector is paused again."""
    return True if _paused(sight) else _runs(sight)


def _gone(sight: "Connector | None") -> bool | None:
    return True if sight is None else None


def _rests(connector: "Connector") -> str:
    if connector.state == "STOPPED" or _paused(connector):
        return f"{connector.name} captures nothing: {states(connector)}"
    return ""


def _has_failed(connector: "Connector") -> bool:
    return connector.state == "FAILED" or any(task.state == "FAILED" for task in connector.tasks)


def _needs_no_resume(connector: "Connector") -> str:
    if {connector.state, *(task.state for task in connector.tasks)} - {"RUNNING", "FAILED"}:
        return ""  # at rest, or on its way to where nobody knows
    more = f"; {command('restart', connector.name)}" if _has_failed(connector) else ""
    return f"{connector.name} is not paused: {states(connector)}{more}"


def _nothing_failed(connector: "Connector") -> str:
    if _has_failed(connector):
        return ""
    if connector.state in AT_REST:
        return f"no task of {connector.name} has failed: {states(connector)}; " + command(
            "resume", connector.name
        )
    more = "" if connector.tasks else f"; {command('restart', connector.name, '--all')}"
    return f"no task of {connector.name} has failed: {states(connector)}{more}"


def _failed_tasks(connector: "Connector") -> str:
    count = sum(task.state == "FAILED" for task in connector.tasks)
    return (
        f"{count} failed task{'s' if count > 1 else ''} of " if count else "the failed connector "
    )


PAUSE = Verb(
    name="pause",
    past="paused",
    ask=lambda worker, name: worker.pause(name),
    idle=_rests,
    reached=_paused,
    question=lambda it: f"Pause {it.name}? Nothing is captured until it is resumed; {_LOG}.",
)
STOP = Verb(
    name="stop",
    past="stopped",
    ask=lambda worker, name: worker.stop(name),
    idle=lambda it: f"{it.name} is {states(it)}" if _stopped(it) else "",
    reached=_stopped,
    question=lambda it: f"Stop {it.name}? Its tasks end until it is resumed; {_LOG}.",
    least=(3, 5),
)
RESUME = Verb(
    name="resume",
    past="resumed",
    ask=lambda worker, name: worker.resume(name),
    idle=_needs_no_resume,
    reached=_runs,
    question=lambda it: f"Resume {it.name} ({states(it)})?",
    hold=HOLD,
)
RESTART_FAILED = Verb(
    name="restart",
    past="restarted",
    ask=lambda worker, name: worker.restart(name, only_failed=True),
    idle=_nothing_failed,
    reached=_runs_or_rests,
    question=lambda it: f"Restart {_failed_tasks(it)}{it.name}?",
    hold=2 * HOLD,
)
RESTART_ALL = Verb(
    name="restart",
    past="restarted",
    ask=lambda worker, name: worker.restart(name, only_failed=False),
    idle=lambda it: (
        f"{it.name} is STOPPED; {command('resume', it.name)}" if it.state == "STOPPED" else ""
    ),
    reached=_runs_or_rests,
    question=lambda it: f"Restart {it.name} and all of its tasks ({states(it)})?",
    hold=HOLD,
)
DELETE = Verb(
    name="delete",
    past="deleted",
    ask=lambda worker, name: worker.delete(name),
    idle=lambda it: "",
    reached=_gone,
    question=lambda it: (
        f"Delete {it.name} ({states(it)})? Nothing is captured without it. Its topics and its "
        "offsets stay: one of the same name goes on from there."
    ),
)
