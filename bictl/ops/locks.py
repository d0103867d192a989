"""Locks save work; correctness comes from the conditional writes and the unique keys alone.

Both locks are freed by a kernel when their holder dies: a file lock by the host's, an advisory
lock by Postgres with the holder's connection. No stale pid file can be left behind.
"""

import fcntl
import hashlib
import json
import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bictl import assets
from bictl.errors import LockHeld, UsageError
from bictl.records import OnWait, Stop, never_stop, wait_silently

if TYPE_CHECKING:
    from bictl.clients.database import Database

_POLL = 0.1  # seconds between two tries
_NAMING = 0.5  # seconds in which a new holder has written its name


@dataclass(frozen=True)
class Holder:
    """Who holds a lock; `since` is in seconds of the epoch, None where it cannot be learned."""

    pid: int
    host: str
    since: float | None
    command: str

    def __str__(self) -> str:
        age = "" if self.since is None else f", {_age(time.time() - self.since)} old"
        return f"pid {self.pid} on {self.host} ({self.command}{age})"


@contextmanager
def topic_lock(
    state_dir: Path,
    topic: str,
    *,
    wait: float,
    command: str,
    stop: Stop = never_stop,
    on_wait: OnWait = wait_silently,
) -> Iterator[None]:
    """One run a topic on this host, through flock on a file in the state directory.

    `on_wait` is told once who holds it. Raises LockHeld, naming the holder, after `wait` seconds;
    UsageError when the state directory cannot be written, or cannot lock.
    """
    file = _open(state_dir / "locks", topic)
    try:
        _retry(
            lambda: _flock(file, state_dir),
            lambda: _read_holder(file),
            wait=wait,
            stop=stop,
            on_wait=on_wait,
            what=f"topic {topic}",
        )
        _write_holder(file, command)
        yield
        os.ftruncate(file, 0)
    finally:
        os.close(file)


@contextmanager
def stage_lock(
    connection: "Database",
    stage: str,
    table: str,
    *,
    wait: float,
    command: str,
    stop: Stop = never_stop,
    on_wait: OnWait = wait_silently,
) -> Iterator[None]:
    """One run a stage and table on all hosts, through an advisory lock.

    `connection` serves the lock alone and is closed at the end. Its application_name carries the
    holder's command, pid and host, so that the second run can name it; `on_wait` is told it once.
    Raises LockHeld after `wait` seconds.
    """
    name = f"bictl:{stage}:{table}"
    try:
        # an open transaction keeps the server's session also behind a pooler that lends sessions
        connection.execute("begin")
        connection.rows(assets.sql("ops/hold"), [_application(command)])
        _retry(
            lambda: bool(connection.value(assets.sql("ops/lock"), [name])),
            lambda: _find_holder(connection, name),
            wait=wait,
            stop=stop,
            on_wait=on_wait,
            what=f"{stage} of table {table}",
        )
        yield
    finally:
        connection.close()


def holders(
    connection: "Database", *, state_dir: Path | None, topic: str, stages: Sequence[str], table: str
) -> dict[str, Holder]:
    """Who holds which lock of a table now: ingest's on this host, and the stages' on all. Takes
    none of them, not even for a moment."""
    found = {stage: _find_holder(connection, f"bictl:{stage}:{table}") for stage in stages}
    if state_dir is not None:
        found["ingest"] = _topic_holder(state_dir, topic)
    return {stage: holder for stage, holder in found.items() if holder is not None}


def _topic_holder(state_dir: Path, topic: str) -> Holder | None:
    path = _path(state_dir / "locks", topic)
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        return _read_holder(file) if _is_locked(os.fstat(file).st_ino) else None
    finally:
        os.close(file)


def _is_locked(inode: int) -> bool:
    """Whether any process holds a lock on the file, as the kernel lists them."""
    try:
        listed = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except OSError:
        return True  # then its content alone says who does
    return any(f":{inode} " in f"{line} " for line in listed)


def _retry(
    acquire: Callable[[], bool],
    holder: Callable[[], Holder | None],
    *,
    wait: float,
    stop: Stop,
    on_wait: OnWait,
    what: str,
) -> None:
    start, said = time.monotonic(), False
    while not acquire():
        waited = time.monotonic() - start
        found = holder()
        held = f"another run holds the lock of {what}: {found or 'it has just started'}"
        if stop() or waited >= (wait if found else max(wait, _NAMING)):
            raise LockHeld(held, hint="wait for it, or give --lock-wait SECONDS to wait here")
        if not said and (found or waited >= _NAMING):
            on_wait(f"{held}; waiting up to {wait:g} s")
            said = True
        time.sleep(_POLL)


def _open(folder: Path, topic: str) -> int:
    """The topic's lock file; a hash in its name keeps 249 characters within a file name's limit."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(_path(folder, topic), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise _refused(folder.parent, error) from None


def _path(folder: Path, topic: str) -> Path:
    return folder / f"{topic[:100]}-{hashlib.sha256(topic.encode()).hexdigest()[:12]}.lock"


def _refused(state_dir: Path, error: OSError) -> UsageError:
    return UsageError(
        f"cannot lock in the state directory {state_dir}: {error.strerror}",
        hint="give a local directory that you may write: BICTL_STATE_DIR=…",
    )


def _flock(file: int, state_dir: Path) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:  # a network's file system without locks
        raise _refused(state_dir, error) from None
    return True


def _write_holder(file: int, command: str) -> None:
    holder = Holder(os.getpid(), socket.gethostname(), time.time(), command)
    os.ftruncate(file, 0)
    os.pwrite(file, json.dumps(asdict(holder)).encode(), 0)


def _read_holder(file: int) -> Holder | None:
    """The holder, or None while the file still names one that is gone from this host."""
    try:
        holder = Holder(**json.loads(os.pread(file, 4096, 0)))
    except (ValueError, TypeError):
        return None
    gone = holder.host == socket.gethostname() and not Path(f"/proc/{holder.pid}").exists()
    return None if gone else holder


def _application(command: str) -> str:
    """`bictl <command> <pid>@<host>` within the 63 bytes that Postgres keeps."""
    at = f" {os.getpid()}@{socket.gethostname()}"[:50]
    return f"bictl {command.encode('ascii', 'replace').decode()[: 57 - len(at)]}{at}"


def _find_holder(connection: "Database", name: str) -> Holder | None:
    rows = connection.rows(assets.sql("ops/lock_holder"), (name,))
    if not rows:
        return None
    application, since = rows[0]
    command, _, at = application.removeprefix("bictl ").rpartition(" ")
    pid, _, host = at.partition("@")
    return Holder(int(pid), host, since, command) if pid.isdigit() else None


def _age(seconds: float) -> str:
    whole = max(0, int(seconds))
    if whole < 120:
        return f"{whole} s"
    return f"{whole // 60} min" if whole < 7200 else f"{whole // 3600} h"
