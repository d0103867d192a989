"""Postgres: one connection, opened at first use; every failure in bictl's own words."""

import contextlib
import os
import re
import secrets
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import psycopg2
import psycopg2.errors
import psycopg2.extensions
from psycopg2 import sql

from bictl import assets
from bictl.clients import database_errors, listener
from bictl.clients.awaited import awaiting
from bictl.clients.vigil import Watch, watched
from bictl.errors import NotFound, StageFailed, TimedOut, Unreachable
from bictl.settings import Postgres

Statement = str | sql.Composable
Parameters = Sequence[Any] | Mapping[str, Any]
Part = str | int | Sequence[str] | sql.Composable | None

_PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_ROOTS = Path("~/.postgresql/root.crt")  # libpq's default file of authorities
_HEARS = 2.0  # seconds in which a server that is to give something up takes a connection
_COPY_BYTES = 1 << 20  # what psycopg2 asks of a COPY's source at a time
# Names resolve in the catalogue first, so nobody's function shadows a built-in one; `public` is
# where pgvector's type and operators are. Times are shown in UTC. Compiling a plan just in time
# costs more than it saves in views with many expressions. A query whose run has ended, however it
# did, is given up by the server (14 and newer) instead of holding its locks to its end.
_SESSION = """
select set_config('search_path', 'pg_catalog, public', false),
       set_config('TimeZone', 'UTC', false),
       set_config('DateStyle', 'ISO', false),
       set_config('client_min_messages', 'warning', false),
       set_config('jit', 'off', false),
       case when current_setting('server_version_num')::int >= 140000
           then set_config('client_connection_check_interval', '2s', false) end,
       set_config('statement_timeout', %s, false)
"""


class Source(Protocol):
    """Where a COPY reads from: an open binary file, or anything that reads like one."""

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes; empty at the end."""
        ...


class Target(Protocol):
    """Where a COPY writes to."""

    def write(self, data: bytes, /) -> object:
        """Takes the bytes."""
        ...


class Database:
    """One Postgres connection.

    `timeout` (seconds) bounds connecting, `statement_timeout` each statement; None lets bulk work
    take its time. A query without parameters may hold a plain `%`. A connection that broke outside
    a transaction is opened anew by the next query. A statement that has waited for `timeout` has
    the server asked after, and is given up (TimedOut) when that says nothing twice as long.
    """

    def __init__(
        self,
        postgres: Postgres,
        *,
        application: str = "bictl",
        timeout: float = 30.0,
        statement_timeout: float | None = None,
    ) -> None:
        self._postgres, self._application = postgres, application
        self._timeout, self._statement_timeout = timeout, statement_timeout
        self._open: psycopg2.extensions.connection | None = None
        self._depth = 0
        self._cursors = 0
        self._token = secrets.token_hex(4)

    def __enter__(self) -> "Database":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def address(self) -> str:
        """`host:port`, for messages."""
        return database_errors.address(self._postgres)

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return self._depth > 0

    def beside(self) -> "Database":
        """Another connection to the same database, for another thread; its caller closes it."""
        return Database(
            self._postgres,
            application=self._application,
            timeout=self._timeout,
            statement_timeout=self._statement_timeout,
        )

    def cancel(self) -> None:
        """Asks the server to give up the statement at work, and hangs up on a server that does not
        answer; for another thread than that one's."""
        if self._open is None:
            return
        # psycopg2 holds the whole process while it waits for the answer to a cancel
        if self._is_silent(_HEARS):
            self._hang_up()
            return
        with contextlib.suppress(psycopg2.Error):
            self._open.cancel()

    @contextlib.contextmanager
    def asked_after(self, give_up: Callable[[], None]) -> Iterator[None]:
        """Whatever the block waits for in the server ends by `give_up` when that is silent; then
        raises TimedOut, in the place of the block's own error."""
        watch = Watch(
            self.address, patience=self._timeout, is_silent=self._is_silent, give_up=give_up
        )
        try:
            with watched(watch):
                yield
        except Exception as error:
            if not watch.silent:
                raise
            raise self._silence(watch) from error
        if watch.silent:
            raise self._silence(watch)

    def _is_silent(self, seconds: float | None = None) -> bool:
        try:
            self._dial(self._postgres.dbname, timeout=seconds).close()
        except psycopg2.Error as error:
            return database_errors.is_silence(error)
        return False

    def _silence(self, watch: Watch) -> TimedOut:
        seconds = time.monotonic() - watch.begun
        return TimedOut(
            f"Postgres at {self.address} does not answer: the statement was given up after "
            f"{seconds:.0f} s, new connections hear nothing either",
            hint="the server stands still, or something on the way to it does: look at it, then "
            "run the same command again",
        )

    def _hang_up(self) -> None:
        """Ends the wire of a connection that another thread waits at."""
        if self._open is not None:
            with (
                contextlib.suppress(OSError, psycopg2.Error),
                socket.socket(fileno=os.dup(self._open.fileno())) as wire,
            ):
                wire.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Closes the connection; an open transaction is rolled back by the server."""
        if self._open is not None:
            self._open.close()
        self._open, self._depth = None, 0

    def rows(self, query: Statement, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
        """All rows; a transaction of its own when none is open."""
        with self._executed(query, parameters) as cursor:
            return cursor.fetchall()

    def dicts(self, query: Statement, parameters: Parameters = ()) -> list[dict[str, Any]]:
        """All rows by column name."""
        with self._executed(query, parameters) as cursor:
            names = [column.name for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def value(self, query: Statement, parameters: Parameters = ()) -> Any:
        """The first column of the first row, or None when there is no row."""
        with self._executed(query, parameters) as cursor:
            row = cursor.fetchone()
        return row[0] if row else None

    def execute(self, query: Statement, parameters: Parameters = ()) -> int:
        """Runs a statement; the number of rows it touched."""
        with self._executed(query, parameters) as cursor:
            return cursor.rowcount

    def stream(
        self, query: Statement, parameters: Parameters = (), *, size: int = 2000
    ) -> Iterator[tuple[Any, ...]]:
        """The rows through a server-side cursor, `size` at a time, in a transaction."""
        self._cursors += 1
        name = sql.Identifier(f"bictl_{self._cursors}")
        fetch = sql.SQL("fetch {} from {}").format(sql.Literal(size), name)
        with self.transaction():
            declare = sql.SQL("declare {} no scroll cursor for ").format(name)
            self.execute(declare + _composable(query), parameters)
            while rows := self.rows(fetch):
                yield from rows
            self.execute(sql.SQL("close {}").format(name))

    @contextlib.contextmanager
    def transaction(self, *, read_only: bool = False, snapshot: bool = False) -> Iterator[None]:
        """A transaction; inside another one a savepoint. `snapshot` holds still what is read."""
        begin, commit, rollback = self._words(read_only=read_only, snapshot=snapshot)
        self.execute(begin)
        self._depth += 1
        try:
            yield
        except BaseException:
            self._leave()
            self._give_up(rollback)
            raise
        self._leave()
        self.execute(commit)

    def copy_in(self, statement: Statement, source: Source) -> int:
        """Sends `source` through a `COPY … FROM STDIN`; the number of rows."""
        with self._mapped(), self._connection().cursor() as cursor:
            # psycopg2 calls read() alone; its stub asks for readline() too
            cursor.copy_expert(_composable(statement), source, _COPY_BYTES)  # type: ignore[arg-type]
            return cursor.rowcount

    def copy_out(self, statement: Statement, target: Target) -> int:
        """Receives a `COPY … TO STDOUT` into `target`; the number of rows."""
        with self._mapped(), self._connection().cursor() as cursor:
            cursor.copy_expert(_composable(statement), target, _COPY_BYTES)
            return cursor.rowcount

    def script(self, text: str) -> None:
        """Several statements as one transaction."""
        with self.transaction():
            self.execute(text)

    def autocommit(self, statement: Statement) -> None:
        """A statement that must not run in a transaction, like CREATE INDEX CONCURRENTLY."""
        if self.in_transaction:
            raise StageFailed("this statement cannot run inside a transaction")
        self.execute(statement)

    def try_lock(self, name: str) -> bool:
        """Takes a lock that lives as long as the connection; False when another one holds it."""
        return bool(self.value("select pg_try_advisory_lock(hashtextextended(%s, 0))", [name]))

    def lock(self, name: str) -> None:
        """Waits for a lock that lives until the end of the transaction."""
        self.rows("select pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])

    def own(self, name: str) -> str:
        """The name of a temporary table that is this connection's alone: a pooler may lend the
        server's session to others, and what they left there must not be taken for ours."""
        return f"{name}_{self._token}"

    def named(self, name: str, **parts: Part) -> sql.Composable:
        """The text of `sql/<name>.sql` with each `{part}` in its place.

        A text is a quoted identifier, `schema.table` is two; a sequence is a list of identifiers;
        a number (a type's length, which no parameter can be) and None are literals; what was
        composed before stays as it is.
        """
        return self.quoted(assets.sql(name), **parts)

    @staticmethod
    def quoted(text: str, **parts: Part) -> sql.Composable:
        """The same for a text that was put together; it must hold no user's words."""
        pieces = _PLACEHOLDER.split(text)
        return sql.Composed(
            sql.SQL(piece) if index % 2 == 0 else _part(parts[piece])
            for index, piece in enumerate(pieces)
        )

    @staticmethod
    def sqlstate(error: BaseException) -> str | None:
        """The SQLSTATE behind an error of this class; None when no server gave one."""
        return database_errors.sqlstate(error)

    @staticmethod
    def refusal(error: BaseException) -> tuple[str, str] | None:
        """(SQLSTATE, Postgres's words) when it was the data that Postgres refused, else None."""
        return database_errors.refusal(error)

    @staticmethod
    def waited_for_a_lock(error: BaseException) -> bool:
        """Whether it was `lock_timeout` that ended the statement."""
        return isinstance(error.__cause__, psycopg2.errors.LockNotAvailable)

    @staticmethod
    def details(error: BaseException) -> tuple[str, str]:
        """(detail, context) as Postgres gave them beside its message; empty where it did not."""
        return database_errors.details(error)

    @contextlib.contextmanager
    def _executed(
        self, query: Statement, parameters: Parameters
    ) -> Iterator[psycopg2.extensions.cursor]:
        with self._mapped(), self._connection().cursor() as cursor:
            cursor.execute(query, parameters or None)
            yield cursor

    @contextlib.contextmanager
    def _mapped(self) -> Iterator[None]:
        try:
            with awaiting(f"Postgres at {self.address}"), self.asked_after(self._hang_up):
                yield
        except (psycopg2.Error, psycopg2.Warning) as error:
            raise database_errors.statement_error(error, self.address) from error

    def _connection(self) -> psycopg2.extensions.connection:
        if self._open is not None and self._open.closed and not self._depth:
            self._open = None
        if self._open is None:
            if self._depth:
                raise Unreachable(f"the connection to Postgres at {self.address} is closed")
            self._open = self._connect()
        return self._open

    def _connect(self) -> psycopg2.extensions.connection:
        try:
            with awaiting(f"Postgres at {self.address}"):
                connection = listener.patiently(
                    lambda: self._dial(self._postgres.dbname),
                    lambda error: database_errors.suspect(self._postgres, error),
                )
        except psycopg2.Error as error:
            mapped = database_errors.connection_error(error, self._postgres)
            if isinstance(mapped, NotFound):
                mapped = self._name_databases(mapped)
            raise mapped from error
        self._open = connection  # for who hangs up on a server that falls silent from here on
        limit = f"{int((self._statement_timeout or 0) * 1000)}ms"
        try:
            with self._mapped(), connection.cursor() as cursor:
                cursor.execute(_SESSION, (limit,))
        except BaseException:
            self.close()
            raise
        return connection

    def _dial(self, dbname: str, *, timeout: float | None = None) -> psycopg2.extensions.connection:
        """Keywords and never a URL: libpq shows the tail of a URL's password that holds an @."""
        connection: psycopg2.extensions.connection = psycopg2.connect(
            host=self._postgres.host,
            port=self._postgres.port,
            dbname=dbname,
            user=self._postgres.user,
            password=self._postgres.password.reveal(),
            application_name=self._application,
            client_encoding="UTF8",
            connect_timeout=max(2, round(timeout or self._timeout)),  # libpq takes 1 for 2
            tcp_user_timeout=int(max(self._timeout, 2) * 1000),
            keepalives_idle=30,
            keepalives_interval=10,
            keepalives_count=3,
            **tls(self._postgres),
        )
        connection.autocommit = True  # transaction() says begin and commit itself
        return connection

    def _name_databases(self, missing: NotFound) -> NotFound:
        """The same error with the databases that exist, where the server tells."""
        try:
            with (
                contextlib.closing(self._dial("postgres")) as connection,
                connection.cursor() as cursor,
            ):
                cursor.execute("select datname from pg_database where not datistemplate")
                existing = [str(row[0]) for row in cursor.fetchall()]
        except psycopg2.Error:
            return missing
        return NotFound("database", missing.name, existing=existing, where=f"at {self.address}")

    def _words(self, *, read_only: bool, snapshot: bool) -> tuple[str, str, str]:
        """How to begin, commit and roll back at the current depth."""
        if self._depth:
            name = f"bictl_{self._depth}"
            return (
                f"savepoint {name}",
                f"release savepoint {name}",
                f"rollback to savepoint {name}; release savepoint {name}",
            )
        isolation = "repeatable read" if snapshot else "read committed"
        mode = "read only" if read_only else "read write"
        return f"begin isolation level {isolation} {mode}", "commit", "rollback"

    def _leave(self) -> None:
        self._depth = max(0, self._depth - 1)  # close() inside the block has set it to 0

    def _give_up(self, rollback: str) -> None:
        """Rolls back; a broken connection has done so already, and the first error matters."""
        if self._open is None or self._open.closed:
            return
        with contextlib.suppress(psycopg2.Error), self._open.cursor() as cursor:
            cursor.execute(rollback)


def identifier(name: str) -> sql.Identifier:
    """A quoted name; `schema.table` becomes two."""
    return sql.Identifier(*name.split("."))


def _part(value: Part) -> sql.Composable:
    if isinstance(value, sql.Composable):
        return value
    if value is None or isinstance(value, int):
        return sql.Literal(value)
    if isinstance(value, str):
        return identifier(value)
    return sql.SQL(", ").join(identifier(one) for one in value)


def _composable(statement: Statement) -> sql.Composable:
    return sql.SQL(statement) if isinstance(statement, str) else statement


def tls(postgres: Postgres) -> dict[str, Any]:
    """libpq's own default falls back to plain text in silence: only loopback may do that."""
    if postgres.host.startswith("/"):  # a Unix socket
        return {}
    local = postgres.host in _LOOPBACK
    mode = postgres.sslmode or ("prefer" if local else "verify-full")
    roots = postgres.sslrootcert
    if mode == "verify-full" and not roots and not _ROOTS.expanduser().exists():
        roots = "system"
    return {"sslmode": mode, **({"sslrootcert": roots} if roots else {})}
