"""Work one step ahead, in a thread: the next object is read while Postgres takes this one."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")


def ahead(
    make: Callable[[Item], Made], items: Iterable[Item]
) -> Iterator[tuple[Item, "Future[Made]"]]:
    """Each item with its finished `make(item)`; never more than one is made in advance.

    `items` is asked for the next one in the caller's thread.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="bictl-ahead") as pool:
        current: tuple[Item, Future[Made]] | None = None
        for item in items:
            following = (item, pool.submit(make, item))
            if current is not None:
                yield current
            current = following
        if current is not None:
            yield current
