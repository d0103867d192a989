"""Servers that the embedded stack is not: an old Postgres, a full disk, a pooler in between.

They need Debian's postgresql-15 and pgbouncer and the right to mount: `make sweep`.
"""

import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg2
import pytest
from batches import numbered, seal
from servers import free_port

from bictl.bronze import migrate
from bictl.clients import Clients
from bictl.doctor.postgres import postgres as area
from bictl.doctor.probe import Finding, answers
from bictl.local.postgres import Postgres as Embedded
from bictl.local.processes import as_account
from bictl.local.service import Place
from bictl.settings import Postgres, Secret, Settings

pytestmark = pytest.mark.sweep

OLD = Path("/usr/lib/postgresql/15/bin")
PASSWORD = "a-S3CR3T"


@pytest.fixture
def directory(tmp_path_factory) -> Iterator[Path]:
    """Where Postgres's own user may go."""
    path = tmp_path_factory.mktemp("server")
    for step in (path, *path.parents[:2]):
        step.chmod(step.stat().st_mode | 0o711)
    yield path
    shutil.rmtree(path, ignore_errors=True)


def found_in(settings: Settings, given: Postgres) -> dict[str, Finding]:
    with Clients(replace(settings, postgres=given), timeout=5) as clients:
        return {one.what: one for one in answers("postgres", area(clients))}


@contextmanager
def running(command: list[str], given: Postgres, account: tuple[int, int] | None) -> Iterator[None]:
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **as_account(account)
    )
    try:
        wait_for(given)
        yield
    finally:
        process.send_signal(signal.SIGINT)  # ends Postgres also under open sessions
        process.wait(30)


def wait_for(given: Postgres) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            connect(given).close()
        except psycopg2.OperationalError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return


def connect(given: Postgres):
    connection = psycopg2.connect(
        host=given.host,
        port=given.port,
        dbname=given.dbname,
        user=given.user,
        password=given.password.reveal(),
    )
    connection.autocommit = True
    return connection


def account(directory: Path) -> tuple[int, int] | None:
    return Embedded(Place(directory, {"postgres": 0}, {}))._account


def test_an_old_postgres_is_refused_and_told(settings, directory, cli):
    owner = account(directory)
    data, password = directory / "data", directory / "password"
    data.mkdir(mode=0o700)
    password.write_text(PASSWORD)
    for path in (data, password):
        os.chown(path, *(owner or (-1, -1)))
    subprocess.run(
        [OLD / "initdb", "-D", data, "-U", "old", f"--pwfile={password}", "--auth=scram-sha-256"],
        check=True,
        capture_output=True,
        cwd=directory,
        **as_account(owner),
    )
    given = Postgres(
        host="127.0.0.1", port=free_port(), dbname="postgres", user="old", password=Secret(PASSWORD)
    )
    command = [str(OLD / "postgres"), "-D", str(data), "-h", given.host, "-p", str(given.port)]
    with running([*command, "-k", ""], given, owner):
        env = {
            "BICTL_POSTGRES_PORT": str(given.port),
            "BICTL_POSTGRES_DBNAME": "postgres",
            "BICTL_POSTGRES_USER": "old",
            "BICTL_POSTGRES_PASSWORD": PASSWORD,
        }
        done = cli("migrate", env=env)
        server = found_in(settings, given)
    assert done.stderr == (
        "error: bictl needs Postgres 16 or newer; this server is 15\n"
        "hint: upgrade the server, or use the local stack: bictl stack up\n"
    )
    assert done.exit_code == 2
    assert server["server"].state == "fail"
    assert server["server"].hint == "use Postgres 16 or later"
    assert list(server) == ["server"]


@pytest.mark.parametrize(("mode", "state"), [("transaction", "fail"), ("session", "ok")])
def test_a_pooler_in_transaction_mode_is_found_out(settings, directory, mode, state):
    pooler = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    assert pooler, "this test needs PgBouncer (Debian's package pgbouncer)"
    server = settings.postgres
    given = replace(server, port=free_port())
    users = directory / "users.txt"
    users.write_text(f'"{server.user}" "{server.password.reveal()}"\n')
    configuration = directory / "pgbouncer.ini"
    configuration.write_text(
        "[databases]\n"
        f"* = host={server.host} port={server.port}\n"
        "[pgbouncer]\n"
        f"listen_addr = {given.host}\nlisten_port = {given.port}\nunix_socket_dir =\n"
        f"auth_type = scram-sha-256\nauth_file = {users}\npool_mode = {mode}\n"
        "ignore_startup_parameters = extra_float_digits\n"
    )
    for path in (users, configuration):
        path.chmod(0o644)
    with running([pooler, str(configuration)], given, account(directory)):
        found = found_in(settings, given)["session locks"]
    assert found.state == state
    assert state == "ok" or "a pooler in transaction mode" in found.detail


def test_a_full_disk_of_postgres_is_told_and_nothing_is_half_loaded(settings, directory, cli):
    names = ("postgres", "postgres_superuser")
    place = Place(
        directory, {"postgres": free_port()}, {name: secrets.token_hex(8) for name in names}
    )
    embedded = Embedded(place)
    embedded.prepare()
    room = directory / "room"
    room.mkdir()
    command = embedded.command()
    uid, gid = command.account or (os.getuid(), os.getgid())
    small = (
        f'mount -t tmpfs -o size=24m,mode=700,uid={uid},gid={gid} tmpfs "$0" &&'
        f' exec setpriv --reuid={uid} --regid={gid} --clear-groups "$@"'
    )
    given = Postgres(
        host="127.0.0.1",
        port=place.ports["postgres"],
        dbname="postgres",
        user="postgres",
        password=Secret(place.secrets["postgres_superuser"]),
    )
    inside = ["unshare", "--mount", "sh", "-c", small, str(room), str(command.executable)]
    with running([*inside, *command.arguments], given, None):
        with connect(given).cursor() as cursor:
            cursor.execute(f"create tablespace small location '{room}'")
            cursor.execute("create database small tablespace small")
        on_it = replace(given, dbname="small")
        table = settings.table("product")
        incompressible = (secrets.token_hex(500_000).encode() for _ in range(20))
        values = [(b'{"ID":1}', b'{"op":"c","x":"%s"}' % text) for text in incompressible]
        with Clients(replace(settings, postgres=on_it)) as clients:
            migrate(clients.database, [table])
            seal(clients.objects, table, numbered(values))
        env = {
            "BICTL_POSTGRES_PORT": str(given.port),
            "BICTL_POSTGRES_DBNAME": "small",
            "BICTL_POSTGRES_USER": "postgres",
            "BICTL_POSTGRES_PASSWORD": given.password.reveal(),
        }
        done = cli("load-bronze", env=env)
        with Clients(replace(settings, postgres=on_it)) as clients:
            assert clients.database.value("select count(*) from bronze.product_cdc") == 0
            assert clients.database.value("select count(*) from bictl.object_ledger") == 0
    assert done.exit_code == 1
    error, hint = done.stderr.splitlines()
    assert error.startswith("error: Postgres refused (SQLSTATE 53100): could not extend file")
    assert hint == (
        "hint: the disk of the Postgres server is full: make room, then run the same command again"
    )
