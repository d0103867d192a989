"""Whether a Kafka broker serves: the answer to a Metadata request (API 3, version 1), by hand."""

import socket
import struct

from bictl.local.ports import HOST

_OF_ALL_TOPICS = struct.pack(">hhih5si", 3, 1, 0, 5, b"bictl", -1)


def broker_answers(port: int) -> bool:
    """Whether the broker on loopback gives the cluster's metadata, one broker in it."""
    try:
        with socket.create_connection((HOST, port), timeout=5) as peer:
            peer.sendall(struct.pack(">i", len(_OF_ALL_TOPICS)) + _OF_ALL_TOPICS)
            size, _correlation, brokers = struct.unpack(">iii", _exactly(peer, 12))
    except OSError:
        return False
    return bool(size > 8 and brokers == 1)


def _exactly(peer: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        part = peer.recv(size - len(found))
        if not part:
            raise ConnectionResetError("the broker hung up")
        found += part
    return found
