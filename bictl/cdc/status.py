"""What each connector does, whether it is well, and how far it has come.

A connector that says RUNNING proves little: its task may have failed, it may have none, and a
worker whose Kafka is gone goes on saying RUNNING from memory. Health is judged from all of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from bictl.errors import AccessDenied, NotFound, Unreachable

if TYPE_CHECKING:
    from bictl.clients.connect import Connector, ConnectWorker, Offset, Task

Health = Literal["ok", "warn", "fail", "unknown"]


@dataclass(frozen=True, kw_only=True)
class Position:
    """How far a connector has come, by its last committed offset.

    `mode` is snapshot, streaming or sink; `at` is the source's own time of that change, where the
    offset tells. Offsets are committed every minute by default, so the source may be further.
    """

    source: str
    mode: Literal["snapshot", "streaming", "sink"]
    text: str
    at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class TaskStatus:
    """One task; `error` is the first line of its trace, `cause` the last "Caused by"."""

    id: int
    state: str
    worker: str
    error: str
    cause: str


@dataclass(frozen=True, kw_only=True)
class ConnectorStatus:
    """One connector: what the worker says (`state`, `tasks`) and what it comes to (`health`)."""

    name: str
    kind: str
    plugin: str
    state: str
    worker: str
    health: Health
    reason: str
    hint: str | None
    tasks: tuple[TaskStatus, ...]
    positions: tuple[Position, ...]
    topics: tuple[str, ...]


@dataclass(frozen=True)
class _Verdict:
    health: Health
    reason: str
    hint: str | None = None


def status(worker: "ConnectWorker", *, name: str | None = None) -> tuple[ConnectorStatus, ...]:
    """Every connector of the worker, or the one of that name; NotFound lists what exists."""
    connectors = worker.overview() if name is None else (worker.connector(name),)
    silent = False
    found = []
    for connector in connectors:
        positions, silent = _positions(worker, connector, silent=silent)
        found.append(_status(worker, connector, positions))
    return tuple(found)


def exit_code(statuses: Sequence[ConnectorStatus]) -> int:
    """As a health check: 1 something failed, 3 something is not known or not running, 0 all well.

    No connector at all is 3: nothing is captured.
    """
    found = {one.health for one in statuses}
    if "fail" in found:
        return 1
    return 0 if found == {"ok"} else 3


def _positions(
    worker: "ConnectWorker", connector: "Connector", *, silent: bool
) -> tuple[tuple[Position, ...] | None, bool]:
    """(the connector's positions, or None when the worker gives none; whether it fell silent).

    The worker reads offsets from its Kafka; once that has not answered, it is not asked again.
    """
    if silent:
        return None, True
    try:
        return tuple(decode(offset) for offset in worker.offsets(connector.name)), False
    except Unreachable:
        return None, True
    except (NotFound, AccessDenied):  # a worker before 3.5, or one that keeps them to itself
        return (), False


def _status(
    worker: "ConnectWorker", connector: "Connector", positions: tuple[Position, ...] | None
) -> ConnectorStatus:
    verdict = judge(connector, answers=positions is not None, address=worker.address)
    return ConnectorStatus(
        name=connector.name,
        kind=connector.kind,
        plugin=connector.config.get("connector.class", "").rpartition(".")[2],
        state=connector.state,
        worker=connector.worker,
        health=verdict.health,
        reason=verdict.reason,
        hint=verdict.hint,
        tasks=tuple(_task(task) for task in connector.tasks),
        positions=positions or (),
        topics=_topics(worker, connector),
    )


def _topics(worker: "ConnectWorker", connector: "Connector") -> tuple[str, ...]:
    try:
        return worker.topics(connector.name)
    except (NotFound, AccessDenied, Unreachable):  # tracking topics is an option of the worker
        return ()


def judge(connector: "Connector", *, answers: bool, address: str) -> _Verdict:
    """What a connector's states come to; `answers` is false when its offsets could not be read."""
    url = f"{address}/connectors/{quote(connector.name, safe='')}"
    return (
        _failed(connector, url)
        or _at_rest(connector, url)
        or _unsettled(connector)
        or _running(connector, url, answers=answers)
    )


def _failed(connector: "Connector", url: str) -> _Verdict | None:
    failed = [task for task in connector.tasks if task.state == "FAILED"]
    if failed:
        count = f"{len(failed)} of {len(connector.tasks)} tasks FAILED"
        return _Verdict("fail", f"{count}: {root_cause(failed[0].trace)}", _restart(url))
    if connector.state == "FAILED":
        reason = f"the connector FAILED: {root_cause(connector.trace)}"
        return _Verdict("fail", reason, _restart(url))
    return None


def _at_rest(connector: "Connector", url: str) -> _Verdict | None:
    """Paused or stopped; an unknown kind is what a worker shows for a moment after a deletion."""
    if connector.kind == "unknown":
        return _Verdict("unknown", "the worker no longer knows its type: it was just deleted")
    for state in ("STOPPED", "PAUSED"):
        if state in _states(connector):
            hint = f"to go on: curl -X PUT '{url}/resume'"
            return _Verdict("warn", f"{state} by a person: changes are not captured", hint)
    return None


def _unsettled(connector: "Connector") -> _Verdict | None:
    others = sorted(_states(connector) - {"RUNNING"})
    if not others:
        return None
    reason = f"{', '.join(others)}: no worker runs it at the moment"
    return _Verdict("unknown", reason, "look again in a few seconds")


def _running(connector: "Connector", url: str, *, answers: bool) -> _Verdict:
    if not connector.tasks:
        return _Verdict("fail", "RUNNING without a task: nothing is captured", _restart(url))
    if not answers:
        reason = "the worker says RUNNING but gives no offsets: its Kafka may be down"
        return _Verdict("unknown", reason, "bictl doctor")
    return _Verdict("ok", "")


def _states(connector: "Connector") -> set[str]:
    return {connector.state, *(task.state for task in connector.tasks)}


def _restart(url: str) -> str:
    return f"remove the cause, then: curl -X POST '{url}/restart?includeTasks=true&onlyFailed=true'"


def _task(task: "Task") -> TaskStatus:
    return TaskStatus(
        id=task.id,
        state=task.state,
        worker=task.worker,
        error=task.trace.partition("\n")[0],
        cause=root_cause(task.trace) if task.trace else "",
    )


def root_cause(trace: str) -> str:
    """The message of the last "Caused by" of a Java trace, or its first line."""
    causes = [line for line in trace.split("\n") if line.startswith("Caused by: ")]
    return (causes[-1].removeprefix("Caused by: ") if causes else trace.partition("\n")[0]).strip()


def decode(offset: "Offset") -> Position:
    """A committed offset in words, for Debezium's SQL Server and Postgres sources and for sinks."""
    where, at = offset.partition, offset.offset
    if "kafka_topic" in where:
        place = f"{where['kafka_topic']} {where.get('kafka_partition')}"
        return Position(source=place, mode="sink", text=f"offset {at.get('kafka_offset')}")
    return Position(
        source="/".join(str(value) for value in where.values()),
        mode="snapshot" if at.get("snapshot") else "streaming",
        text=_place(at),
        at=_moment(at.get("ts_usec")),
    )


def _place(offset: Mapping[str, Any]) -> str:
    """Log sequence numbers as their own databases write them."""
    if "commit_lsn" in offset:
        parts = [f"commit_lsn {offset['commit_lsn']}"]
        if offset.get("change_lsn"):
            parts.append(f"change_lsn {offset['change_lsn']}")
        return ", ".join(parts)
    if isinstance(lsn := offset.get("lsn"), int):
        return f"lsn {lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"
    return ", ".join(f"{key} {value}" for key, value in sorted(offset.items()))


def _moment(microseconds: object) -> datetime | None:
    if not isinstance(microseconds, int):
        return None
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    except OverflowError:
        return None
