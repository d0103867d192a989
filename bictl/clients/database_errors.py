"""psycopg2's errors in bictl's words: one table by SQLSTATE, one for connections that never were.

SQLSTATEs: https://www.postgresql.org/docs/current/errcodes-appendix.html. libpq gives no SQLSTATE
for a refused connection, so those are told apart by their text.
"""

import re
from typing import TypeVar

import psycopg2
import psycopg2.extensions

from bictl.clients.listener import certificate_hint, distrust, listener
from bictl.errors import (
    AccessDenied,
    BictlError,
    ConfigError,
    NotFound,
    StageFailed,
    TimedOut,
    Unreachable,
)
from bictl.settings import Postgres

_T = TypeVar("_T")

# Without a SQLSTATE the class decides: the server did not say, so it was the client or the wire.
BY_CLASS: dict[type[BaseException], type[BictlError]] = {
    psycopg2.Warning: StageFailed,
    psycopg2.Error: StageFailed,
    psycopg2.DatabaseError: Unreachable,
    psycopg2.InterfaceError: Unreachable,
    psycopg2.OperationalError: Unreachable,
    psycopg2.DataError: StageFailed,
    psycopg2.IntegrityError: StageFailed,
    psycopg2.InternalError: StageFailed,
    psycopg2.ProgrammingError: StageFailed,
    psycopg2.NotSupportedError: StageFailed,
    psycopg2.extensions.QueryCanceledError: TimedOut,
    psycopg2.extensions.TransactionRollbackError: StageFailed,
}

# The longest prefix wins; what is not listed is a failed stage.
BY_STATE: dict[str, type[BictlError]] = {
    "08": Unreachable,
    "25006": AccessDenied,
    "28": AccessDenied,
    "42501": AccessDenied,
    "53300": Unreachable,
    "55P03": TimedOut,
    "57014": TimedOut,
    "57P": Unreachable,
    "58": StageFailed,
}

# Data exceptions, and the limits that a value can exceed: depth of nesting, size.
_DATA = ("22", "54")

_HINTS: dict[str, str | None] = {
    "25006": "the server is a standby, or the user may only read: connect to the primary, "
    "as a user that may write",
    "40": "another transaction was in the way: run the same command again",
    "42501": "grant the right to the user, or have the objects' owner run `bictl migrate`",
    "42P01": "`bictl migrate` creates what bictl owns; a table's bronze comes with its first "
    "`bictl load-bronze`",
    "3F000": "`bictl migrate` creates what bictl owns",
    "53100": "the disk of the Postgres server is full: make room, then run the same command again",
    "53300": "the server has no free connection: run again later, or raise max_connections",
    "55P03": "another session holds a lock on the table: run the same command again",
    "57014": "the statement took longer than allowed: raise --timeout, or run again later",
    "57P": "the server is stopping or restarting: run the same command again",
}

# A temporary table of ours that is gone: another session of the server's answers now.
_LENT = re.compile(r'relation "(?:pg_temp\.)?\w+_[0-9a-f]{8}" does not exist')
_NOT_POSTGRES = re.compile(
    r"received invalid response to (?:SSL|GSSAPI) negotiation|expected authentication request"
)
_NO_DATABASE = re.compile(r'database "(.*)" does not exist')
_DENIED = re.compile(
    r"password authentication failed|no password supplied|role \".*\" does not exist"
    r"|no pg_hba.conf entry|authentication failed|permission denied for database"
    r"|is not permitted to log in"
)
_NO_NAME = re.compile(r"could not translate host name")
_TLS = re.compile(r"certificate|server does not support SSL|SSL error|root certificate", re.I)
_REASON = re.compile(r"failed: (?:[A-Z]+:\s+)?(.*)")
_TIMEOUT = re.compile(r"timeout expired|timed out")


def sqlstate(error: BaseException) -> str | None:
    """The SQLSTATE behind an error, through its causes; None when no server gave one."""
    current: BaseException | None = error
    while current is not None:
        if isinstance(current, psycopg2.Error) and current.pgcode:
            return str(current.pgcode)
        current = current.__cause__
    return None


def refusal(error: BaseException) -> tuple[str, str] | None:
    """(SQLSTATE, Postgres's words) of an error that other data would not have met."""
    state = sqlstate(error)
    if state is None or not state.startswith(_DATA):
        return None
    return state, _first_line(error.__cause__ or error)


def details(error: BaseException) -> tuple[str, str]:
    """(detail, context) of a failed statement; empty where the server gave none."""
    diagnostics = getattr(error.__cause__ or error, "diag", None)
    found = (getattr(diagnostics, name, None) for name in ("message_detail", "context"))
    detail, context = (str(text or "") for text in found)
    return detail, context


def statement_error(error: BaseException, where: str) -> BictlError:
    """What a failed statement means; `where` names the server."""
    state = sqlstate(error)
    text = _first_line(error)
    if state is None:
        kind = next(BY_CLASS[base] for base in type(error).__mro__ if base in BY_CLASS)
        hint = "is the server up? Run the same command again" if kind is Unreachable else None
        return kind(f"Postgres at {where}: {text}", hint=hint)
    if _LENT.search(text):
        return ConfigError(
            f"Postgres at {where} forgot a temporary table after its transaction: "
            "a pooler in transaction mode stands before it",
            hint="point [postgres] to the server itself, or to a pooler in session mode, "
            "then run the same command again",
        )
    refused: type[BictlError] = _longest(BY_STATE, state, StageFailed)
    return refused(
        f"Postgres refused (SQLSTATE {state}): {text}", hint=_longest(_HINTS, state, None)
    )


def connection_error(error: BaseException, postgres: Postgres) -> BictlError:
    """What a connection that did not come about means."""
    text, where = str(error).strip(), address(postgres)
    if found := _NO_DATABASE.search(text):
        return NotFound("database", found[1], where=f"at {where}", hint=_database_hint(postgres))
    if _DENIED.search(text):
        return AccessDenied(
            f"Postgres at {where} refused user {postgres.user!r}: {_reason(text)}",
            hint=f"correct postgres.user or postgres.password ({postgres.password.source}); "
            "`bictl config show` names where each comes from",
        )
    if _NOT_POSTGRES.search(text):
        return _other_service(postgres, "something that does not answer as Postgres does")
    if _NO_NAME.search(text):
        return Unreachable(
            f"cannot find the host {postgres.host!r} (postgres.host)",
            hint="the name of a container is known inside its network only: "
            "from the host use localhost and the published port",
        )
    if _TLS.search(text):
        return _untrusted(postgres, _reason(text))
    kind = TimedOut if _TIMEOUT.search(text) else Unreachable
    return kind(f"cannot reach Postgres at {where}: {_reason(text)}", hint=_start_hint(postgres))


def is_silence(error: BaseException) -> bool:
    """Whether a connection did not come about because nobody said anything."""
    return bool(_TIMEOUT.search(str(error)))


def suspect(postgres: Postgres, error: BaseException | None) -> None:
    """ConfigError when it is not Postgres that listens there, for whose answer libpq would wait,
    or when its certificate is not trusted, of which libpq does not always say why."""
    if postgres.host.startswith("/"):  # a Unix socket
        return
    found = listener(postgres.host, postgres.port)
    if found is not None and found.service != "Postgres":
        raise _other_service(postgres, found.words)
    if error is not None and "certificate verify failed" in str(error):
        words = distrust(
            postgres.host, postgres.port, authority=postgres.sslrootcert, postgres=True
        )
        raise _untrusted(postgres, words or _reason(str(error))) from error


def _untrusted(postgres: Postgres, words: str) -> ConfigError:
    return ConfigError(
        f"no trusted TLS connection to Postgres at {address(postgres)}: {words}",
        hint=_tls_hint(words),
    )


def _tls_hint(text: str) -> str:
    if "server does not support SSL" in text:
        return (
            "turn TLS on in the server (ssl = on); only where the wire is trusted: "
            'postgres.sslmode = "disable"'
        )
    return certificate_hint(text, key="postgres.host", ca="postgres.sslrootcert")


def _other_service(postgres: Postgres, found: str) -> ConfigError:
    return ConfigError(
        f"expected Postgres at {address(postgres)} (postgres.host, postgres.port), found {found}",
        hint="correct postgres.port (bictl config show); Postgres's own is 5432 by default",
    )


def address(postgres: Postgres) -> str:
    """`host:port`, for messages."""
    return f"{postgres.host}:{postgres.port}"


def _longest(table: dict[str, _T], state: str, default: _T) -> _T:
    found = [prefix for prefix in table if state.startswith(prefix)]
    return table[max(found, key=len)] if found else default


def _first_line(error: BaseException) -> str:
    diagnostics = getattr(error, "diag", None)
    primary = getattr(diagnostics, "message_primary", None)
    lines = str(primary or error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _reason(text: str) -> str:
    """libpq's own words, of the last address that was tried."""
    found = _REASON.findall(text)
    return str(found[-1] if found else text.splitlines()[0]).removeprefix("fe_sendauth: ")


def _database_hint(postgres: Postgres) -> str:
    return f"correct postgres.dbname, or create it: createdb -h {postgres.host} -p {postgres.port}"


def _start_hint(postgres: Postgres) -> str:
    if (postgres.host, postgres.port) == (Postgres.host, Postgres.port):
        return (
            "nothing is configured but the default address: start the local stack with "
            "`bictl stack up`, or set postgres.host and postgres.port"
        )
    return f"is it Postgres that runs at {address(postgres)}? Check postgres.host and postgres.port"
