"""The end of a process that does not wait for its work: a second signal, a deadline."""

import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

_LAST_WORDS = 2.0  # seconds, on a loaded machine; nobody may be reading them
_CHILDREN = 1.0  # seconds that child processes have to end by themselves


def leave(code: int, words: Callable[[], None]) -> NoReturn:
    """Says the words, ends the child processes and this one; safe in any thread.

    What services still do for this process, they give up when its connections end.
    """
    speaking = threading.Thread(target=_try, args=(words,), daemon=True)
    speaking.start()
    speaking.join(_LAST_WORDS)
    if process := sys.modules.get("bictl.clients.process"):
        process.end_children(_CHILDREN)
    os._exit(code)


def _try(words: Callable[[], None]) -> None:
    with suppress(Exception):  # whatever it is, the process ends
        words()
