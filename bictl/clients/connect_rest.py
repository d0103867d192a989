"""Requests to a REST service that answers in JSON, over the standard library's HTTP client.

Follows no redirect and uses no proxy, so that credentials go to the configured host alone.
"""

import base64
import http.client
import json
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn
from urllib.parse import urlsplit

from bictl.clients.awaited import awaiting
from bictl.clients.listener import certificate_hint, listener, patiently
from bictl.clients.whole_headers import WholeHeaders
from bictl.errors import (
    AccessDenied,
    BictlError,
    ConfigError,
    NotFound,
    StageFailed,
    TimedOut,
    Unreachable,
)
from bictl.settings import Connect
from bictl.settings.redact import redact

_LARGEST = 64 * 1024 * 1024  # bytes of an answer that are read
_SHARING_OUT = b"cannot be completed because a rebalance is expected"
_BUSY = {429, 502, 503, 504}  # of the worker, or of a proxy before one that is not up
_REBALANCE = 0.5  # seconds between two tries while the workers share out their tasks
_PORT_HINT = "[connect] url names the worker's REST port, 8083 by default"


class Refused(StageFailed):
    """The worker answered with an error of its own: its HTTP `status` and what it `said`."""

    def __init__(self, message: str, *, hint: str, status: int, said: str) -> None:
        super().__init__(message, hint=hint)
        self.status, self.said = status, said


class _Answer(NamedTuple):
    status: int
    kind: str  # the content type
    body: bytes

    @property
    def rebalances(self) -> bool:
        """Whether the workers are sharing out their tasks, so that nothing was done: a 409, and
        for some requests a 500 (seen on 3.9.1)."""
        return self.status == 409 or (self.status == 500 and _SHARING_OUT in self.body)


class Rest:
    """The worker's address, its credentials, and how its failures are called here.

    `timeout` (seconds) bounds each wait for the worker. `get` and `send` raise Unreachable when
    nothing answers, TimedOut when the answer takes too long, AccessDenied on 401 and 403,
    NotFound("path") on the service's own 404, ConfigError when it is another service, Refused for
    what else the worker says no to. A change whose answer did not come may have been made.
    """

    def __init__(self, connect: Connect, *, timeout: float) -> None:
        if not connect.url:
            raise ConfigError(
                "[connect] url is not configured", hint='write it as url = "http://localhost:8083"'
            )
        self._url, self._settings, self._timeout = urlsplit(connect.url), connect, timeout

    @property
    def address(self) -> str:
        """The URL, without a slash at its end."""
        return self._url.geturl().rstrip("/")

    def get(self, path: str) -> Any:
        """The JSON behind a path."""
        return self.send("GET", path)

    def send(self, method: str, path: str, body: object = None) -> Any:
        """The worker's JSON to a request with this one, or None where it answers without any.

        While the workers share out their tasks nothing is done, so it is tried again then; nothing
        else ever is.
        """
        deadline = time.monotonic() + self._timeout
        while True:
            answer = self._ask(method, path, body)
            if not answer.rebalances:
                return self._read(path, answer)
            if time.monotonic() + _REBALANCE > deadline:
                raise TimedOut(
                    f"the workers around {self.address} were sharing out their tasks for "
                    f"{self._timeout:g} s",
                    hint="try again; if it stays so, look at the workers' logs",
                )
            time.sleep(_REBALANCE)

    def other_service(self, what: str) -> NoReturn:
        """Raises ConfigError: something answered, and it is not Kafka Connect."""
        raise ConfigError(f"{self.address} is not a Kafka Connect worker: {what}", hint=_PORT_HINT)

    def _ask(self, method: str, path: str, body: object) -> _Answer:
        try:
            with awaiting(f"Kafka Connect at {self.address}"):
                return patiently(lambda: self._exchange(method, path, body), self._suspect)
        except (OSError, http.client.HTTPException) as error:
            raise self._failure(error) from error

    def _exchange(self, method: str, path: str, body: object) -> _Answer:
        connection = self._connection()
        headers, content = self._headers(), None
        if body is not None:
            headers["Content-Type"], content = "application/json", json.dumps(body).encode()
        try:
            connection.request(
                method, f"{self._url.path.rstrip('/')}{path}", body=content, headers=headers
            )
            answer = connection.getresponse()
            kind = answer.headers.get_content_type()
            found = answer.read(_LARGEST)
            if answer.length and len(found) < _LARGEST:  # a bounded read takes less for all
                raise http.client.IncompleteRead(found, answer.length)
            return _Answer(answer.status, kind, found)
        finally:
            connection.close()

    def _suspect(self, error: BaseException | None) -> None:
        """ConfigError when another service listens there, or listens otherwise."""
        if isinstance(error, (BictlError, ssl.SSLCertVerificationError)):
            return
        scheme = self._url.scheme
        port = self._url.port or (443 if scheme == "https" else 80)
        found = listener(self._url.hostname or "", port)
        if found is not None and not found.is_web(scheme):
            raise ConfigError(
                f"expected Kafka Connect at {self.address} (connect.url), found {found.words}",
                hint=found.scheme_hint("connect.url", self._url) or _PORT_HINT,
            ) from error

    def _failure(self, error: Exception) -> BictlError:
        for kind, explain in _FAILURES:
            if isinstance(error, kind):
                return explain(self, error)
        raise error

    def _connection(self) -> http.client.HTTPConnection:
        host, port = self._url.hostname or "", self._url.port
        if self._url.scheme == "http":
            connection = http.client.HTTPConnection(host, port, timeout=self._timeout)
            connection.response_class = WholeHeaders
            return connection
        try:
            context = ssl.create_default_context(cafile=self._settings.ca_file or None)
        except OSError as error:
            raise ConfigError(
                f"[connect] ca_file {self._settings.ca_file} cannot be read: {error.strerror}",
                hint="name a file of PEM certificates",
            ) from None
        secure = http.client.HTTPSConnection(host, port, timeout=self._timeout, context=context)
        secure.response_class = WholeHeaders
        return secure

    def _headers(self) -> dict[str, str]:
        headers = {"Accept": "application/json"}
        if self._settings.username:
            pair = f"{self._settings.username}:{self._settings.password.reveal() or ''}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        return headers

    def _read(self, path: str, answer: _Answer) -> Any:
        if answer.status in (401, 403):
            if answer.kind == "application/xml":
                self.other_service("it answers in XML, as an object store does")
            raise AccessDenied(
                f"Kafka Connect at {self.address} refused {path} ({answer.status})",
                hint="check [connect] username and password",
            )
        if answer.status in _BUSY:
            raise Unreachable(
                f"Kafka Connect at {self.address} answered {answer.status} to {path}",
                hint="see whether the worker is up, then run the same command again",
            )
        if answer.status == 404 and answer.kind != "application/json":
            # Jetty answers so for ~2.5 s after the port opens; a connector that is not there is
            # a 404 with JSON.
            raise Unreachable(
                f"the worker at {self.address} is starting: it does not know its own paths yet",
                hint="try again in a few seconds; if it stays so, another service answers there",
            )
        if answer.status < 300 and not answer.body:
            return None
        try:
            found = json.loads(answer.body)
        except ValueError:
            self.other_service(f"{answer.status} with {answer.kind} instead of JSON")
        if answer.status < 300:
            return found
        self._refuse(path, answer.status, found)

    def _refuse(self, path: str, status: int, found: object) -> NoReturn:
        message = redact(str(found.get("message", "") if isinstance(found, dict) else ""))
        if status == 404:
            raise NotFound("path", path, where=f"on {self.address}", hint=message)
        if "timed out" in message.lower():
            raise TimedOut(f"Kafka Connect at {self.address}: {message}", hint="try again")
        raise Refused(
            f"Kafka Connect at {self.address} answered {status} to {path}: {message}",
            hint="the worker's log says more",
            status=status,
            said=message,
        )


def _late(rest: Rest, error: Exception) -> BictlError:
    return TimedOut(
        f"Kafka Connect at {rest.address} did not answer in time",
        hint="is its Kafka up? a worker waits for it; --timeout SECONDS gives it longer",
    )


def _untrusted(rest: Rest, error: Exception) -> BictlError:
    words = getattr(error, "verify_message", "") or str(error)
    return ConfigError(
        f"no trusted TLS connection to {rest.address}: {words}",
        hint=certificate_hint(words, key="connect.url", ca="connect.ca_file"),
    )


def _no_tls(rest: Rest, error: Exception) -> BictlError:
    return Unreachable(
        f"no TLS with {rest.address}: {getattr(error, 'reason', None) or error}",
        hint="check the url's scheme, and [connect] ca_file for a private authority",
    )


def _cut_off(rest: Rest, error: Exception) -> BictlError:
    return Unreachable(
        f"Kafka Connect at {rest.address} broke its answer off",
        hint="see whether the worker is up, then run the same command again",
    )


def _no_answer(rest: Rest, error: Exception) -> BictlError:
    return Unreachable(
        f"{rest.address} closed the connection without an answer",
        hint=f"see whether the worker is up (its log says more); {_PORT_HINT}",
    )


def _no_http(rest: Rest, error: Exception) -> BictlError:
    name = type(error).__name__
    return Unreachable(f"{rest.address} does not speak HTTP ({name})", hint=_PORT_HINT)


def _no_service(rest: Rest, error: Exception) -> BictlError:
    unknown = isinstance(error, socket.gaierror)
    return Unreachable(
        f"no Kafka Connect at {rest.address}: {getattr(error, 'strerror', None) or error}",
        hint="correct connect.url; the name of a container is known inside its network only: "
        "from the host use localhost and the published port"
        if unknown
        else "start the worker, or correct connect.url",
    )


# What the HTTP client raises, the most special first.
_FAILURES: tuple[tuple[type[Exception], Callable[[Rest, Exception], BictlError]], ...] = (
    (TimeoutError, _late),
    (ssl.SSLCertVerificationError, _untrusted),
    (ssl.SSLError, _no_tls),
    (http.client.IncompleteRead, _cut_off),
    (ConnectionResetError, _no_answer),
    (http.client.HTTPException, _no_http),
    (OSError, _no_service),
)
