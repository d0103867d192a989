"""The end of a Python program whose parent died: certain, though it may have missed the signal.

The kernel sends it SIGINT at its parent's death (clients/process), once. Python swallows the
KeyboardInterrupt that this becomes where it cannot be raised, in a destructor or a callback of C.
"""

import os
import signal
import threading
import time

_LOOK = 0.5  # seconds between two looks at the parent
_PATIENCE = 5.0  # seconds in which a program that heard has cancelled its queries


def end_after(parent: int, *, patience: float = _PATIENCE) -> None:
    """Lets this process end after the process `parent`, which started it.

    It has `patience` seconds for what the kernel's signal made it do, twice as many again for what
    further ones do, and is then ended by the kernel, whatever Python is at. Called in the main
    thread.
    """
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    watch = threading.Thread(target=_watch, args=(parent, patience), daemon=True)
    watch.start()


def _watch(parent: int, patience: float) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK)
    signal.setitimer(signal.ITIMER_REAL, 3 * patience)  # SIGALRM: no Python is asked
    while True:
        time.sleep(patience)
        os.kill(os.getpid(), signal.SIGINT)
