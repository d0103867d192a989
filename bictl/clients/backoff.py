"""How long to wait before the next try: longer each time, and never twice the same."""

import random
from collections.abc import Iterator


def pauses(first: float, most: float) -> Iterator[float]:
    """Seconds, without end: around `first`, doubled up to `most`, each by chance between the half
    and the whole of that, so that those whom one outage hit do not all come back at once."""
    limit = first
    while True:
        yield limit * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, guards nothing
        limit = min(limit * 2, most)
