"""Until when a server's certificate, or one of our own files, is valid.

The certificate is looked at and not judged: whether it is trusted each client decides for itself.
Nothing is sent behind the handshake. https://www.rfc-editor.org/rfc/rfc5280#section-4.1
"""

import base64
import re
import socket
import ssl
import struct
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from bictl.errors import ConfigError, Unreachable

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.S)
_SSL_REQUEST = struct.pack("!ii", 8, 80877103)  # of Postgres's protocol
_SEQUENCE, _CONTEXT_0, _UTC_TIME, _GENERALIZED = 0x30, 0xA0, 0x17, 0x18


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """A server that shows a certificate; `name` is what it is to bictl."""

    name: str
    host: str
    port: int
    speaks: Literal["tls", "postgres"] = "tls"

    def __str__(self) -> str:
        return f"{self.name} at {self.host}:{self.port}"


def expiry_of(endpoint: Endpoint, *, timeout: float) -> datetime | None:
    """When the server's certificate ends; None where it shows none to somebody without one of their
    own, or does not speak TLS. Raises Unreachable."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with closing(socket.create_connection((endpoint.host, endpoint.port), timeout)) as plain:
            if endpoint.speaks == "postgres":
                plain.sendall(_SSL_REQUEST)
                if plain.recv(1) != b"S":
                    return None
            with context.wrap_socket(plain, server_hostname=endpoint.host) as secured:
                shown = secured.getpeercert(binary_form=True)
    except ssl.SSLError:
        return None
    except OSError as error:
        raise Unreachable(f"no certificate of {endpoint} could be read: {error}") from error
    return not_after(shown) if shown else None


def expiry_of_file(path: Path) -> datetime:
    """When the first of a PEM file's certificates ends that ends. Raises ConfigError."""
    try:
        found = _PEM.findall(path.expanduser().read_bytes())
        return min(not_after(base64.b64decode(text)) for text in found)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{path} has no certificate that can be read: {error}",
            hint="name a file of PEM certificates (bictl config show)",
        ) from error


def not_after(der: bytes) -> datetime:
    """The end of a certificate's validity. Raises ValueError for what is no certificate."""
    try:
        certificate, _ = _content(der, _SEQUENCE)
        rest, _ = _content(certificate, _SEQUENCE)
        if rest[0] == _CONTEXT_0:  # the version, which version 1 leaves out
            rest = _behind(rest)
        for _ in ("serial number", "signature", "issuer"):
            rest = _behind(rest)
        validity, _ = _content(rest, _SEQUENCE)
        return _time(_behind(validity))
    except IndexError:
        raise ValueError("it ends within a certificate") from None


def _content(data: bytes, tag: int) -> tuple[bytes, bytes]:
    """The content of the value that `data` begins with, and what is behind it."""
    if data[0] != tag:
        raise ValueError(f"expected the tag {tag:#x}, found {data[0]:#x}")
    length, start = data[1], 2
    if length & 0x80:
        count = length & 0x7F
        length, start = int.from_bytes(data[2 : 2 + count], "big"), 2 + count
    if len(data) < start + length:
        raise IndexError
    return data[start : start + length], data[start + length :]


def _behind(data: bytes) -> bytes:
    return _content(data, data[0])[1]


def _time(data: bytes) -> datetime:
    form = {_UTC_TIME: "%y%m%d%H%M%SZ", _GENERALIZED: "%Y%m%d%H%M%SZ"}.get(data[0])
    if form is None:
        raise ValueError(f"{data[0]:#x} is the tag of no time")
    text = _content(data, data[0])[0].decode("ascii")
    moment = datetime.strptime(text, form).replace(tzinfo=UTC)
    if data[0] == _UTC_TIME and moment.year >= 2050:  # RFC 5280: 50 to 99 are 1950 to 1999
        moment = moment.replace(year=moment.year - 100)
    return moment
