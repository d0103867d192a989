"""SQL Server, read only: the catalogue's queries of sql/sqlserver/, over pymssql (FreeTDS).

Whether the certificate is verified can be said to FreeTDS by a file alone, so each connection is
given one of its own. https://www.freetds.org/userguide/freetdsconf.html
"""

import contextlib
import os
import socket
import ssl
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bictl import assets
from bictl.clients import sqlserver_errors as errors
from bictl.clients.awaited import awaiting
from bictl.clients.listener import listener
from bictl.errors import AccessDenied, ConfigError, MissingDependency
from bictl.settings import SqlServer as Settings

_CONF = "FREETDSCONF"  # the variable that names FreeTDS's file
_one_at_a_time = threading.Lock()  # the variable is the process's
_NAMES = "declare @schema sysname = %(schema)s, @table sysname = %(table)s;\n"


class SqlServer:
    """The server behind `[sqlserver]`, connected when it is first asked.

    `timeout` (seconds, at least 1) bounds the login and each query. Raises Unreachable when nothing
    answers, TimedOut when it takes too long, AccessDenied for a login or a right, ConfigError for
    another service and for a certificate that is not trusted, MissingDependency without the driver.
    """

    def __init__(self, settings: Settings, *, timeout: float = 30.0) -> None:
        self._settings, self._timeout = settings, max(1, round(timeout))
        self._open: Any = None  # a connection of pymssql

    @property
    def address(self) -> str:
        """`host:port`."""
        return f"{self._settings.host}:{self._settings.port}"

    def close(self) -> None:
        """Closes the connection."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def rows(self, name: str, *, schema: str, table: str) -> list[tuple[Any, ...]]:
        """All rows of `sql/<name>.sql`, in which @schema and @table name a table."""
        with self._mapped(), contextlib.closing(self._connection().cursor()) as cursor:
            query = _NAMES + assets.sql(name).replace("%", "%%")
            cursor.execute(query, {"schema": schema, "table": table})
            return [tuple(row) for row in cursor.fetchall()]

    def query(self, text: str) -> list[tuple[Any, ...]]:
        """All rows of a query without parameters; it holds no user's words but quoted names."""
        with self._mapped(), contextlib.closing(self._connection().cursor()) as cursor:
            cursor.execute(text)
            return [tuple(row) for row in cursor.fetchall()]

    @contextlib.contextmanager
    def _mapped(self) -> Iterator[None]:
        driver = _driver()
        try:
            with awaiting(f"SQL Server at {self.address}"):
                yield
        except (driver.Error, driver.Warning) as error:
            raise errors.statement_error(error, self._settings) from error

    def _connection(self) -> Any:
        if self._open is None:
            self._open = self._connect()
        return self._open

    def _connect(self) -> Any:
        driver, settings = _driver(), self._settings
        if not settings.host:
            raise ConfigError("[sqlserver] host is not configured", hint=_NOT_CONFIGURED.rstrip())
        if not settings.password:
            raise AccessDenied("[sqlserver] has no password", hint=_UNKNOWN)
        self._knock()
        try:
            with _told(_freetds(settings)):
                return driver.connect(
                    server=settings.host,
                    port=str(settings.port),
                    user=settings.user,
                    password=settings.password.reveal(),
                    database=settings.database,
                    login_timeout=self._timeout,
                    timeout=self._timeout,
                    tds_version="7.4",
                    appname="bictl",
                    autocommit=True,
                )
        except driver.Error as error:
            found = None if errors.number(error) in errors.SAID else self._other_service()
            raise found or errors.connection_error(error, settings) from error

    def _knock(self) -> None:
        """Whether anything listens there: FreeTDS says the same of a name that is not known, a port
        that is closed and a handshake that failed."""
        try:
            socket.create_connection(
                (self._settings.host, self._settings.port), self._timeout
            ).close()
        except OSError as error:
            raise errors.no_server(error, self.address) from error

    def _other_service(self) -> ConfigError | None:
        found = listener(self._settings.host, self._settings.port)
        if found is None:
            return None
        return ConfigError(
            f"expected SQL Server at {self.address} (sqlserver.host), found {found.words}",
            hint="correct [sqlserver] host and port; SQL Server's own port is 1433",
        )


_NOT_CONFIGURED = """add the source to the configuration, with its password_file beside it:
[sqlserver]
host = "localhost"
user = "debezium"
"""
_UNKNOWN = "give [sqlserver] password_file, or password_command"


def _driver() -> Any:
    try:
        import pymssql
    except ImportError as error:
        raise MissingDependency(
            "SQL Server's driver is not installed", hint="pip install 'bictl[sqlserver]'"
        ) from error
    return pymssql


def _freetds(settings: Settings) -> str:
    """FreeTDS's file for one connection: nothing of this machine's own is read."""
    lines = ["[global]", f"encryption = {'require' if settings.encrypt else 'off'}"]
    if settings.encrypt and not settings.trust_certificate:
        lines += [f"ca file = {_authorities(settings)}", "check certificate hostname = yes"]
    return "\n\t".join(lines) + "\n"


def _authorities(settings: Settings) -> Path:
    """The file of certificates that a server's own is verified by."""
    default = ssl.get_default_verify_paths()
    chosen = settings.ca_file or default.cafile or default.openssl_cafile
    path = Path(chosen).expanduser().absolute()
    if not path.is_file() or "\n" in str(path):
        key = "ca_file" if settings.ca_file else "this machine's file of authorities"
        raise ConfigError(
            f"[sqlserver] {key} {path} cannot be read",
            hint="name a file of PEM certificates as [sqlserver] ca_file",
        )
    return path


@contextlib.contextmanager
def _told(text: str) -> Iterator[None]:
    """FreeTDS reads `text` inside the block."""
    with _one_at_a_time, tempfile.TemporaryDirectory(prefix="bictl-freetds-") as folder:
        path = Path(folder) / "freetds.conf"
        path.write_text(text, encoding="utf-8")
        before = os.environ.get(_CONF)
        os.environ[_CONF] = str(path)
        try:
            yield
        finally:
            if before is None:
                del os.environ[_CONF]
            else:
                os.environ[_CONF] = before
