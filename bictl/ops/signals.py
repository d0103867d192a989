"""Stopping cleanly: the first SIGINT or SIGTERM asks, the second one ends the process at once."""

import signal
from collections.abc import Callable
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Any

from bictl.errors import Interrupted

_STOPPING = (signal.SIGINT, signal.SIGTERM)


def _say_nothing() -> None:
    """For runs that nobody watches."""


class StopFlag:
    """A stage's `stop`: true from the first signal on. Leaving the context restores the handlers.

    `on_first` is called once, when stopping was asked for; `on_usr1` on each SIGUSR1.
    """

    def __init__(self) -> None:
        self.signal_number: int | None = None
        self.on_first: Callable[[], None] = _say_nothing
        self.on_usr1: Callable[[], None] = _say_nothing
        self._asked = False
        self._before: dict[int, Any] = {}

    def __call__(self) -> bool:
        """Whether the run was asked to stop."""
        return self._asked

    def set(self) -> None:
        """Asks to stop without a signal: a deadline."""
        self._asked = True

    def check(self) -> None:
        """Raises Interrupted (exit 130 or 143) when a signal came: called after a clean stop."""
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

    def _install(self) -> None:
        for number in _STOPPING:
            self._before[number] = signal.signal(number, self._ask)
        self._before[signal.SIGUSR1] = signal.signal(signal.SIGUSR1, self._show)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.signal_number, self._asked = number, True
        # The kernel's own action, because a call that waits inside a C library (a long query)
        # would not let a Python handler run before it ends.
        for one in _STOPPING:
            signal.signal(one, signal.SIG_DFL)
        with suppress(RuntimeError, OSError):  # the stream was being written to; or it is gone
            self.on_first()

    def _show(self, number: int, frame: FrameType | None) -> None:
        with suppress(RuntimeError, OSError):
            self.on_usr1()


def catch_signals() -> StopFlag:
    """Installs the handlers and gives the flag; main thread only."""
    flag = StopFlag()
    flag._install()
    return flag
