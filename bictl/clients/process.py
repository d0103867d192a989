"""A child process whose lines are read as they come, and which does not outlive this one."""

import contextlib
import ctypes
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self, cast

from bictl.errors import TimedOut
from bictl.records import Stop

_LOOK = 0.2  # seconds between two looks at whether to stop
_GRACE = 10.0  # seconds that a child may take to end by itself
_PR_SET_PDEATHSIG = 1  # prctl(2)
_running: "set[Child]" = set()


class Child:
    """A running program in a process group of its own; leaving the context ends the group.

    It gets SIGINT when it is to end, also when this process dies, whatever killed it: a program
    that handles Ctrl-C (dbt cancels its queries) ends as it would at a terminal. One that may make
    too little of our death's signal looks after it itself (clients/orphan).
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        directory: Path,
        errors: Path,
    ) -> None:
        with errors.open("wb") as stderr:
            self._process = subprocess.Popen(
                command,
                env=dict(environment),
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                start_new_session=True,
                preexec_fn=_die_with(os.getpid()),  # noqa: PLW1509 - it takes no lock
            )
        self._stdout = cast(IO[bytes], self._process.stdout)
        _running.add(self)

    @property
    def pid(self) -> int:
        """Its process id, which is its group's too."""
        return self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end(_GRACE)
        self._process.wait()
        self._stdout.close()
        _running.discard(self)

    def end(self, patience: float) -> None:
        """Ends its group: with SIGINT, and with SIGKILL what is left after `patience` seconds."""
        if not self._ended(0):
            self._signal(signal.SIGINT)
            self._ended(patience)
        self._signal(signal.SIGKILL)  # it is not reaped yet, so the group's number is still its own

    def lines(self, *, stop: Stop, timeout: float | None = None) -> Iterator[bytes]:
        """What it writes on stdout, line by line, until it ends or `stop` asks for it.

        Raises TimedOut after `timeout` seconds.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        rest = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._stdout, selectors.EVENT_READ)
            while not stop():
                if deadline is not None and time.monotonic() > deadline:
                    raise TimedOut(f"not finished within {timeout:g} s", hint="run it again")
                if not selector.select(_LOOK):
                    continue
                read = os.read(self._stdout.fileno(), 1 << 16)
                *whole, rest = (rest + read).split(b"\n")
                yield from whole
                if not read:
                    return

    def wait(self) -> int:
        """The exit code of a child that is ending by itself; negative for a signal."""
        if self._ended(_GRACE):
            return self._process.wait()
        raise TimedOut("the program closed its output and did not end")

    def _ended(self, seconds: float) -> bool:
        """Whether it has ended after at most that long; it is not reaped by asking."""
        deadline = time.monotonic() + seconds
        while self._process.returncode is None:
            try:
                found = os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
            except ChildProcessError:  # another thread has just reaped it
                return True
            if found:
                return True
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.01)
        return True

    def _signal(self, number: int) -> None:
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)


def end_children(patience: float) -> None:
    """Ends every child that runs, for a process that ends at once; callable from any thread."""
    for child in tuple(_running):
        child.end(patience)


def _die_with(parent: int) -> Callable[[], None]:
    """What the child does before it becomes the program: it asks to hear of our death."""
    libc = ctypes.CDLL(None, use_errno=True)

    def prepare() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a background job ignores it
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGINT)
        if os.getppid() != parent:  # it died before prctl was called
            os.kill(os.getpid(), signal.SIGKILL)

    return prepare
