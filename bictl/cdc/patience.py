"""Waiting for an effect: the worker takes a request at once and does it in its own time."""

import queue
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from bictl.clients.listener import begun
from bictl.errors import BictlError, Unreachable
from bictl.records import Stop, never_stop

PAUSE = 0.2  # seconds between two looks

_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True)
class Patience:
    """Until when an effect is waited for (`time.monotonic()`), and what ends the wait earlier."""

    until: float
    stop: Stop = never_stop

    @property
    def over(self) -> bool:
        """Whether the waiting ends now."""
        return self.stop() or time.monotonic() >= self.until


def unless(stop: Stop, ask: Callable[[], _T]) -> _T | None:
    """What `ask` returns or raises, or None when `stop` came first: for a request that changes
    nothing and whose answer takes long. It is left to its own timeout then."""
    answers = begun(ask)
    while not stop():
        with suppress(queue.Empty):
            found, error = answers.get(timeout=PAUSE)
            if error is not None:
                raise error
            return found
    return None


def await_effect(
    look: Callable[[], _T], is_seen: Callable[[_T], bool], patience: Patience
) -> tuple[_T, bool]:
    """(what the last look showed, whether the effect was seen).

    A worker that does not answer for a moment is asked again; it is Unreachable only when it is
    silent at the end.
    """
    while True:
        found, silence = _look(look)
        if silence is None and is_seen(found):  # type: ignore[arg-type]
            return found, True  # type: ignore[return-value]
        if patience.over:
            if silence is not None:
                raise silence
            return found, False  # type: ignore[return-value]
        time.sleep(PAUSE)


def _look(look: Callable[[], _T]) -> tuple[_T | None, BictlError | None]:
    try:
        return look(), None
    except Unreachable as error:
        return None, error
