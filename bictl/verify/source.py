"""The source's side: is the connector that writes the topic well, and does it drop nothing.

What the source holds is not compared here: that Kafka got all of it stays unverified.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bictl.verify.report import Finding, State, passed

if TYPE_CHECKING:
    from bictl.cdc import ConnectorStatus
    from bictl.cdc import Finding as Broken
    from bictl.clients.connect import ConnectWorker
    from bictl.settings import Table

_STATES = {"ok": State.OK, "warn": State.WARN, "fail": State.FAIL, "unknown": State.UNKNOWN}


@dataclass(frozen=True, kw_only=True)
class Capture:
    """The connector that writes a table's topic: how it is, and which rules it breaks."""

    status: "ConnectorStatus"
    broken: Sequence["Broken"]


def read_capture(worker: "ConnectWorker", *, topic: str) -> Capture | None:
    """The connector of the worker that writes `topic`; None when there is none."""
    from bictl import cdc

    for one in worker.overview():
        if one.kind == "source" and _writes(one.config, topic):
            [status] = cdc.status(worker, name=one.name)
            return Capture(status=status, broken=tuple(cdc.check_values(one.config)))
    return None


def _writes(config: Mapping[str, str], topic: str) -> bool:
    """By what it captures; where only running it could tell, by its prefix."""
    from bictl import cdc

    if cdc.topics_are_known(config):
        return cdc.leads_to(config, topic)
    prefix = config.get("topic.prefix")
    return bool(prefix) and topic.startswith(f"{prefix}.")


def connector(capture: Capture | None, *, table: "Table") -> Finding:
    """C1: the connector and all of its tasks run."""
    if capture is None:
        return Finding(
            state=State.WARN,
            evaluated=1,
            message=f"no connector of the worker writes {table.topic}: nobody says whether the "
            "source is captured",
            hint=f"bictl cdc apply --table {table.name}",
        )
    status = capture.status
    if status.health == "ok":
        return passed(1, f"{status.name} runs")
    return Finding(
        state=_STATES[status.health],
        evaluated=1,
        message=f"{status.name}: {status.reason}",
        hint=status.hint or f"bictl cdc status {status.name}",
    )


def configuration(capture: Capture | None) -> Finding:
    """C2: its configuration drops no record and no value."""
    if capture is None:
        return passed(1, "there is no connector to look at")
    if not capture.broken:
        return passed(1)
    failed = [one for one in capture.broken if one.level == "fail"]
    first = (failed or list(capture.broken))[0]
    more = len(capture.broken) - 1
    return Finding(
        state=State.FAIL if failed else State.WARN,
        evaluated=1,
        message=f"{capture.status.name}: {first.key}: {first.message}"
        + (f"; {more} more" if more else ""),
        hint="correct its file and: bictl cdc apply FILE",
    )
