"""pymssql's errors in bictl's words: one table by SQL Server's number, one by the vendor's class.

Numbers: https://learn.microsoft.com/sql/relational-databases/errors-events/database-engine-events-and-errors,
those from 20000 on are FreeTDS's own (include/sybdb.h).
"""

import re
import socket

from bictl.errors import (
    AccessDenied,
    BictlError,
    ConfigError,
    NotFound,
    StageFailed,
    TimedOut,
    Unreachable,
)
from bictl.settings import SqlServer
from bictl.settings.redact import redact

BY_NUMBER: dict[int, type[BictlError]] = {
    **dict.fromkeys((18452, 18456, 18470, 18486, 18487, 18488), AccessDenied),  # the login
    **dict.fromkeys((229, 230, 262, 297, 300, 371, 916, 15247, 22852), AccessDenied),  # a right
    4060: NotFound,  # the database
    1222: TimedOut,  # a lock
    20003: TimedOut,  # of FreeTDS's waiting for an answer
    **dict.fromkeys((20002, 20004, 20006, 20009, 20017, 20047), Unreachable),
}
# What the server itself said at a login: nothing else listens there.
SAID = {number for number in BY_NUMBER if number < 20000}

# Without a number that is known the class decides.
BY_CLASS: dict[str, type[BictlError]] = {
    "Warning": StageFailed,
    "Error": StageFailed,
    "InterfaceError": Unreachable,
    "ColumnsWithoutNamesError": StageFailed,
    "DatabaseError": StageFailed,
    "DataError": StageFailed,
    "OperationalError": StageFailed,
    "IntegrityError": StageFailed,
    "InternalError": StageFailed,
    "ProgrammingError": StageFailed,
    "NotSupportedError": StageFailed,
}

_LATE = 20003
_NUMBER = re.compile(r"DB-Lib error message (\d+), severity")
_NOISE = re.compile(r"DB-Lib error message \d+, severity \d+:\n|^\(\d+, |\)$")
_RIGHT = "give the right to the login: `bictl cdc enable --login NAME` prints the grants"


def number(error: BaseException) -> int | None:
    """The number that says most of those that came with an error: FreeTDS raises the last one it
    met, which after a timeout is only that the connection failed."""
    first = error.args[0] if error.args else None
    found = [int(one) for one in _NUMBER.findall(_text(error))]
    if _LATE in found:
        return _LATE
    return first if isinstance(first, int) else next(iter(found), None)


def words(error: BaseException) -> str:
    """The server's sentences, each once, without FreeTDS's frame around them."""
    lines = [line.strip() for line in _NOISE.sub("\n", _text(error)).splitlines()]
    return redact("; ".join(dict.fromkeys(line for line in lines if line)))


def _text(error: BaseException) -> str:
    said = error.args[-1] if error.args else ""
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)


def no_server(error: OSError, address: str) -> BictlError:
    """Nothing listens at the address, or nothing answers."""
    if isinstance(error, TimeoutError):
        return TimedOut(
            f"SQL Server at {address} did not answer in time",
            hint="a firewall may be in between; --timeout SECONDS gives it longer",
        )
    unknown = isinstance(error, socket.gaierror)
    return Unreachable(
        f"no SQL Server at {address}: {error.strerror or error}",
        hint="correct sqlserver.host; the name of a container is known inside its network only"
        if unknown
        else "start the server, or correct [sqlserver] host and port",
    )


def connection_error(error: BaseException, settings: SqlServer) -> BictlError:
    """Why a server that listens did not let us in."""
    address, found = f"{settings.host}:{settings.port}", number(error)
    if found == _LATE:
        return TimedOut(
            f"SQL Server at {address} took the connection and said nothing",
            hint="--timeout SECONDS gives it longer",
        )
    if found == 4060:
        return NotFound(
            "database",
            settings.database,
            where=f"at {address}, or not this login's",
            hint="correct sqlserver.database, or make the login a user of it",
        )
    if found in SAID:
        return AccessDenied(
            f"SQL Server at {address} refused the login {settings.user!r}: {words(error)}",
            hint=f"check [sqlserver] user and password ({settings.password.source})",
        )
    if settings.encrypt and not settings.trust_certificate:
        return ConfigError(
            f"no trusted TLS connection to SQL Server at {address}: its certificate is by another "
            "authority or for another host, or it does not encrypt",
            hint="name the authority's certificate as [sqlserver] ca_file; trust_certificate = "
            "true takes any certificate",
        )
    return Unreachable(
        f"SQL Server at {address} ended the connection before the login: {words(error)}",
        hint="the server's own log says why; one that does not encrypt wants encrypt = false, "
        "which bictl allows on this machine alone",
    )


def statement_error(error: BaseException, settings: SqlServer) -> BictlError:
    """Why a query failed."""
    address = f"{settings.host}:{settings.port}"
    kind = BY_NUMBER.get(number(error) or 0) or meaning(type(error))
    said = f"SQL Server at {address}: {words(error) or type(error).__name__}"
    if kind is AccessDenied:
        return AccessDenied(said, hint=_RIGHT)
    if kind is NotFound:
        return StageFailed(said)
    return kind(said, hint="try again" if issubclass(kind, Unreachable) else None)


def meaning(kind: type) -> type[BictlError]:
    """The nearest listed class."""
    found = (BY_CLASS[one.__name__] for one in kind.__mro__ if one.__name__ in BY_CLASS)
    return next(found, StageFailed)
