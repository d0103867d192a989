"""Whom this process waits for: what a deadline and SIGUSR1 tell a person who watches."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_waiting: dict[int, str] = {}  # by thread


@contextmanager
def awaiting(whom: str) -> Iterator[None]:
    """Inside the block this thread waits for `whom`: a service, its address, no secret."""
    thread = threading.get_ident()
    outer = _waiting.get(thread)
    _waiting[thread] = whom
    try:
        yield
    finally:
        if outer is None:
            _waiting.pop(thread, None)
        else:
            _waiting[thread] = outer


def awaited_by(thread: int) -> str | None:
    """Whom that thread waits for; None when for nobody."""
    return _waiting.get(thread)


def awaited() -> str | None:
    """Whom the main thread waits for, else whom another one does; None when nobody waits."""
    main = threading.main_thread().ident or 0
    return _waiting.get(main) or next(iter(dict(_waiting).values()), None)
