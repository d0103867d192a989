"""Starting one service and ending it: its ports, its process, its log."""

import signal
import time
from collections.abc import Sequence
from pathlib import Path

from bictl.clients.awaited import awaiting
from bictl.errors import StageFailed, TimedOut
from bictl.local import ports, processes, state
from bictl.local.processes import Process
from bictl.local.service import Service
from bictl.local.state import State
from bictl.records import OnWait, Stop

_ATTEMPTS = 4  # a port may be taken between its choice and its use, a killed server linger
_LAST_WORDS = 12  # lines of a log that an error shows
_PATIENCE = 10.0  # seconds that a service has to end by itself


class Launcher:
    """Launches the services of one directory; `notes` says which ports had to change.

    `timeout` is how many seconds a service has until it answers.
    """

    def __init__(
        self, directory: Path, kept: State, services: Sequence[Service], *, timeout: float
    ) -> None:
        self._directory, self._state, self._services = directory, kept, services
        self._timeout = timeout
        self.notes: list[str] = []

    def launch_unless_running(self, service: Service) -> None:
        """Start the service, or write down its process, which a killed command started."""
        found = self.find(service)
        if not found:
            self._launch(service)
        elif found[0] != self._state.processes.get(service.name):
            self._state.processes[service.name] = found[0]
            state.save(self._directory, self._state)

    def _launch(self, service: Service) -> None:
        """The intention is written first: whoever kills us here leaves no process without ports."""
        self._choose_ports(service)
        state.save(self._directory, self._state)
        service.prepare()
        log = self.log(service)
        if log.exists():
            log.replace(log.with_suffix(".log.1"))
        process = processes.spawn(service.command(), log=log)
        self._state.processes[service.name] = process
        state.save(self._directory, self._state)

    def _choose_ports(self, service: Service) -> None:
        kept = self._state.ports
        for name in service.port_names:
            before = kept.get(name)
            if before is not None and ports.is_free(before):
                continue
            kept[name] = ports.choose(kept.values())
            if before is not None:
                self.notes.append(f"port {before} ({name}) is taken, {kept[name]} is used instead")
                for dependant in self._services:
                    if name in dependant.depends_on:
                        self.end(dependant)

    def wait(self, service: Service, stop: Stop, on_wait: OnWait) -> None:
        """Wait until the service does its work; one that ends is started a few times more.

        `on_wait` is told once that it takes long.
        """
        started = time.monotonic()
        deadline = started + self._timeout
        attempts, said = 1, False
        while not stop():
            process = self._state.processes[service.name]
            with awaiting(f"{service.name} of the local stack (pid {process.pid})"):
                is_ready = service.is_ready()
            if is_ready and processes.is_alive(process):
                return
            if not said and time.monotonic() - started > service.usual_start:
                on_wait(
                    f"{service.name} (pid {process.pid}) runs but does not answer yet; "
                    f"waiting up to {self._timeout:g} s"
                )
                said = True
            if not processes.is_alive(process):
                if attempts == _ATTEMPTS:
                    raise self._ended(service)
                attempts += 1
                time.sleep(0.3)
                self._launch(service)
            if time.monotonic() > deadline:
                raise TimedOut(
                    f"{service.name} runs but has not answered for {self._timeout:.0f} s",
                    hint=f"look at {self.log(service)}, then: bictl stack down, bictl stack up",
                )
            time.sleep(0.03)

    def _ended(self, service: Service) -> StageFailed:
        log = self.log(service)
        words = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_WORDS:]
        return StageFailed(
            "\n  ".join([f"{service.name} ended at its start; its last words:", *words]),
            hint=f"the whole log is {log}",
        )

    def end(self, service: Service, *, first: signal.Signals | None = None) -> bool:
        """End the service's processes and tidy up behind it; whether there were any."""
        found = [process for marks in service.marks() for process in processes.find(marks)]
        for process in found:
            processes.end(process, first=first or service.stop_signal, patience=_PATIENCE)
        service.tidy()
        return bool(found)

    def find(self, service: Service) -> list[Process]:
        """The service's process: the one that was written down, else the one that has its marks."""
        found = processes.find(service.marks()[0])
        kept = self._state.processes.get(service.name)
        return sorted(found, key=lambda process: process != kept)

    def log(self, service: Service) -> Path:
        """Where the service writes."""
        return self._directory / f"{service.name}.log"
