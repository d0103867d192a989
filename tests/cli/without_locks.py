"""`python without_locks.py …` is bictl with both of its locks always free: for tests alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bictl.ops import locks


@contextmanager
def free(*_arguments: Any, **_options: Any) -> Iterator[None]:
    """A lock that everybody gets."""
    yield


if __name__ == "__main__":
    locks.topic_lock = free
    locks.stage_lock = free
    from bictl.cli.main import main

    main()
