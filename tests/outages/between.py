"""HTTP between the program and a service, which a test answers itself, cuts or rewrites.

A small server of our own: mitmproxy pins older releases of packages that bictl runs with.
The request goes on byte for byte with its own Host, so that a signature stays valid.
"""

import http.client
import http.server
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from urllib.parse import unquote

_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"}


@dataclass(frozen=True)
class Request:
    """What the program asked; `at` is in seconds of the monotonic clock."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def key(self) -> str:
        """The path without its query, in plain characters."""
        return unquote(self.path.partition("?")[0])


@dataclass(frozen=True)
class Answer:
    """What goes back; `cut` bytes of it where it does not arrive whole."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None


Pass = Callable[[], Answer]  # asks the service itself
Meddle = Callable[[Request, Pass], Answer]


def honest(request: Request, ask: Pass) -> Answer:
    """What the service says."""
    return ask()


def refusal(status: int, code: str) -> Answer:
    """An error of S3's."""
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{code}</Message></Error>"
    return Answer(status, body.encode(), {"Content-Type": "application/xml"})


class Held:
    """Meddles by keeping the n-th wanted request, until it is let go or `seconds` are over."""

    def __init__(
        self, wanted: Callable[[Request], bool], *, number: int, seconds: float = 300
    ) -> None:
        self._wanted, self._number, self._seconds = wanted, number, seconds
        self._lock, self._free, self._seen = threading.Lock(), threading.Event(), 0
        self.reached = threading.Event()

    def __call__(self, request: Request, ask: Pass) -> Answer:
        if self._wanted(request):
            with self._lock:
                self._seen += 1
                mine = self._seen == self._number
            if mine:
                self.reached.set()
                self._free.wait(self._seconds)
        return ask()

    def let_go(self) -> None:
        """The request goes on."""
        self._free.set()


class Between:
    """One address that leads to the service at `host:port`; `asked` is every request."""

    def __init__(self, service: str) -> None:
        self.service, self.meddle, self.asked = service, honest, list[Request]()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def pass_on(self, request: Request) -> Answer:
        """Asks the service."""
        connection = http.client.HTTPConnection(*self.service.split(":"), timeout=60)
        try:
            connection.request(request.method, request.path, request.body, request.headers)
            answer = connection.getresponse()
            headers = {k: v for k, v in answer.getheaders() if k.lower() not in _HOP}
            length = answer.headers.get("Content-Length") if request.method == "HEAD" else None
            headers |= {"Content-Length": length} if length else {}
            return Answer(answer.status, answer.read(), headers)
        finally:
            connection.close()


def _handler(between: Between) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _take(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = dict(self.headers.items())
            request = Request(self.command, self.path, headers, body, time.monotonic())
            between.asked.append(request)
            try:
                answer = between.meddle(request, lambda: between.pass_on(request))
                self._give(answer)
            except (OSError, http.client.HTTPException):  # one of the two ends is gone
                self.close_connection = True
                with suppress(OSError):
                    self.connection.shutdown(socket.SHUT_RDWR)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do_PATCH = _take

        def _give(self, answer: Answer) -> None:
            reason = http.client.responses.get(answer.status, "")
            given = dict(answer.headers)
            if self.command != "HEAD" and answer.status != 204:
                given["Content-Length"] = str(len(answer.body))
            lines = [f"HTTP/1.1 {answer.status} {reason}", f"Date: {self.date_time_string()}"]
            lines += [f"{name}: {value}" for name, value in given.items()]
            head = "\r\n".join([*lines, "", ""]).encode("latin-1")
            whole = head + (b"" if self.command == "HEAD" else answer.body)
            if answer.cut is None:
                self.wfile.write(whole)
                return
            self.wfile.write(whole[: answer.cut])
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    return Handler


def cut_after(answer: Answer, size: int) -> Answer:
    """The same of which only so many bytes arrive; a negative number leaves so many out."""
    return replace(answer, cut=size)
