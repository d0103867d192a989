"""A Kafka broker on loopback, whichever: it serves when it answers a Metadata request (API 3,
version 1), which is asked by hand."""

import socket
import struct
from pathlib import Path
from typing import ClassVar

from bictl.clients.listener import exactly
from bictl.local.ports import HOST
from bictl.local.service import Place

_OF_ALL_TOPICS = struct.pack(">hhih5si", 3, 1, 0, 5, b"bictl", -1)


class Broker:
    """What the stack's brokers have in common: where they are, and when they serve."""

    name: ClassVar[str] = "kafka"

    def __init__(self, place: Place) -> None:
        self._place = place

    def elsewhere(self) -> list[Path]:
        """Nothing."""
        return []

    def is_ready(self) -> bool:
        """Whether it answers."""
        return self.answers()

    def answers(self) -> bool:
        """Whether it gives the cluster's metadata, one broker in it."""
        return broker_answers(self._place.ports["kafka"])

    def endpoint(self) -> str:
        """The bootstrap server."""
        return f"{HOST}:{self._place.ports['kafka']}"


def broker_answers(port: int) -> bool:
    """Whether the broker on loopback gives the cluster's metadata, one broker in it."""
    try:
        with socket.create_connection((HOST, port), timeout=5) as peer:
            peer.sendall(struct.pack(">i", len(_OF_ALL_TOPICS)) + _OF_ALL_TOPICS)
            size, _correlation, brokers = struct.unpack(">iii", exactly(peer, 12))
    except OSError:
        return False
    return bool(size > 8 and brokers == 1)
