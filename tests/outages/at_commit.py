"""TCP to Postgres that ends in the middle of a COMMIT: the only moment whose outcome nobody knows.

Toxiproxy counts bytes and does not read them, so this one is our own. Format of the message:
https://www.postgresql.org/docs/current/protocol-message-formats.html (Query).
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Literal

COMMIT = b"Q\x00\x00\x00\x0bcommit\x00"
Moment = Literal["before", "after"]  # the server has heard of it


class AtCommit:
    """Leads to `127.0.0.1:server` and cuts a connection at its COMMITs of these numbers (from 1
    on, counted over all connections): before the server hears of it, or after it has answered."""

    def __init__(self, server: int, *, numbers: range, moment: Moment) -> None:
        self._server, self._numbers, self._moment = server, numbers, moment
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self.seen = self.cut = 0
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        return self._listener.getsockname()[1]

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._server))
                muted = threading.Event()  # what the server says goes nowhere
                for target, words in (
                    (self._requests, (client, server, muted)),
                    (_answers, (client, server, muted)),
                ):
                    threading.Thread(target=target, args=words, daemon=True).start()

    def _requests(self, client: socket.socket, server: socket.socket, muted) -> None:
        with suppress(OSError):
            while part := client.recv(1 << 16):
                if part == COMMIT and self._is_to_be_cut():
                    muted.set()
                    if self._moment == "after":
                        server.sendall(part)
                        server.shutdown(socket.SHUT_WR)  # it answers what it has, and ends
                    break
                server.sendall(part)
            if not muted.is_set() or self._moment == "before":
                server.shutdown(socket.SHUT_RDWR)
                client.shutdown(socket.SHUT_RDWR)

    def _is_to_be_cut(self) -> bool:
        with self._lock:
            self.seen += 1
            self.cut += self.seen in self._numbers
            return self.seen in self._numbers


def _answers(client: socket.socket, server: socket.socket, muted: threading.Event) -> None:
    with suppress(OSError):
        while part := server.recv(1 << 16):
            if not muted.is_set():
                client.sendall(part)
    with suppress(OSError):
        client.shutdown(socket.SHUT_RDWR)


@contextmanager
def at_commit(server: int, *, numbers: range, moment: Moment) -> Iterator[AtCommit]:
    wire = AtCommit(server, numbers=numbers, moment=moment)
    try:
        yield wire
    finally:
        wire.close()
