"""The source's side: is the connector that writes the topic well, and does it drop nothing.

What the source holds is not compared here: that Kafka got all of it stays unverified.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bictl.counted import counted
from bictl.verify.report import Finding, State, of_keys, passed

if TYPE_CHECKING:
    from bictl.cdc import ConnectorStatus
    from bictl.cdc import Finding as Broken
    from bictl.clients.connect import Connector, ConnectWorker
    from bictl.settings import Table

_QUEUE = "errors.deadletterqueue.topic.name"
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


@dataclass(frozen=True, kw_only=True)
class DeadLetters:
    """What connectors that write or read a topic have put aside, by the queue's topic."""

    counts: Mapping[str, int]


def read_dead_letters(
    worker: "ConnectWorker", topic: str, count: "Callable[[str], int]"
) -> DeadLetters:
    """The queues of the worker's connectors that have to do with `topic`; `count` tells how many
    records stand in one."""
    queues = {
        name
        for one in worker.overview()
        if (name := one.config.get(_QUEUE, ""))
        and (_writes(one.config, topic) or _reads(one, topic))
    }
    return DeadLetters(counts={name: count(name) for name in sorted(queues)})


def _reads(one: "Connector", topic: str) -> bool:
    listed = one.config.get("topics", "").split(",")
    pattern = one.config.get("topics.regex")
    if topic in [name.strip() for name in listed]:
        return True
    try:
        return bool(pattern) and re.fullmatch(str(pattern), topic) is not None
    except re.error:  # Java's own words
        return False


def dead_letters(found: DeadLetters) -> Finding:
    """C3: no connector put a record aside."""
    full = {name: count for name, count in found.counts.items() if count}
    if not full:
        return passed(max(1, len(found.counts)), "" if found.counts else "no dead letter queue")
    words = ", ".join(f"{counted(count, 'record')} in {name}" for name, count in full.items())
    first = next(iter(full))
    return Finding(
        state=State.FAIL,
        evaluated=len(found.counts),
        extra=of_keys(list(full), sum(full.values())),
        expected="empty dead letter queues",
        actual=words,
        message=f"connectors put records aside: {words}",
        hint="kafka-console-consumer.sh --bootstrap-server … --from-beginning --property"
        f" print.headers=true --topic {first} says why; those that are dealt with go with"
        " kafka-delete-records.sh",
    )


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
