"""Every way in which psycopg2 can fail has a meaning in bictl's words."""

import psycopg2
import psycopg2.errorcodes
import psycopg2.errors
import psycopg2.extensions
import pytest

from bictl.clients import database_errors
from bictl.clients.database_errors import (
    BY_CLASS,
    BY_STATE,
    connection_error,
    refusal,
    statement_error,
)
from bictl.errors import (
    AccessDenied,
    BictlError,
    ConfigError,
    NotFound,
    StageFailed,
    TimedOut,
    Unreachable,
)
from bictl.settings import Postgres, Secret

POSTGRES = Postgres(host="db.example", port=6543, user="etl", password=Secret(file="/etc/pg.pass"))

# The classes of https://www.postgresql.org/docs/current/errcodes-appendix.html that are a failed
# stage: the program or the data is at fault, not the connection, a right or the clock.
FAILED_STAGE = {
    *("00", "01", "02", "03", "09", "0A", "0B", "0F", "0L", "0P", "0Z", "10", "20", "21", "22"),
    *("23", "24", "25", "26", "27", "2B", "2D", "2F", "34", "38", "39", "3B", "3D", "3F", "40"),
    *("42", "44", "53", "54", "55", "57", "72", "F0", "HV", "P0", "XX"),
}


def exceptions(module):
    found = (getattr(module, name) for name in dir(module))
    return {one for one in found if isinstance(one, type) and issubclass(one, Exception)}


def test_every_class_that_psycopg2_raises_is_mapped():
    assert exceptions(psycopg2) | exceptions(psycopg2.extensions) == set(BY_CLASS)


def test_every_class_of_sqlstates_is_mapped_or_known_to_be_a_failed_stage():
    known = {
        value for name, value in vars(psycopg2.errorcodes).items() if name.startswith("CLASS_")
    }
    mapped = {state[:2] for state in BY_STATE}
    assert known <= mapped | FAILED_STAGE
    assert not {state for state in BY_STATE if len(state) == 2} & FAILED_STAGE - {"58"}


def test_every_sqlstates_exception_has_a_mapped_base():
    for one in exceptions(psycopg2.errors):
        assert any(base in BY_CLASS for base in one.__mro__), one


class Failure(psycopg2.DatabaseError):
    """psycopg2's own are filled in by its C code alone."""

    def __init__(self, state, text="it failed"):
        super().__init__(text)
        self.state = state

    @property
    def pgcode(self):
        return self.state


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        ("08006", Unreachable),
        ("28P01", AccessDenied),
        ("42501", AccessDenied),
        ("53300", Unreachable),
        ("53100", StageFailed),
        ("55P03", TimedOut),
        ("57014", TimedOut),
        ("57P01", Unreachable),
        ("57P03", Unreachable),
        ("40P01", StageFailed),
        ("23514", StageFailed),
        ("42P01", StageFailed),
        ("99999", StageFailed),
    ],
)
def test_a_sqlstate_decides_what_an_error_means(state, kind):
    mapped = statement_error(Failure(state), "db:1")
    assert type(mapped) is kind
    assert state in mapped.message


def test_without_a_sqlstate_it_was_the_connection():
    mapped = statement_error(psycopg2.InterfaceError("connection already closed"), "db:1")
    assert type(mapped) is Unreachable
    assert "db:1" in mapped.message


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        (
            'connection to server at "10.0.0.1", port 5432 failed: FATAL:  password authentication '
            'failed for user "etl"\n',
            AccessDenied,
            ["etl", "/etc/pg.pass"],
        ),
        ("fe_sendauth: no password supplied", AccessDenied, ["etl"]),
        ('FATAL:  no pg_hba.conf entry for host "10.1.2.3", user "etl"', AccessDenied, ["etl"]),
        ('FATAL:  database "analitics" does not exist', NotFound, ["analitics", "db.example:6543"]),
        (
            'could not translate host name "postgres" to address: Name or service not known',
            Unreachable,
            ["db.example", "container"],
        ),
        (
            'connection to server at "db", port 6543 failed: Connection refused\n\tIs the server '
            "running on that host and accepting TCP/IP connections?",
            Unreachable,
            ["Connection refused", "db.example:6543"],
        ),
        ("timeout expired", TimedOut, ["timeout expired", "db.example:6543"]),
        (
            "received invalid response to SSL negotiation: H",
            ConfigError,
            ["db.example:6543", "does not answer as Postgres"],
        ),
        ("expected authentication request from server, but received H", ConfigError, ["port"]),
        ("server does not support SSL, but SSL was required", ConfigError, ["postgres.sslmode"]),
        ("SSL error: certificate verify failed", ConfigError, ["postgres.sslrootcert"]),
        ("FATAL:  the database system is starting up", Unreachable, ["starting up"]),
        ("something in another language", Unreachable, ["something in another language"]),
    ],
)
def test_a_connection_that_fails_says_what_to_correct(text, kind, words):
    mapped = connection_error(psycopg2.OperationalError(text), POSTGRES)
    assert type(mapped) is kind
    for word in words:
        assert word in f"{mapped.message} {mapped.hint}"


def test_the_default_address_points_to_the_local_stack():
    refused = psycopg2.OperationalError("connection to server failed: Connection refused")
    assert "bictl stack up" in (connection_error(refused, Postgres()).hint or "")
    assert "bictl stack up" not in (connection_error(refused, POSTGRES).hint or "")


def test_only_what_other_data_would_not_have_met_is_a_refusal():
    def mapped(state: str) -> BictlError:
        cause = Failure(state, "said so")
        error = statement_error(cause, "db:1")
        error.__cause__ = cause
        return error

    assert refusal(mapped("22P02")) == ("22P02", "said so")
    assert refusal(mapped("54001")) == ("54001", "said so")
    for state in ("23505", "53100", "57014", "42P01"):
        assert refusal(mapped(state)) is None
    assert database_errors.sqlstate(mapped("22P02")) == "22P02"
