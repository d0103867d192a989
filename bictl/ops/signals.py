"""Stopping cleanly: the first SIGINT, SIGTERM or SIGHUP asks, the second one ends the process.

A thread hears of a signal even while a long call of a C library (a query) keeps Python's own
handlers waiting, so the words come at once and the second signal ends the process at once.
"""

import os
import select
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Any

from bictl.errors import Interrupted
from bictl.ops.leave import leave

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LAST_WORDS = 0.5  # seconds that words may take at the end: nobody may be reading them
_TOGETHER = 0.05  # seconds within which the same wish may come twice


def _say_nothing() -> None:
    """For runs that nobody watches."""


class StopFlag:
    """A stage's `stop`: true from the first signal on. Leaving the context restores the handlers.

    `on_first` is called once, when stopping was asked for, `on_second` before the process ends at
    once, `on_usr1` on each SIGUSR1; each in a thread of its own.
    """

    def __init__(self) -> None:
        self.signal_number: int | None = None
        self.on_first: Callable[[], None] = _say_nothing
        self.on_second: Callable[[], None] = _say_nothing
        self.on_usr1: Callable[[], None] = _say_nothing
        self._asked = False
        self._before: dict[int, Any] = {}
        self._watch: _Watch | None = None

    def __call__(self) -> bool:
        """Whether the run was asked to stop."""
        return self._asked

    def set(self) -> None:
        """Asks to stop without a signal: a deadline."""
        self._asked = True

    def check(self) -> None:
        """Raises Interrupted (exit 130, 143 or 129) when a signal came: after a clean stop."""
        if self.signal_number is not None:
            raise Interrupted(self.signal_number)

    def __enter__(self) -> "StopFlag":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self._watch is not None:
            self._watch.end()

    def _install(self) -> None:
        self._watch = _Watch(self._hear)
        for number in (*STOPPING, signal.SIGUSR1):
            if number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN:
                continue  # started by nohup: it is to outlive its terminal
            self._before[number] = signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        """Python's own handler, as soon as the main thread runs."""
        if number != signal.SIGUSR1:
            self._ask(number)

    def _ask(self, number: int) -> None:
        if self.signal_number is None:
            self.signal_number = number
        self._asked = True

    def _hear(self, number: int, count: int) -> None:
        """In the watching thread: the `count`th signal that asks to stop, or SIGUSR1."""
        if number == signal.SIGUSR1:
            _try(self.on_usr1)
            return
        self._ask(number)
        if count == 1:
            _try(self.on_first)
            return
        leave(128 + number, self.on_second)


class _Watch:
    """A thread that reads the numbers which the interpreter writes as soon as a signal comes."""

    def __init__(self, hear: Callable[[int, int], None]) -> None:
        self._hear, self._stops = hear, 0
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        self._before = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        self._thread = threading.Thread(target=self._run, name="signals", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Hears what came so far, and ends."""
        signal.set_wakeup_fd(self._before)
        os.close(self._write)
        self._thread.join(_LAST_WORDS)  # it may be writing to a pipe that nobody reads

    def _run(self) -> None:
        while numbers := os.read(self._read, 64):
            if signal.SIGUSR1 in numbers:
                self._hear(signal.SIGUSR1, self._stops)
            if stopping := [number for number in numbers if number in STOPPING]:
                if not self._stops:
                    self._forget_copies()
                self._stops += 1
                self._hear(stopping[0], self._stops)
        os.close(self._read)

    def _forget_copies(self) -> None:
        """timeout(1) sends its signal twice, to the process and to its group: that is one."""
        time.sleep(_TOGETHER)
        while select.select([self._read], [], [], 0)[0] and os.read(self._read, 64):
            pass


def _try(words: Callable[[], None]) -> None:
    with suppress(RuntimeError, OSError):  # the stream has gone
        words()


def catch_signals() -> StopFlag:
    """Installs the handlers and gives the flag; main thread only."""
    flag = StopFlag()
    flag._install()
    return flag
