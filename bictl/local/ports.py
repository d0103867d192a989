"""Free ports on loopback, below the range that the kernel gives to outgoing connections."""

import random
import socket
from collections.abc import Collection

HOST = "127.0.0.1"
COMPANION = 10_000  # SeaweedFS dials some of its gRPC ports at the HTTP port plus this
_CHOICE = range(12_000, 22_000)


def is_free(port: int) -> bool:
    """Whether nobody listens there; remains of closed connections do not count."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def choose(taken: Collection[int]) -> int:
    """A free port whose companion is free too, and neither is in `taken`."""
    while True:
        port = random.choice(_CHOICE)  # noqa: S311 (two stacks should rarely meet)
        pair = (port, port + COMPANION)
        if not set(pair) & set(taken) and all(map(is_free, pair)):
            return port
