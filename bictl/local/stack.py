"""The three embedded services together: one directory, one lock, found again from any terminal."""

import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bictl.errors import AccessDenied, NotFound, StageFailed, TimedOut
from bictl.local import configuration, ports, processes, state
from bictl.local.postgres import Postgres
from bictl.local.processes import Process
from bictl.local.seaweed import Seaweed
from bictl.local.service import Place, Service
from bictl.local.tansu import Tansu
from bictl.records import OnProgress, Progress, Stop, never_stop, no_progress

_ATTEMPTS = 4  # a port may be taken between its choice and its use, a killed server linger
_LAST_WORDS = 12  # lines of a log that an error shows
_PATIENCE = 10.0  # seconds that a service has to end by itself


@dataclass(frozen=True)
class ServiceStatus:
    """One service: `running` (answers), `silent` (a process that does not answer) or `stopped`."""

    name: str
    state: str
    pid: int | None
    endpoint: str
    log: Path


class Stack:
    """The services of one state directory. `notes` says what differs from the last start."""

    def __init__(self, state_dir: Path, *, timeout: float = 60.0) -> None:
        self.state_dir = state_dir.absolute()
        self.directory = self.state_dir / "stack"
        self.configuration = self.directory / "bictl.toml"
        self.notes: list[str] = []
        self._timeout = timeout

    @classmethod
    def start(
        cls,
        state_dir: Path,
        *,
        timeout: float = 60.0,
        on_progress: OnProgress = no_progress,
        stop: Stop = never_stop,
    ) -> "Stack":
        """Start what does not run yet and wait until every service does its work, or until `stop`
        says so: then what was started goes on.

        Raises MissingDependency without the extra `demo`, StageFailed with a service's last words
        when it ends, TimedOut when it does not answer.
        """
        stack = cls(state_dir, timeout=timeout)
        stack._make_directories()
        with stack._locked():
            stack._start(on_progress, stop)
        return stack

    def stop(self) -> list[str]:
        """End every process of this stack, also of a start that was killed or whose directory was
        removed; the names of those that ran."""
        if not self.directory.is_dir():
            self._open(state.State())
            return self._stop()
        with self._locked(lenient=True):
            return self._stop()

    def purge(self) -> list[str]:
        """Stop, and remove all data."""
        if not self.directory.is_dir():
            return self.stop()
        with self._locked(lenient=True):
            ended = self._stop()
            for service in self.services:
                for directory in service.elsewhere():
                    shutil.rmtree(directory, ignore_errors=True)
            shutil.rmtree(self.directory, ignore_errors=True)
        return ended

    def status(self) -> list[ServiceStatus]:
        """What each service does now; nothing where the stack was never started."""
        if not (self.directory / "stack.json").is_file():
            return []
        self._open(state.load(self.directory))
        return [self._status(service) for service in self.services]

    def kill(self, name: str) -> None:
        """SIGKILL one service, as a crash would; for tests of what depends on it."""
        with self._locked():
            self._end(self._service(name), first=signal.SIGKILL)

    def restart(self, name: str) -> None:
        """End one service and start it again where it was."""
        with self._locked():
            self._end(self._service(name))
            self._start(no_progress, never_stop)

    def _start(self, on_progress: OnProgress, stop: Stop) -> None:
        if not self._state.ports:
            self._stop()  # what runs here belongs to a directory that was removed
        state.save(self.directory, self._state)
        storage, database, broker = self.services
        self._launch_unless_running(storage)
        self._launch_unless_running(database)
        for done, service in enumerate((storage, database, broker)):
            on_progress(
                Progress(stage="stack", done=done, total=3, unit="services", note=service.name)
            )
            self._launch_unless_running(service)
            self._await(service, stop)
            if stop():
                return
        state.write_private(self.configuration, configuration.text(self._place))
        on_progress(Progress(stage="stack", done=3, total=3, unit="services"))

    def _stop(self) -> list[str]:
        return [service.name for service in reversed(self.services) if self._end(service)]

    def _launch_unless_running(self, service: Service) -> None:
        found = self._find(service)
        if not found:
            self._launch(service)
        elif found[0] != self._state.processes.get(service.name):  # started by a killed command
            self._state.processes[service.name] = found[0]
            state.save(self.directory, self._state)

    def _launch(self, service: Service) -> None:
        """The intention is written first: whoever kills us here leaves no process without ports."""
        self._choose_ports(service)
        state.save(self.directory, self._state)
        service.prepare()
        log = self._log(service)
        if log.exists():
            log.replace(log.with_suffix(".log.1"))
        process = processes.spawn(service.command(), log=log)
        self._state.processes[service.name] = process
        state.save(self.directory, self._state)

    def _choose_ports(self, service: Service) -> None:
        kept = self._state.ports
        for name in service.port_names:
            before = kept.get(name)
            if before is not None and ports.is_free(before):
                continue
            kept[name] = ports.choose(kept.values())
            if before is not None:
                self.notes.append(f"port {before} ({name}) is taken, {kept[name]} is used instead")
                for dependant in self.services:
                    if name in dependant.depends_on:
                        self._end(dependant)

    def _await(self, service: Service, stop: Stop) -> None:
        deadline = time.monotonic() + self._timeout
        attempts = 1
        while not stop():
            process = self._state.processes[service.name]
            if service.is_ready() and processes.is_alive(process):
                return
            if not processes.is_alive(process):
                if attempts == _ATTEMPTS:
                    raise self._ended(service)
                attempts += 1
                time.sleep(0.3)
                self._launch(service)
            if time.monotonic() > deadline:
                raise TimedOut(
                    f"{service.name} runs but has not answered for {self._timeout:.0f} s",
                    hint=f"look at {self._log(service)}, then: bictl stack down, bictl stack up",
                )
            time.sleep(0.03)

    def _ended(self, service: Service) -> StageFailed:
        log = self._log(service)
        words = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_WORDS:]
        return StageFailed(
            "\n  ".join([f"{service.name} ended at its start; its last words:", *words]),
            hint=f"the whole log is {log}",
        )

    def _end(self, service: Service, *, first: signal.Signals | None = None) -> bool:
        found = [process for marks in service.marks() for process in processes.find(marks)]
        for process in found:
            processes.end(process, first=first or service.stop_signal, patience=_PATIENCE)
        service.tidy()
        return bool(found)

    def _find(self, service: Service) -> list[Process]:
        """The service's process: the one that was written down, else the one that has its marks."""
        found = processes.find(service.marks()[0])
        kept = self._state.processes.get(service.name)
        return sorted(found, key=lambda process: process != kept)

    def _status(self, service: Service) -> ServiceStatus:
        found = self._find(service)
        chosen = set(service.port_names) <= self._state.ports.keys()
        answers = bool(found) and chosen and service.answers()
        return ServiceStatus(
            name=service.name,
            state="running" if answers else "silent" if found else "stopped",
            pid=found[0].pid if found else None,
            endpoint=service.endpoint() if chosen else "-",
            log=self._log(service),
        )

    def _service(self, name: str) -> Service:
        for service in self.services:
            if service.name == name:
                return service
        raise NotFound("service", name, existing=[service.name for service in self.services])

    def _log(self, service: Service) -> Path:
        return self.directory / f"{service.name}.log"

    def _open(self, kept: state.State) -> None:
        self._state = kept
        self._place = place = Place(self.directory, kept.ports, kept.secrets)
        self.services: tuple[Service, ...] = (Seaweed(place), Postgres(place), Tansu(place))

    @contextmanager
    def _locked(self, *, lenient: bool = False) -> Iterator[None]:
        """Hold the lock and read stack.json; `lenient`: a damaged one counts as empty."""
        with state.lock(self.state_dir, patience=self._timeout):
            try:
                self._open(state.load(self.directory))
            except StageFailed:
                if not lenient:
                    raise
                self._open(state.State())
            yield

    def _make_directories(self) -> None:
        """As root, Postgres is another user, who walks through; files keep their own rights."""
        as_root = os.geteuid() == 0
        try:
            for directory in (self.state_dir, self.directory):
                directory.mkdir(mode=0o700, parents=True, exist_ok=True)
                if as_root:
                    directory.chmod(directory.stat().st_mode | 0o011)
        except (PermissionError, FileExistsError, NotADirectoryError) as error:
            raise AccessDenied(
                f"cannot use {self.directory}: {error.strerror}",
                hint="set BICTL_STATE_DIR to a directory of yours",
            ) from None
