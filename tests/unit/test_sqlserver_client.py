"""The client of SQL Server where no server is: every way in which it does not answer has words."""

import inspect
import socket
import ssl
import struct
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress

import pymssql.exceptions
import pytest
import trustme

from bictl.clients import sqlserver_errors as errors
from bictl.clients.sqlserver import SqlServer
from bictl.errors import (
    AccessDenied,
    ConfigError,
    MissingDependency,
    NotFound,
    StageFailed,
    TimedOut,
    Unreachable,
)
from bictl.settings import Secret
from bictl.settings import SqlServer as Settings

PRELOGIN, ANSWER = 18, 4
NO_TLS, TLS_REQUIRED = 2, 3  # https://learn.microsoft.com/openspecs/windows_protocols/ms-tds


class Door:
    """What SQL Server shows before any password is sent: PRELOGIN, then TLS or its refusal."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self._context, self.logins = context, 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._socket.accept()
                client.settimeout(5)
                with client, suppress(OSError, struct.error):
                    self._greet(client)

    def _greet(self, client: socket.socket) -> None:
        if receive(client)[0] != PRELOGIN:
            return
        encryption = NO_TLS if self._context is None else TLS_REQUIRED
        options = struct.pack(">BHHBHHB", 0, 11, 6, 1, 17, 1, 255)
        send(client, ANSWER, options + bytes([16, 0, 4, 0, 0, 0, encryption]))
        if self._context is not None:
            self._encrypt(client, self._context)

    def _encrypt(self, client: socket.socket, context: ssl.SSLContext) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_side=True)
        while True:
            done = True
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                done = False
            if out := outgoing.read():
                send(client, PRELOGIN, out)
            if done:
                break
            incoming.write(receive(client)[1])
        incoming.write(client.recv(4096))
        self.logins += bool(tls.read(4096))


def send(client: socket.socket, kind: int, body: bytes) -> None:
    client.sendall(struct.pack(">BBHHBB", kind, 1, len(body) + 8, 0, 1, 0) + body)


def receive(client: socket.socket) -> tuple[int, bytes]:
    kind, _, size, *_ = struct.unpack(">BBHHBB", exactly(client, 8))
    return kind, exactly(client, size - 8)


def exactly(client: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        if not (more := client.recv(size - len(found))):
            raise ConnectionResetError
        found += more
    return found


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def door(authority: trustme.CA, request: pytest.FixtureRequest) -> Iterator[Door]:
    context = None
    if request.param:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(request.param).configure_cert(context)
    found = Door(context)
    yield found
    found.close()


def ask(port: int, *, host: str = "localhost", timeout: float = 3, **changed: object) -> None:
    settings = Settings(
        host=host, port=port, user="debezium", password=Secret("Sentinel-1"), **changed
    )
    SqlServer(settings, timeout=timeout).rows("sqlserver/server", schema="dbo", table="Product")


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]


def test_a_closed_port_and_an_unknown_name_are_unreachable(free_port):
    with pytest.raises(Unreachable) as caught:
        ask(free_port)
    assert caught.value.message == f"no SQL Server at localhost:{free_port}: Connection refused"
    with pytest.raises(Unreachable) as caught:
        ask(free_port, host="no-such-host.invalid")
    assert "the name of a container is known inside its network only" in str(caught.value.hint)


def test_a_server_that_takes_the_connection_and_is_silent_is_given_up_in_time():
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(TimedOut) as caught:
        ask(silent.getsockname()[1], timeout=1)
    assert "took the connection and said nothing" in caught.value.message


def test_another_service_is_called_by_its_name(replay_of_http):
    with pytest.raises(ConfigError) as caught:
        ask(replay_of_http)
    assert "expected SQL Server" in caught.value.message
    assert "found an HTTP service" in caught.value.message


@pytest.fixture
def replay_of_http() -> Iterator[int]:
    from connect_replay import Replay

    found = Replay()
    yield int(found.url.rpartition(":")[2])
    found.close()


TRUSTED, OTHER_AUTHORITY = "trusted", "other"


@pytest.mark.parametrize(
    ("door", "ca"),
    [("localhost", OTHER_AUTHORITY), ("elsewhere.example", TRUSTED), (None, TRUSTED)],
    indirect=["door"],
    ids=["another authority", "another host", "no encryption"],
)
def test_no_password_goes_to_a_server_that_is_not_the_one(door, ca, authority, tmp_path):
    file = tmp_path / "ca.pem"
    (authority if ca == TRUSTED else trustme.CA()).cert_pem.write_to_path(file)
    with pytest.raises(ConfigError) as caught:
        ask(door.port, ca_file=str(file))
    assert "no trusted TLS connection" in caught.value.message
    assert door.logins == 0


@pytest.mark.parametrize("door", ["localhost"], indirect=True)
def test_a_trusted_server_is_given_the_login(door, authority, tmp_path):
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(file)
    with pytest.raises((ConfigError, Unreachable)):  # what this one ends with
        ask(door.port, ca_file=str(file))
    assert door.logins == 1
    with pytest.raises(Unreachable) as caught:
        ask(door.port, trust_certificate=True)
    assert door.logins == 2
    assert "ended the connection before the login" in caught.value.message


def test_encryption_can_be_left_out_on_this_machine_alone(free_port):
    with pytest.raises(ConfigError) as caught:
        Settings(host="db.example", encrypt=False)
    assert "would send the password to db.example in clear" in caught.value.message
    Settings(host="localhost", encrypt=False)


def test_a_file_of_authorities_that_is_not_there_is_said_before_anything_is_sent(free_port):
    with socket.create_server(("127.0.0.1", 0)) as listening, pytest.raises(ConfigError) as caught:
        ask(listening.getsockname()[1], ca_file="/no/such/ca.pem")
    assert "ca_file /no/such/ca.pem cannot be read" in caught.value.message


def test_without_the_driver_the_extra_is_named(monkeypatch, free_port):
    monkeypatch.setitem(sys.modules, "pymssql", None)
    with pytest.raises(MissingDependency) as caught:
        ask(free_port)
    assert caught.value.hint == "pip install 'bictl[sqlserver]'"


def test_without_a_host_or_a_password_the_setting_is_named():
    with pytest.raises(ConfigError) as caught:
        SqlServer(Settings()).rows("sqlserver/server", schema="dbo", table="Product")
    assert caught.value.message == "[sqlserver] host is not configured"
    with pytest.raises(AccessDenied) as caught:
        SqlServer(Settings(host="localhost")).rows("x", schema="dbo", table="Product")
    assert caught.value.message == "[sqlserver] has no password"


# What the vendor's errors mean -------------------------------------------------------------------

LOGIN = (
    18456,
    b"Login failed for user 'debezium'.DB-Lib error message 20018, severity 14:\nGeneral",
)


@pytest.mark.parametrize(
    ("number", "kind"), [(18456, AccessDenied), (4060, NotFound), (20003, TimedOut)]
)
def test_what_the_server_says_at_the_login_has_its_meaning(number, kind):
    error = pymssql.OperationalError(number, LOGIN[1])
    found = errors.connection_error(error, Settings(host="db", password=Secret("Sentinel-1")))
    assert type(found) is kind
    assert "Sentinel" not in f"{found.message}{found.hint}"
    assert "DB-Lib" not in found.message


def test_a_missing_right_names_the_grants():
    said = b"VIEW SERVER STATE permission was denied on object 'server', database 'master'."
    found = errors.statement_error(pymssql.OperationalError(300, said), Settings(host="db"))
    assert type(found) is AccessDenied
    assert found.message == f"SQL Server at db:1433: {said.decode()}"
    assert "bictl cdc enable --login" in (found.hint or "")


def test_every_class_of_pymssql_has_a_meaning_and_no_other_is_listed():
    classes = dict(inspect.getmembers(pymssql.exceptions, inspect.isclass))
    assert set(errors.BY_CLASS) == set(classes)
    assert errors.meaning(pymssql.InterfaceError) is Unreachable
    assert errors.meaning(pymssql.ProgrammingError) is StageFailed
