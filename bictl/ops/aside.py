"""Work beside the work: a call in a thread that nobody has to wait for."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from bictl.errors import TimedOut

_T = TypeVar("_T")


class Answer(Generic[_T]):
    """What a call gives that is made at once, in a thread of its own.

    The process ends without waiting for it, also when the call never returns.
    """

    def __init__(self, ask: Callable[[], _T]) -> None:
        self._ask = ask
        self._came = threading.Event()
        self._found: list[_T] = []
        self._error: BaseException | None = None
        threading.Thread(target=self._work, daemon=True).start()

    def within(self, seconds: float, *, late: str) -> _T:
        """The answer, or what the call raised; TimedOut with the words `late` after `seconds`."""
        if not self._came.wait(max(seconds, 0)):
            raise TimedOut(late)
        if self._error is not None:
            raise self._error
        return self._found[0]

    def _work(self) -> None:
        try:
            self._found.append(self._ask())
        except BaseException as error:  # for the thread that waits
            self._error = error
        self._came.set()
