"""Kafka Connect: the worker and the connector, when there is one."""

from collections.abc import Generator
from typing import TYPE_CHECKING

from bictl import cdc
from bictl.counted import counted
from bictl.doctor.probe import Answer, Probe
from bictl.errors import NotFound

if TYPE_CHECKING:
    from bictl.clients import Clients
    from bictl.clients.connect import ConnectWorker
    from bictl.settings import Connect, Table


def connect(clients: "Clients") -> Generator[Probe, None, None]:
    """The worker and its connector, when one is configured."""
    settings = clients.settings.connect
    if not settings.url:
        text = "not configured: source and connector are out of scope"
        yield Probe("worker", lambda: Answer("skipped", text))
        return
    worker = clients.connect()
    yield Probe("worker", lambda: _worker(worker), door=True)
    yield Probe(f"connector {settings.connector}", lambda: _connector(worker, settings))
    tables = tuple(clients.settings.tables.values())
    yield Probe("its configuration", lambda: _configuration(worker, settings.connector, tables))


def _worker(worker: "ConnectWorker") -> Answer:
    return Answer("ok", f"Kafka Connect {worker.worker().version} at {worker.address}")


def _connector(worker: "ConnectWorker", settings: "Connect") -> Answer:
    [status] = cdc.status(worker, name=settings.connector)
    if status.health == "ok":
        return Answer("ok", f"RUNNING, {counted(len(status.tasks), 'task')}")
    return Answer(status.health, status.reason, status.hint)


def _configuration(worker: "ConnectWorker", name: str, tables: "tuple[Table, ...]") -> Answer:
    """What `bictl cdc validate` would say of the configuration that runs."""
    try:
        running = worker.connector(name)
    except NotFound:
        return Answer("skipped", "there is no such connector")
    draft = cdc.ConnectorFile(name, running.config, worker.address)
    found = cdc.look(worker, draft, cdc.Around(tables=tables, connector=name, allow=["name"]))
    if not found.findings:
        return Answer("ok", "no rule is broken")
    first = (*found.failures, *found.warnings)[0]
    more = len(found.findings) - 1
    rest = f"; {more} more" if more else ""
    return Answer(
        "fail" if found.failures else "warn",
        f"{first.key}: {first.message}{rest}",
        first.hint or None,
    )
