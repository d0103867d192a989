"""Asks after a Postgres that a statement has waited for long: one that stands still holds its
caller for ever, while its kernel, or a proxy, goes on acknowledging the keepalives of TCP.

Who asks opens a connection beside the one that waits: whatever answers there, even with an error,
is alive, and its statement may take its time.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

_LOOK = 0.5  # seconds between two looks at who waits
_SILENCES = 2  # questions in a row without an answer, after which nobody is there

_watches: "set[Watch]" = set()
_lock = threading.Lock()
_asking: list[threading.Thread] = []


class Watch:
    """One wait; `silent` is True once it was given up. The server at `address` is asked by
    `is_silent` when the wait has lasted `patience` seconds, and from then on as often."""

    def __init__(
        self,
        address: str,
        *,
        patience: float,
        is_silent: Callable[[], bool],
        give_up: Callable[[], None],
    ) -> None:
        self.address, self.is_silent, self.silent = address, is_silent, False
        self._patience, self._give_up, self._silences = patience, give_up, 0
        self.begun = time.monotonic()
        self.due = self.begun + patience

    def hear(self, silent: bool) -> None:
        """Takes up what came of a question; gives the wait up where it was the last one."""
        self._silences = self._silences + 1 if silent else 0
        self.due = time.monotonic() + (0 if silent else self._patience)
        if self._silences < _SILENCES:
            return
        with _lock:  # what has just ended by itself is left alone
            if self in _watches:
                self.silent = True
                with suppress(Exception):
                    self._give_up()


@contextmanager
def watched(watch: Watch) -> Iterator[Watch]:
    """Inside the block the server is asked after."""
    if not _asking:
        _asking.append(threading.Thread(target=_ask_for_ever, name="vigil", daemon=True))
        _asking[0].start()
    _watches.add(watch)
    try:
        yield watch
    finally:
        with _lock:
            _watches.discard(watch)


def _ask_for_ever() -> None:
    while True:
        time.sleep(_LOOK)
        now = time.monotonic()
        due = [watch for watch in tuple(_watches) if watch.due <= now and not watch.silent]
        for address in {watch.address for watch in due}:  # one question for all who wait there
            waiting = [watch for watch in due if watch.address == address]
            silent = waiting[0].is_silent()
            for watch in waiting:
                watch.hear(silent)
