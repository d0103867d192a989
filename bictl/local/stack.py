"""The services of one state directory together: one lock, found again from any terminal.

A stack is of one kind for as long as its data is there: the embedded broker, or (`jvm`) a real
Kafka with Connect and a source. The broker's topics are what the batches in S3 were cut from, so
another broker under the same data would be a loss.
"""

import os
import shutil
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bictl import settings
from bictl.errors import AccessDenied, NotFound, StageFailed, UsageError
from bictl.local import configuration, jars, source, state
from bictl.local.capture import write_file
from bictl.local.connect import ConnectWorker, source_file
from bictl.local.java import java
from bictl.local.kafka import Kafka
from bictl.local.launch import Launcher
from bictl.local.ports import HOST
from bictl.local.postgres import Postgres
from bictl.local.seaweed import Seaweed
from bictl.local.service import Place, Service
from bictl.local.source import Source
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
from bictl.settings import Secret

_PATIENCE = {False: 60.0, True: 180.0}  # seconds for one service, by whether it is a `jvm` stack


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
        jvm: bool | None = None,
        timeout: float = _PATIENCE[True],
        on_progress: OnProgress = no_progress,
        on_wait: OnWait = wait_silently,
        stop: Stop = never_stop,
    ) -> "Stack":
        """Start what does not run yet and wait until every service does its work, or until `stop`
        says so: then what was started goes on. `jvm`: with a real Kafka, Connect and a source; None
        is what the directory holds, and in a new one without.

        Raises UsageError where the directory holds a stack of the other kind, MissingDependency
        without the extra `demo`, Java or Maven, StageFailed with a service's last words when it
        ends, TimedOut when it does not answer.
        """
        stack = cls(state_dir)
        stack._make_directories()
        kind = _kind(state.load(stack.directory), jvm, stack.directory)
        stack._timeout = min(timeout, _PATIENCE[kind])
        if kind:
            java()
            jars.fetch(on_wait=on_wait, stop=stop)
            if stop():
                return stack
        with stack._locked(stop=stop, on_wait=on_wait):
            stack._open(replace(stack._state, jvm=_kind(stack._state, jvm, stack.directory)))
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

    @property
    def jvm(self) -> bool:
        """Whether its broker is a real Kafka, with Connect and a source beside it."""
        return self._state.jvm

    @property
    def source(self) -> settings.Postgres:
        """The source database of a `jvm` stack, where it is now."""
        kept = state.load(self.directory)
        return settings.Postgres(
            host=HOST,
            port=kept.ports["source"],
            dbname=source.DATABASE,
            user=source.USER,
            password=Secret(kept.secrets["source"]),
        )

    @property
    def source_file(self) -> Path:
        """What a connector of a `jvm` stack reads: `${file:…:host}`, port, user, password."""
        return source_file(self._place)

    def kill(self, name: str) -> None:
        """SIGKILL one service, as a crash would; for tests of what depends on it."""
        with self._locked():
            self._launcher.end(self._service(name), first=signal.SIGKILL)

    def _start(self, on_progress: OnProgress, on_wait: OnWait, stop: Stop) -> None:
        if not self._state.ports:
            self._stop()  # what runs here belongs to a directory that was removed
        state.save(self.directory, self._state)
        for service in self.services:
            if not service.depends_on:  # these start side by side
                self._launcher.launch_unless_running(service)
        total = len(self.services)
        for done, service in enumerate(self.services):
            on_progress(
                Progress(stage="stack", done=done, total=total, unit="services", note=service.name)
            )
            self._launcher.launch_unless_running(service)
            self._launcher.wait(service, stop, on_wait)
            if stop():
                return
        if self._state.jvm:
            write_file(configuration.connectors_dir(self.directory), self.source_file)
        text = configuration.text(self._place, jvm=self._state.jvm)
        if self.configuration.is_file():
            old = self.configuration.read_text(encoding="utf-8")
            text = configuration.with_tables_of(old, text)
        state.write_private(self.configuration, text)
        on_progress(Progress(stage="stack", done=total, total=total, unit="services"))

    def _stop(self) -> list[str]:
        """Of both kinds: whose processes run is not always written down."""
        others = _services(self._place, jvm=not self._state.jvm)[2:]
        every = (*reversed(self.services), *reversed(others))
        return [service.name for service in every if self._launcher.end(service)]

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
        self.services = _services(place, jvm=kept.jvm)
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


def _kind(kept: state.State, wanted: bool | None, directory: Path) -> bool:
    """Whether it is to be a `jvm` stack; UsageError where there is one of the other kind."""
    if not kept.ports:
        return bool(wanted)
    if wanted not in (None, kept.jvm):
        raise UsageError(
            f"the stack in {directory} was made with "
            f"{'a real Kafka' if kept.jvm else 'the embedded broker'}; "
            "its data belongs to that broker",
            hint="bictl stack up starts it as it is; for the other one remove it "
            "(bictl stack down --purge) or set BICTL_STATE_DIR to another directory",
        )
    return kept.jvm


def _services(place: Place, *, jvm: bool) -> tuple[Service, ...]:
    """Storage and database, then what is different: each after what it depends on."""
    if jvm:
        return Seaweed(place), Postgres(place), Source(place), Kafka(place), ConnectWorker(place)
    return Seaweed(place), Postgres(place), Tansu(place)
