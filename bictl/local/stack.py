"""The three embedded services together: one directory, one lock, found again from any terminal."""

import os
import shutil
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bictl.errors import AccessDenied, NotFound, StageFailed
from bictl.local import configuration, state
from bictl.local.launch import Launcher
from bictl.local.postgres import Postgres
from bictl.local.seaweed import Seaweed
from bictl.local.service import Place, Service
from bictl.local.tansu import Tansu
from bictl.records import (
    OnProgress,
    OnWait,
    Progress,
    Stop,
    never_stop,
    no_progress,
    wait_silently,
)


@dataclass(frozen=True)
class ServiceStatus:
    """One service: `running` (answers), `silent` (a process that does not answer) or `stopped`."""

    name: str
    state: str
    pid: int | None
    endpoint: str
    log: Path


class Stack:
    """The services of one state directory."""

    def __init__(self, state_dir: Path, *, timeout: float = 60.0) -> None:
        self.state_dir = state_dir.absolute()
        self.directory = self.state_dir / "stack"
        self.configuration = self.directory / "bictl.toml"
        self._timeout = timeout

    @classmethod
    def start(
        cls,
        state_dir: Path,
        *,
        timeout: float = 60.0,
        on_progress: OnProgress = no_progress,
        on_wait: OnWait = wait_silently,
        stop: Stop = never_stop,
    ) -> "Stack":
        """Start what does not run yet and wait until every service does its work, or until `stop`
        says so: then what was started goes on.

        Raises MissingDependency without the extra `demo`, StageFailed with a service's last words
        when it ends, TimedOut when it does not answer.
        """
        stack = cls(state_dir, timeout=timeout)
        stack._make_directories()
        with stack._locked(stop=stop, on_wait=on_wait):
            stack._start(on_progress, on_wait, stop)
        return stack

    @property
    def notes(self) -> list[str]:
        """What differs from the last start: ports that somebody else took."""
        return self._launcher.notes

    def stop(self) -> list[str]:
        """End every process of this stack, also of a start that was killed or whose directory was
        removed; the names of those that ran."""
        if not self._is_there():
            self._open(state.State())
            return self._stop()
        with self._locked(lenient=True):
            return self._stop()

    def purge(self) -> list[str]:
        """Stop, and remove all data."""
        if not self._is_there():
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
        if not self._is_there() or not (self.directory / "stack.json").is_file():
            return []
        self._open(state.load(self.directory))
        with ThreadPoolExecutor(
            len(self.services)
        ) as pool:  # one that hangs costs its seconds once
            return list(pool.map(self._status, self.services))

    def kill(self, name: str) -> None:
        """SIGKILL one service, as a crash would; for tests of what depends on it."""
        with self._locked():
            self._launcher.end(self._service(name), first=signal.SIGKILL)

    def _start(self, on_progress: OnProgress, on_wait: OnWait, stop: Stop) -> None:
        if not self._state.ports:
            self._stop()  # what runs here belongs to a directory that was removed
        state.save(self.directory, self._state)
        storage, database, broker = self.services
        self._launcher.launch_unless_running(storage)
        self._launcher.launch_unless_running(database)
        for done, service in enumerate((storage, database, broker)):
            on_progress(
                Progress(stage="stack", done=done, total=3, unit="services", note=service.name)
            )
            self._launcher.launch_unless_running(service)
            self._launcher.wait(service, stop, on_wait)
            if stop():
                return
        state.write_private(self.configuration, configuration.text(self._place))
        on_progress(Progress(stage="stack", done=3, total=3, unit="services"))

    def _stop(self) -> list[str]:
        return [service.name for service in reversed(self.services) if self._launcher.end(service)]

    def _status(self, service: Service) -> ServiceStatus:
        found = self._launcher.find(service)
        chosen = set(service.port_names) <= self._state.ports.keys()
        answers = bool(found) and chosen and service.answers()
        return ServiceStatus(
            name=service.name,
            state="running" if answers else "silent" if found else "stopped",
            pid=found[0].pid if found else None,
            endpoint=service.endpoint() if chosen else "-",
            log=self._launcher.log(service),
        )

    def _service(self, name: str) -> Service:
        for service in self.services:
            if service.name == name:
                return service
        raise NotFound("service", name, existing=[service.name for service in self.services])

    def _open(self, kept: state.State) -> None:
        self._state = kept
        self._place = place = Place(self.directory, kept.ports, kept.secrets)
        self.services: tuple[Service, ...] = (Seaweed(place), Postgres(place), Tansu(place))
        self._launcher = Launcher(self.directory, kept, self.services, timeout=self._timeout)

    @contextmanager
    def _locked(
        self,
        *,
        lenient: bool = False,
        stop: Stop = never_stop,
        on_wait: OnWait = wait_silently,
    ) -> Iterator[None]:
        """Hold the lock and read stack.json; `lenient`: a damaged one counts as empty."""
        with state.lock(self.state_dir, patience=self._timeout, stop=stop, on_wait=on_wait):
            try:
                self._open(state.load(self.directory))
            except StageFailed:
                if not lenient:
                    raise
                self._open(state.State())
            yield

    def _is_there(self) -> bool:
        try:
            return self.directory.is_dir()
        except PermissionError as error:
            raise self._refused(error) from None

    def _make_directories(self) -> None:
        """As root, Postgres is another user, who walks through; files keep their own rights."""
        as_root = os.geteuid() == 0
        try:
            for directory in (self.state_dir, self.directory):
                directory.mkdir(mode=0o700, parents=True, exist_ok=True)
                if as_root:
                    directory.chmod(directory.stat().st_mode | 0o011)
        except (PermissionError, FileExistsError, NotADirectoryError) as error:
            raise self._refused(error) from None

    def _refused(self, error: OSError) -> AccessDenied:
        return AccessDenied(
            f"cannot use {self.directory}: {error.strerror}",
            hint="set BICTL_STATE_DIR to a directory of yours",
        )
