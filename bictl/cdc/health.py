"""What a connector's states come to.

A connector that says RUNNING proves little: its task may have failed, it may have none, and a
worker whose Kafka is gone goes on saying RUNNING from memory. Health is judged from all of it.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bictl.cdc.words import command

if TYPE_CHECKING:
    from bictl.clients.connect import Connector

Health = Literal["ok", "warn", "fail", "unknown"]

_SOON = "look again in a few seconds"
# cooperative rebalancing keeps the share of a worker that was lost, or that lost its Kafka, for it
_HANDED_OUT = (
    "look again in a few seconds; after an outage of the workers or their Kafka in 5 minutes, the "
    "default of the worker's scheduled.rebalance.max.delay.ms: until then no restart helps"
)
_SILENT = ": its Kafka may be down"


@dataclass(frozen=True)
class Verdict:
    """A health, why it is not ok, and what to do about it."""

    health: Health
    reason: str
    hint: str | None = None


def judge(connector: "Connector", *, answers: bool) -> Verdict:
    """What a connector's states come to; `answers` is false when its offsets could not be read."""
    return (
        _failed(connector)
        or _at_rest(connector)
        or _unsettled(connector, answers=answers)
        or _running(connector, answers=answers)
    )


def _failed(connector: "Connector") -> Verdict | None:
    failed = [task for task in connector.tasks if task.state == "FAILED"]
    if failed:
        count = f"{len(failed)} of {len(connector.tasks)} tasks FAILED"
        return Verdict("fail", f"{count}: {root_cause(failed[0].trace)}", _restart(connector))
    if connector.state == "FAILED":
        reason = f"the connector FAILED: {root_cause(connector.trace)}"
        return Verdict("fail", reason, _restart(connector))
    return None


def _at_rest(connector: "Connector") -> Verdict | None:
    """Paused or stopped; an unknown kind is what a worker shows for a moment after a deletion."""
    if connector.kind == "unknown":
        return Verdict("unknown", "the worker no longer knows its type: it was just deleted")
    for state in ("STOPPED", "PAUSED"):
        if state in _states(connector):
            hint = f"to go on: {command('resume', connector.name)}"
            return Verdict("warn", f"{state} by a person: changes are not captured", hint)
    return None


def _unsettled(connector: "Connector", *, answers: bool) -> Verdict | None:
    others = sorted(_states(connector) - {"RUNNING"})
    if not others:
        return None
    reason = f"{', '.join(others)}: no worker runs it at the moment, whatever its tasks say"
    if not answers:
        return Verdict(
            "unknown", f"{reason}, and nobody gives its offsets{_SILENT}", "bictl doctor"
        )
    return Verdict("unknown", reason, _HANDED_OUT if "UNASSIGNED" in others else _SOON)


def _running(connector: "Connector", *, answers: bool) -> Verdict:
    if not connector.tasks:
        hint = command("restart", connector.name, "--all")
        return Verdict("fail", "RUNNING without a task: nothing is captured", hint)
    if not answers:
        reason = f"the worker says RUNNING but gives no offsets{_SILENT}"
        return Verdict("unknown", reason, "bictl doctor")
    return Verdict("ok", "")


def _states(connector: "Connector") -> set[str]:
    return {connector.state, *(task.state for task in connector.tasks)}


def _restart(connector: "Connector") -> str:
    return f"remove the cause, then: {command('restart', connector.name)}"


def root_cause(trace: str) -> str:
    """The message of the last "Caused by" of a Java trace, or its first line."""
    causes = [line for line in trace.split("\n") if line.startswith("Caused by: ")]
    return (causes[-1].removeprefix("Caused by: ") if causes else trace.partition("\n")[0]).strip()
