"""The Database client on a real server."""

import http.server
import io
import threading
from dataclasses import replace

import pytest

from bictl.clients.database import Database, tls
from bictl.errors import (
    AccessDenied,
    BictlError,
    ConfigError,
    NotFound,
    StageFailed,
    TimedOut,
    Unreachable,
)
from bictl.settings import Secret


@pytest.fixture
def postgres(settings):
    return settings.postgres


@pytest.fixture
def database(postgres):
    with Database(postgres) as opened:
        opened.execute("create table public.t (a integer)")
        yield opened


def failure(postgres) -> BictlError:
    with pytest.raises(BictlError) as failed, Database(postgres, timeout=3) as database:
        database.value("select 1")
    return failed.value


def in_transaction(database, *statements):
    with database.transaction():
        for statement in statements:
            database.execute(statement)


def test_a_wrong_password_names_its_source_and_never_itself(postgres):
    error = failure(replace(postgres, password=Secret("S3CR3T@x")))
    assert isinstance(error, AccessDenied)
    assert postgres.user in error.message
    assert "postgres.password" in (error.hint or "")
    assert "S3CR3T" not in repr(error) + str(error.hint) + str(error.__cause__)


def test_a_password_with_an_at_sign_is_no_part_of_the_host(postgres):
    error = failure(replace(postgres, host="no-such-host.invalid", password=Secret("S3@CR3T")))
    assert isinstance(error, Unreachable)
    assert "CR3T" not in str(error) + str(error.hint) + str(error.__cause__)


def test_a_missing_database_lists_the_existing_ones(postgres):
    error = failure(replace(postgres, dbname=f"{postgres.dbname}x"))
    assert isinstance(error, NotFound)
    assert f"did you mean {postgres.dbname!r}" in (error.hint or "")


def test_a_closed_port_names_the_address(postgres):
    error = failure(replace(postgres, port=1))
    assert isinstance(error, Unreachable)
    assert f"{postgres.host}:1" in error.message


def test_a_server_without_tls_is_refused_when_tls_is_asked_for(postgres):
    error = failure(replace(postgres, sslmode="verify-full"))
    assert isinstance(error, ConfigError)
    assert "SSL" in error.message


@pytest.mark.parametrize("host", ["db.example", "10.0.0.7"])
def test_beyond_this_machine_the_certificate_is_checked_unless_configured(host, postgres):
    assert tls(replace(postgres, host=host))["sslmode"] == "verify-full"
    assert tls(replace(postgres, host=host, sslmode="require"))["sslmode"] == "require"
    assert tls(replace(postgres, host="127.0.0.1"))["sslmode"] == "prefer"


def test_another_service_on_the_port_is_not_taken_for_postgres(postgres):
    class Web(http.server.BaseHTTPRequestHandler):
        def handle(self):
            self.request.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Web) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        error = failure(replace(postgres, host="127.0.0.1", port=server.server_port))
        server.shutdown()
    assert isinstance(error, ConfigError)
    assert "found an HTTP service" in error.message


def test_an_inner_transaction_that_fails_takes_back_only_itself(database):
    with database.transaction():
        database.execute("insert into public.t values (1)")
        with pytest.raises(StageFailed, match="22012"):
            in_transaction(database, "insert into public.t values (2)", "select 1 / 0")
        database.execute("insert into public.t values (3)")
    assert database.rows("select a from public.t order by a") == [(1,), (3,)]


def test_a_transaction_that_fails_leaves_nothing(database):
    with pytest.raises(StageFailed):
        in_transaction(database, "insert into public.t values (1)", "select 1 / 0")
    assert database.value("select count(*) from public.t") == 0
    assert not database.in_transaction


def test_a_snapshot_does_not_see_what_comes_later(database, postgres):
    with Database(postgres) as other, database.transaction(read_only=True, snapshot=True):
        assert database.value("select count(*) from public.t") == 0
        other.execute("insert into public.t values (1)")
        assert database.value("select count(*) from public.t") == 0
        with pytest.raises(AccessDenied, match="25006"):
            database.execute("insert into public.t values (2)")


def test_a_stream_reads_in_pieces_and_closes_its_transaction(database):
    database.execute("insert into public.t select generate_series(1, 25)")
    stream = database.stream("select a from public.t where a > %s order by a", [5], size=7)
    assert next(stream) == (6,)
    assert database.in_transaction
    assert len(list(stream)) == 19
    assert not database.in_transaction


def test_copy_goes_in_and_out_as_bytes(database):
    assert database.copy_in("copy public.t from stdin", io.BytesIO(b"1\n2\n")) == 2
    out = io.BytesIO()
    assert database.copy_out("copy public.t to stdout", out) == 2
    assert out.getvalue() == b"1\n2\n"


def test_an_error_in_the_source_of_a_copy_leaves_the_connection_usable(database):
    class Broken:
        def read(self, size):
            raise OSError("the disk is gone")

    with pytest.raises((OSError, BictlError)):
        database.copy_in("copy public.t from stdin", Broken())
    assert database.value("select count(*) from public.t") == 0


def test_names_are_quoted_and_values_are_parameters(database):
    hostile = 'a"; drop table public.t; --'
    database.execute(database.named("bronze/analyze", table="public.t"))
    with pytest.raises(StageFailed, match="does not exist"):
        database.execute(database.named("bronze/analyze", table=hostile))
    assert database.value("select %s", [hostile]) == hostile
    assert database.value("select '100 %s' || 'x'") == "100 %sx"


def test_a_statement_that_takes_too_long_ends(postgres):
    with Database(postgres, statement_timeout=0.2) as database, pytest.raises(TimedOut) as late:
        database.rows("select pg_sleep(30)")
    assert Database.sqlstate(late.value) == "57014"


def test_a_lost_connection_is_opened_anew_outside_a_transaction_only(database, postgres):
    pid = database.value("select pg_backend_pid()")
    with Database(postgres) as other:
        other.execute("select pg_terminate_backend(%s)", [pid])
        with pytest.raises(Unreachable):
            database.value("select 1")
        assert database.value("select 1") == 1

        with pytest.raises(Unreachable):
            in_transaction(database, "select pg_terminate_backend(pg_backend_pid())", "select 1")
    assert database.value("select 1") == 1


def test_a_lock_is_held_by_one_connection(database, postgres):
    with Database(postgres) as other:
        assert database.try_lock("x")
        assert not other.try_lock("x")
        database.close()
        with other.transaction():
            other.lock("x")


def test_the_catalogue_comes_first_on_the_search_path(database):
    database.execute(
        "create function public.lower(text) returns text language sql as $$ select 'mine' $$"
    )
    assert database.value("select lower('A')") == "a"
    assert database.value("show search_path") == "pg_catalog, public"
    assert database.value("show timezone") == "UTC"


def test_what_must_not_run_in_a_transaction_is_refused_there(database):
    database.autocommit("create index concurrently on public.t (a)")
    with database.transaction(), pytest.raises(StageFailed):
        database.autocommit("create index concurrently on public.t (a)")
