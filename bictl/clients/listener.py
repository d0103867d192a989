"""What listens at an address: asked when a service does not answer as it should.

Each question is put on a connection of its own, all at once; nothing is logged in and nothing is
changed. Formats: https://www.postgresql.org/docs/current/protocol-message-formats.html
(SSLRequest), https://kafka.apache.org/protocol (ApiVersions 0, SaslHandshake 1).
"""

import queue
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Literal, NamedTuple, TypeVar
from urllib.parse import SplitResult

PATIENCE = 2.0  # seconds: a service that has said nothing by then is looked at
_ANSWER = 1.0  # seconds for one question
_SSL_REQUEST = struct.pack(">ii", 8, 80877103)
_CORRELATION = 0x62696374
_API_VERSIONS, _SASL_HANDSHAKE = 18, 17
_UNSUPPORTED_MECHANISM = 33

_T = TypeVar("_T")
Service = Literal["Postgres", "Kafka", "HTTP", "TLS"]


class Listener(NamedTuple):
    """A service as it showed itself; `mechanisms` are those of a broker that wants a login."""

    service: Service
    tls: bool = False
    mechanisms: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """For a sentence: `… is Postgres`."""
        names = {
            ("HTTP", False): "an HTTP service",
            ("HTTP", True): "an HTTPS service",
            ("Kafka", True): "a Kafka broker with TLS",
            ("Kafka", False): "a Kafka broker",
        }
        other = "a service with TLS" if self.service == "TLS" else self.service
        return names.get((self.service, self.tls), other)

    def is_web(self, scheme: str) -> bool:
        """Whether it may be what a URL of that scheme means."""
        return self.service in ("HTTP", "TLS") and self.tls == (scheme == "https")

    def scheme_hint(self, key: str, url: SplitResult) -> str | None:
        """What to write when only the URL's scheme is wrong."""
        if self.service not in ("HTTP", "TLS"):
            return None
        return f'write {key} = "{"https" if self.tls else "http"}://{url.netloc}"'


def listener(host: str, port: int) -> Listener | None:
    """What answers there; None when nothing does in words that are known here."""
    questions = (
        _postgres,
        lambda ask: _kafka(ask, tls=False),
        lambda ask: _kafka(ask, tls=True),
        lambda ask: _http(ask, tls=False),
        lambda ask: _http(ask, tls=True),
        _tls,
    )
    answers: queue.SimpleQueue[Listener | None] = queue.SimpleQueue()

    def ask(question: Callable[[_Connect], Listener | None]) -> None:
        found = None
        with suppress(OSError, struct.error):  # ssl.SSLError is one
            found = question(lambda tls: _connection(host, port, tls=tls))
        answers.put(found)

    for question in questions:
        threading.Thread(target=ask, args=(question,), daemon=True).start()
    vague = None  # what has TLS may still say what it is
    for _ in questions:
        found = answers.get()
        if found and found.service != "TLS":
            return found
        vague = vague or found
    return vague


def certificate_hint(words: str, *, key: str, ca: str) -> str:
    """What to do about a certificate that was not trusted; `words` are OpenSSL's or libpq's."""
    if "expired" in words:
        return "have the server's certificate renewed"
    if any(part in words for part in ("not valid for", "mismatch", "not match", "n't match")):
        return f"write {key} with the name that the server's certificate is for"
    return f"set {ca} to the file of the authority that signed the server's certificate"


def distrust(host: str, port: int, *, authority: str = "", postgres: bool = False) -> str | None:
    """OpenSSL's words for why a server's certificate is not trusted; None when it is."""
    if authority in ("", "system"):
        context = ssl.create_default_context()
    else:
        context = ssl.create_default_context(cafile=authority)
    try:
        with socket.create_connection((host, port), _ANSWER) as connection:
            if postgres:
                connection.sendall(_SSL_REQUEST)
                connection.recv(1)
            context.wrap_socket(connection, server_hostname=host).close()
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    except OSError:
        return None  # it is something else that is wrong
    return None


def begun(ask: Callable[[], _T]) -> "queue.SimpleQueue[tuple[_T | None, BaseException | None]]":
    """Asks in a thread of its own; where (answer, None) or (None, error) will be."""
    answers: queue.SimpleQueue[tuple[_T | None, BaseException | None]] = queue.SimpleQueue()

    def answer() -> None:
        try:
            answers.put((ask(), None))
        except BaseException as error:  # for the thread that waits
            answers.put((None, error))

    threading.Thread(target=answer, daemon=True).start()
    return answers


def patiently(ask: Callable[[], _T], suspect: Callable[[BaseException | None], None]) -> _T:
    """What `ask` returns or raises. When it fails, or takes long (None), `suspect` is called, which
    may know better and raise; a call that still waits is left to its own timeout."""
    answers = begun(ask)
    try:
        found, error = answers.get(timeout=PATIENCE)
    except queue.Empty:
        suspect(None)
        found, error = answers.get()
    if error is not None:
        suspect(error)
        raise error
    return found  # type: ignore[return-value]


_Connect = Callable[[bool], socket.socket]


def _connection(host: str, port: int, *, tls: bool) -> socket.socket:
    connection = socket.create_connection((host, port), _ANSWER)
    if not tls:
        return connection
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # who it is matters not, only that it is TLS
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        return context.wrap_socket(connection, server_hostname=host)
    except OSError:
        connection.close()
        raise


def _postgres(connect: _Connect) -> Listener | None:
    with connect(False) as connection:
        connection.sendall(_SSL_REQUEST)
        answer = connection.recv(2)
    return Listener("Postgres", tls=answer == b"S") if answer in (b"S", b"N") else None


def _http(connect: _Connect, *, tls: bool) -> Listener | None:
    with connect(tls) as connection:
        connection.sendall(b"HEAD / HTTP/1.0\r\nHost: localhost\r\n\r\n")
        answer = connection.recv(200)
    if not answer.startswith(b"HTTP/"):
        return None
    # Go's servers say in clear that they want TLS
    return None if b" 400 " in answer and not tls and _tls(connect) else Listener("HTTP", tls=tls)


def _kafka(connect: _Connect, *, tls: bool) -> Listener | None:
    with connect(tls) as connection:
        if _ask_broker(connection, _API_VERSIONS, 0, b"") is None:
            return None
        mechanisms: tuple[str, ...] = ()
        with suppress(OSError, struct.error):
            answer = _ask_broker(connection, _SASL_HANDSHAKE, 1, struct.pack(">h1s", 1, b"?"))
            mechanisms = _mechanisms(answer or b"")
    return Listener("Kafka", tls=tls, mechanisms=mechanisms)


def _tls(connect: _Connect) -> Listener | None:
    try:
        connect(True).close()
    except ssl.SSLError as error:
        return Listener("TLS", tls=True) if "ALERT" in (error.reason or "") else None
    return Listener("TLS", tls=True)


def _ask_broker(connection: socket.socket, api: int, version: int, body: bytes) -> bytes | None:
    """The answer's body; None when it is not the answer to this question."""
    request = struct.pack(">hhih", api, version, _CORRELATION, -1) + body
    connection.sendall(struct.pack(">i", len(request)) + request)
    size, correlation = struct.unpack(">ii", exactly(connection, 8))
    if correlation != _CORRELATION or not 4 < size < 1 << 20:
        return None
    return exactly(connection, size - 4)


def _mechanisms(answer: bytes) -> tuple[str, ...]:
    error, count = struct.unpack_from(">hi", answer)
    if error != _UNSUPPORTED_MECHANISM:
        return ()
    names, place = [], 6
    for _ in range(count):
        (length,) = struct.unpack_from(">h", answer, place)
        names.append(answer[place + 2 : place + 2 + length].decode("ascii", "replace"))
        place += 2 + length
    return tuple(name for name in names if name != "?")  # some repeat what was asked for


def exactly(connection: socket.socket, size: int) -> bytes:
    """So many bytes; ConnectionResetError where the connection ends before."""
    answer = b""
    while len(answer) < size:
        part = connection.recv(size - len(answer))
        if not part:
            raise ConnectionResetError("ended early")
        answer += part
    return answer
