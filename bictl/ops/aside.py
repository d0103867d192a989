"""Work beside the work: a call in a thread that nobody has to wait for."""

import queue
import threading
from collections.abc import Callable
from typing import Generic, NoReturn, TypeVar

from bictl.errors import TimedOut

_T = TypeVar("_T")


class Answer(Generic[_T]):
    """What a call gives that is made at once, in a thread of its own.

    The process ends without waiting for it, also when the call never returns.
    """

    def __init__(self, ask: Callable[[], _T]) -> None:
        self._ask = ask
        self._came: queue.SimpleQueue[Callable[[], _T]] = queue.SimpleQueue()
        threading.Thread(target=self._work, daemon=True).start()

    def within(self, seconds: float, *, late: str) -> _T:
        """The answer, or what the call raised; TimedOut with the words `late` after `seconds`.

        To be taken once.
        """
        try:
            give = self._came.get(timeout=max(seconds, 0.001))
        except queue.Empty:
            raise TimedOut(late) from None
        return give()

    def _work(self) -> None:
        try:
            found = self._ask()
        except BaseException as error:  # for the thread that waits
            self._came.put(_raising(error))
        else:
            self._came.put(lambda: found)


def _raising(error: BaseException) -> Callable[[], NoReturn]:
    def give() -> NoReturn:
        raise error

    return give
