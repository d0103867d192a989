"""The end of a dbt whose parent died, and of its queries: certain, whatever it makes of the signal.

The kernel sends it SIGINT at its parent's death (clients/process). That is not enough: interrupted
at a bad moment, dbt rolls back a connection whose query another of its threads awaits, and psycopg2
waits for that query in C, where Python hears no signal.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

_LOOK = 0.5  # seconds between two looks at the parent
_PATIENCE = 3.0  # seconds in which a dbt that heard has cancelled its queries


def end_after(parent: int, *, cancel: Callable[[], None], patience: float = _PATIENCE) -> None:
    """Lets this process end after the process `parent`, which started it. Called in the main
    thread.

    It has `patience` seconds for what the kernel's signal made it do, and as many again after
    `cancel` ended what it may be waiting for and another signal came. Then it is killed.
    """
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    watch = threading.Thread(target=_watch, args=(parent, cancel, patience), daemon=True)
    watch.start()


def cancel_queries() -> None:
    """Cancels what dbt's connections are at; callable from any thread, unlike dbt's own way."""
    factory = sys.modules.get("dbt.adapters.factory")
    for adapter in list(factory.FACTORY.adapters.values()) if factory else ():
        for connection in list(adapter.connections.thread_connections.values()):
            with suppress(Exception):  # it has just been closed, or never was open
                connection._handle.cancel()


def _watch(parent: int, cancel: Callable[[], None], patience: float) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK)
    signal.setitimer(signal.ITIMER_REAL, 3 * patience)  # where even `cancel` hangs
    time.sleep(patience)
    cancel()
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(patience)
    cancel()
    os.kill(os.getpid(), signal.SIGKILL)
