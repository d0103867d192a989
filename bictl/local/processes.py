"""Processes that outlive their parent: started in sessions of their own, found again, ended.

A process is named by its pid and its start time (field 22 of /proc/<pid>/stat, in clock ticks since
boot), because pids are used again. Its marks, arguments that nobody else's command line has, find
it even when nothing was written down.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_POLL = 0.02  # seconds
_children: dict[int, "subprocess.Popen[bytes]"] = {}  # ours are reaped, not left as zombies


@dataclass(frozen=True)
class Process:
    """A running process: `started` tells it from a later one with the same pid."""

    pid: int
    started: int


@dataclass(frozen=True)
class Command:
    """What to run. `name` stands as argv[0]; `account` is (uid, gid), None for our own."""

    executable: Path
    arguments: Sequence[str]
    cwd: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    account: tuple[int, int] | None = None


def spawn(command: Command, *, log: Path) -> Process:
    """Start a command that survives us; its output is appended to `log`."""
    with open(log, "ab", opener=_private) as output:
        child = subprocess.Popen(
            [command.name or str(command.executable), *command.arguments],
            executable=command.executable,
            cwd=command.cwd,
            env=dict(command.environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            **as_account(command.account),
        )
    _children[child.pid] = child
    return observe(child.pid) or Process(child.pid, -1)


def as_account(account: tuple[int, int] | None) -> dict[str, Any]:
    """The arguments of subprocess that run a command as another user."""
    if account is None:
        return {}
    return {"user": account[0], "group": account[1], "extra_groups": []}


def observe(pid: int) -> Process | None:
    """The process that has this pid now; None when there is none, or only its zombie."""
    if pid in _children and _children[pid].poll() is not None:
        del _children[pid]
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    state, *rest = fields.rpartition(")")[2].split()  # the name before it may hold anything
    threads, started = int(rest[16]), int(rest[18])
    if state in "ZX" and threads <= 1:  # while other threads end, files and ports are still held
        return None
    return Process(pid, started)


def is_alive(process: Process) -> bool:
    """Whether it is still the same process."""
    return observe(process.pid) == process


def find(marks: Sequence[str]) -> list[Process]:
    """Every process whose arguments hold all the marks, each as a whole argument."""
    return [
        process
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit()
        and set(marks) <= set(_arguments(entry))
        and (process := observe(int(entry.name)))
    ]


def end(process: Process, *, first: signal.Signals, patience: float) -> None:
    """End a process: with its own signal, and with SIGKILL after `patience` seconds."""
    for number, seconds in ((first, patience), (signal.SIGKILL, 10.0)):
        if not is_alive(process):
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)
        _wait_for_end(process, seconds)


def _wait_for_end(process: Process, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while is_alive(process) and time.monotonic() < deadline:
        time.sleep(_POLL)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _arguments(entry: Path) -> list[str]:
    try:
        return (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []
