"""Each connector as a person needs it: its tasks, its position, its health."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bictl.cdc.flow import Flow, flow
from bictl.cdc.health import Health, judge, root_cause
from bictl.cdc.position import Position, decode
from bictl.errors import AccessDenied, NotFound, Unreachable

if TYPE_CHECKING:
    from bictl.clients.connect import Connector, ConnectWorker, Task
    from bictl.clients.topics import TopicReader


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
    flow: Flow


def status(
    worker: "ConnectWorker", *, name: str | None = None, reader: "TopicReader | None" = None
) -> tuple[ConnectorStatus, ...]:
    """Every connector of the worker, or the one of that name; NotFound lists what exists.

    With a `reader` also what their topics tell; a Kafka that was silent once is not asked again.
    """
    connectors = worker.overview() if name is None else (worker.connector(name),)
    silent = False
    found = []
    for connector in connectors:
        positions, silent = _positions(worker, connector, silent=silent)
        one = _status(worker, connector, positions, reader)
        reader = None if one.flow.unknown else reader
        found.append(one)
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
    worker: "ConnectWorker",
    connector: "Connector",
    positions: tuple[Position, ...] | None,
    reader: "TopicReader | None",
) -> ConnectorStatus:
    verdict = judge(connector, answers=positions is not None)
    topics = _topics(worker, connector)
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
        topics=topics,
        flow=_flow(reader, connector, topics, positions or ()),
    )


def _flow(
    reader: "TopicReader | None",
    connector: "Connector",
    topics: Sequence[str],
    positions: Sequence[Position],
) -> Flow:
    """What the topics tell of a source, and what its offsets tell of an incremental snapshot."""
    told = flow(reader, topics, connector.config) if connector.kind == "source" else Flow()
    running = "; ".join(one.incremental for one in positions if one.incremental)
    return replace(told, snapshot=running) if running else told


def _topics(worker: "ConnectWorker", connector: "Connector") -> tuple[str, ...]:
    try:
        return worker.topics(connector.name)
    except (NotFound, AccessDenied, Unreachable):  # tracking topics is an option of the worker
        return ()


def _task(task: "Task") -> TaskStatus:
    return TaskStatus(
        id=task.id,
        state=task.state,
        worker=task.worker,
        error=task.trace.partition("\n")[0],
        cause=root_cause(task.trace) if task.trace else "",
    )
