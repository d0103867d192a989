"""Kafka Connect: the worker and the connector, when there is one."""

from collections.abc import Generator
from typing import TYPE_CHECKING

from bictl import cdc
from bictl.doctor.probe import Answer, Probe

if TYPE_CHECKING:
    from bictl.clients import Clients
    from bictl.clients.connect import ConnectWorker
    from bictl.settings import Connect


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


def _worker(worker: "ConnectWorker") -> Answer:
    return Answer("ok", f"Kafka Connect {worker.worker().version} at {worker.address}")


def _connector(worker: "ConnectWorker", settings: "Connect") -> Answer:
    [status] = cdc.status(worker, name=settings.connector)
    if status.health == "ok":
        return Answer("ok", f"RUNNING, {len(status.tasks)} tasks")
    return Answer(status.health, status.reason, status.hint)
