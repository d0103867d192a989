"""A Kafka Connect worker: what it says, and the changes it makes on request.

No answer leaves this file with a secret in it.

https://kafka.apache.org/documentation/#connect_rest
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from bictl.clients.connect_config import Difference, differences, errors_by_key
from bictl.clients.connect_rest import Rest
from bictl.errors import NotFound
from bictl.settings import Connect
from bictl.settings.redact import mask, redact


@dataclass(frozen=True, kw_only=True)
class Worker:
    """What a worker says about itself; `cluster` is the id of its Kafka cluster."""

    version: str
    cluster: str


@dataclass(frozen=True, kw_only=True)
class Plugin:
    """A connector class that the worker can run; `kind` is source or sink."""

    name: str
    kind: str
    version: str


@dataclass(frozen=True, kw_only=True)
class Task:
    """One task as the worker reports it; `trace` is Java's, empty unless it failed."""

    id: int
    state: str
    worker: str
    trace: str


@dataclass(frozen=True, kw_only=True)
class Connector:
    """One connector as the worker reports it; the values of `config` are masked.

    `kind` is source, sink or, for a while after a deletion, unknown.
    """

    name: str
    kind: str
    state: str
    worker: str
    trace: str
    tasks: tuple[Task, ...]
    config: Mapping[str, str]


@dataclass(frozen=True)
class Offset:
    """One committed source or sink offset; the connector's class decides what its keys mean."""

    partition: Mapping[str, Any]
    offset: Mapping[str, Any]


class ConnectWorker:
    """The worker behind `[connect] url`; each call opens a connection of its own.

    `timeout` (seconds) bounds each wait for the worker. Every call raises Unreachable when nothing
    answers or the worker is starting, TimedOut when the answer takes too long, AccessDenied on 401
    and 403, Refused for an error of the worker's own, ConfigError for a url that is not its. What
    is about one connector raises NotFound with those that exist.

    A change returns as soon as the worker took it: its effect is seen later, and a TimedOut does
    not say that it was not made. Its caller reads back.
    """

    def __init__(self, connect: Connect, *, timeout: float = 30.0) -> None:
        self._rest = Rest(connect, timeout=timeout)

    @property
    def address(self) -> str:
        """The worker's URL."""
        return self._rest.address

    def worker(self) -> Worker:
        """The worker's version and cluster: also the cheapest sign of life."""
        found = self._rest.get("/")
        if not isinstance(found, dict) or "kafka_cluster_id" not in found:
            self._rest.other_service("an answer without kafka_cluster_id")
        return Worker(version=str(found.get("version", "")), cluster=found["kafka_cluster_id"])

    def plugins(self) -> tuple[Plugin, ...]:
        """The connector classes that the worker found, by name."""
        return tuple(
            Plugin(
                name=str(one["class"]),
                kind=str(one.get("type", "")),
                version=str(one.get("version") or ""),
            )
            for one in sorted(self._rest.get("/connector-plugins"), key=lambda one: one["class"])
        )

    def names(self) -> list[str]:
        """The connectors' names."""
        return sorted(str(name) for name in self._rest.get("/connectors"))

    def overview(self) -> tuple[Connector, ...]:
        """Every connector, by name. One that was created this moment may still be missing."""
        found = self._rest.get("/connectors?expand=status&expand=info")
        if not isinstance(found, dict):
            self._rest.other_service("a list where connectors with their status were expected")
        return tuple(
            _connector(name, parts.get("status", {}), parts.get("info", {}))
            for name, parts in sorted(found.items())
        )

    def connector(self, name: str) -> Connector:
        """One connector; NotFound lists what exists.

        Between its creation and its first report it counts as UNASSIGNED.
        """
        path = _path(name)
        info = self._about(name, path)
        try:
            status = self._about(name, f"{path}/status")
        except NotFound:  # "No status found for connector": 404 for a connector that is there
            status = {}
        return _connector(name, status, info)

    def offsets(self, name: str) -> tuple[Offset, ...]:
        """The connector's committed offsets; needs Kafka Connect 3.5.

        The worker reads them from Kafka: while that is down, the call ends in TimedOut.
        """
        found = self._about(name, f"{_path(name)}/offsets")
        return tuple(Offset(item["partition"], item["offset"] or {}) for item in found["offsets"])

    def topics(self, name: str) -> tuple[str, ...]:
        """The topics that the connector has written since it was created or reset."""
        found = self._about(name, f"{_path(name)}/topics")
        return tuple(sorted(found[name]["topics"]))

    def pause(self, name: str) -> None:
        """Its tasks stay and do nothing; a failed one stays failed."""
        self._about(name, f"{_path(name)}/pause", "PUT")

    def resume(self, name: str) -> None:
        """Ends a pause or a stop; restarts no failed task."""
        self._about(name, f"{_path(name)}/resume", "PUT")

    def stop(self, name: str) -> None:
        """Its tasks end, and with them their traces; needs Kafka Connect 3.5."""
        self._about(name, f"{_path(name)}/stop", "PUT")

    def restart(self, name: str, *, only_failed: bool) -> None:
        """The connector and its tasks; with `only_failed` those of them that have failed."""
        choice = f"includeTasks=true&onlyFailed={str(only_failed).lower()}"
        self._about(name, f"{_path(name)}/restart?{choice}", "POST")

    def delete(self, name: str) -> None:
        """Its offsets stay in the worker's Kafka: one of the same name goes on from there."""
        self._about(name, _path(name), "DELETE")

    def reset_offsets(self, name: str) -> None:
        """Forgets how far it was; it has to be stopped. Needs Kafka Connect 3.6."""
        self._about(name, f"{_path(name)}/offsets", "DELETE")

    def keys(self, plugin: str) -> frozenset[str]:
        """The keys that a connector class lists; NotFound for one that the worker does not have.

        A worker before 3.2 lists none; Debezium's plugins know more than they list.
        """
        classes = [one.name for one in self.plugins()]
        if not any(plugin in _aliases(one) for one in classes):
            raise NotFound("connector class", plugin, existing=classes, where=f"on {self.address}")
        try:
            found = self._rest.get(f"{_plugin_path(plugin)}/config")
        except NotFound:
            return frozenset()
        return frozenset(str(item["name"]) for item in found)

    def validate(self, name: str, config: Mapping[str, str]) -> Mapping[str, tuple[str, ...]]:
        """The worker's errors by key.

        A source's plugin tries its database: ~15 s when that refuses, 90 s when it is silent.
        """
        path = f"{_plugin_path(config['connector.class'])}/config/validate"
        return errors_by_key(self._rest.send("PUT", path, {**config, "name": name}))

    def differences(self, name: str, config: Mapping[str, str]) -> tuple[Difference, ...]:
        """What `put` of this configuration would change; NotFound when there is no such connector.

        Nothing at all: a put would only restart it.
        """
        return differences(self._about(name, f"{_path(name)}/config"), config)

    def put(self, name: str, config: Mapping[str, str]) -> None:
        """Creates the connector, or gives it another configuration: it starts anew."""
        self._rest.send("PUT", f"{_path(name)}/config", dict(config))

    def tasks_have(self, name: str, config: Mapping[str, str]) -> bool:
        """Whether every task has got these values."""
        tasks = self._about(name, f"{_path(name)}/tasks")
        return all(config.items() <= task["config"].items() for task in tasks)

    def _about(self, name: str, path: str, method: str = "GET") -> Any:
        if {"", ".", ".."} & set(name.split("/")):  # it would be another path
            raise NotFound("connector", name, existing=self.names(), where=f"on {self.address}")
        try:
            return self._rest.send(method, path)
        except NotFound as error:
            if error.kind != "path":
                raise
            names = self.names()
            if name in names:
                raise
            raise NotFound(
                "connector",
                name,
                existing=names,
                where=f"on {self.address}",
                hint=None if names else "it has no connector; from a file: bictl cdc apply",
            ) from error


def _aliases(kind: str) -> tuple[str, str, str]:
    """What a configuration may call a connector class: the worker takes all three."""
    simple = kind.rpartition(".")[2]
    return kind, simple, simple.removesuffix("Connector")


def _plugin_path(kind: str) -> str:
    return f"/connector-plugins/{quote(kind, safe='')}"


def _path(name: str) -> str:
    return f"/connectors/{quote(name, safe='')}"


def _connector(name: str, status: Mapping[str, Any], info: Mapping[str, Any]) -> Connector:
    own = status.get("connector", {})
    return Connector(
        name=name,
        kind=str(status.get("type") or info.get("type") or "unknown"),
        state=str(own.get("state", "UNASSIGNED")),
        worker=str(own.get("worker_id", "")),
        trace=redact(str(own.get("trace", ""))),
        tasks=tuple(
            Task(
                id=int(task["id"]),
                state=str(task["state"]),
                worker=str(task.get("worker_id", "")),
                trace=redact(str(task.get("trace", ""))),
            )
            for task in status.get("tasks", ())
        ),
        config={
            key: mask(key, str(value)) for key, value in sorted(info.get("config", {}).items())
        },
    )
