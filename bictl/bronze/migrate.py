"""bictl's own database objects: numbered files applied forward, and the bronze table of each table.

A file and its version row are one transaction under one lock, so a killed run leaves whole versions
behind and two runs at once apply each file once.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from bictl import assets
from bictl.bronze import key_index, unique_key
from bictl.bronze.old_table import OldGeneration, convert, is_old
from bictl.errors import AccessDenied, BictlError, MissingDependency, SchemaMismatch, StageFailed

if TYPE_CHECKING:
    from bictl.clients.database import Database
    from bictl.settings import Table

OLDEST_SERVER = 160000  # pg_input_error_info came with Postgres 16
_LOCK = "bictl:migrate"
_FILE = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
_MADE = re.compile(r"^create table ([a-z_]+\.[a-z_]+) \(", re.M)
_NOTHING_OLD: Mapping[str, OldGeneration] = MappingProxyType({})


@dataclass(frozen=True)
class Step:
    """One numbered file."""

    version: int
    name: str
    text: str

    @property
    def sha256(self) -> str:
        """The hex digest of the file."""
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Migration:
    """What a migration did: the files it applied, the version reached, the tables it created,
    those of other scripts that it took over, with their rows, and those whose unique key or key
    index it made anew."""

    applied: tuple[str, ...]
    version: int
    tables: tuple[str, ...]
    converted: Mapping[str, int] = field(default_factory=dict)
    indexed: tuple[str, ...] = ()
    keyed: tuple[str, ...] = ()

    exit_code: int = 0

    @property
    def summary(self) -> str:
        """One line for a person."""
        done = [
            *(f"applied {name}" for name in self.applied),
            *(f"created {t}" for t in self.tables),
            *(f"took over {t} with {rows:,} rows" for t, rows in self.converted.items()),
            *(f"made the unique key of {t} anew" for t in self.keyed),
            *(f"made the key index of {t} anew" for t in self.indexed),
        ]
        if not done:
            return f"nothing to do: version {self.version}"
        return f"{', '.join(done)}; version {self.version}"


def steps() -> list[Step]:
    """The shipped files in order; they are numbered from 1 without a hole."""
    found: list[Step] = []
    for path in sorted(assets.path("sql", "migrations").glob("*.sql")):
        name = _FILE.fullmatch(path.name)
        if name is None or int(name[1]) != len(found) + 1:
            raise StageFailed(f"sql/migrations/{path.name} is not the next numbered file")
        found.append(Step(int(name[1]), path.stem, path.read_text(encoding="utf-8")))
    return found


def migrate(
    database: "Database",
    tables: "Iterable[Table]",
    *,
    legacy: Mapping[str, OldGeneration] = _NOTHING_OLD,
) -> Migration:
    """Brings the database to this program's version and creates the tables' bronze tables.

    A bronze table that other scripts made becomes ours when `legacy` says, by the table's name,
    which generation its rows belong to. Raises SchemaMismatch when that is not said or the database
    is newer, MissingDependency for an old server or a missing pgvector, AccessDenied when the user
    may not create.
    """
    shipped, wanted = steps(), list(tables)
    _check_server(database)
    for table in wanted:
        if table.name not in legacy and is_old(database, table.bronze):
            raise SchemaMismatch(
                f"{table.bronze} was made by other scripts and is not taken over yet",
                hint="bictl migrate",
            )
    created, converted = list[str](), dict[str, int]()
    try:
        applied = [step.name for step in shipped if _apply(database, step, shipped)]
        for table in wanted:
            was_there, rows = _create(database, table, legacy.get(table.name))
            created += [] if was_there else [table.bronze]
            converted.update({} if rows is None else {table.bronze: rows})
        keyed = [table.bronze for table in wanted if unique_key.replace(database, table)]
        indexed = [table.bronze for table in wanted if key_index.replace(database, table)]
    except BictlError as error:
        raise _explained(database, error) from error
    return Migration(
        applied=tuple(applied),
        version=len(shipped),
        tables=tuple(created),
        converted=converted,
        indexed=tuple(indexed),
        keyed=tuple(keyed),
    )


def pending(database: "Database", tables: "Iterable[Table]") -> list[str]:
    """What a migration would do, in words; writes nothing. Raises what `migrate` would."""
    _check_server(database)
    version = _check_not_newer(_applied(database), steps())
    found = [f"apply {step.name}" for step in steps()[version:]]
    for table in tables:
        if is_old(database, table.bronze):
            found.append(f"take over {table.bronze}")
        elif not _exists(database, table.bronze):
            found.append(f"create {table.bronze}")
        else:
            if not unique_key.fits(database, table):
                found.append(f"make the unique key of {table.bronze} anew")
            if not key_index.fits(database, table):
                found.append(f"make the key index of {table.bronze} anew")
    return found


def check_version(database: "Database") -> None:
    """Raises SchemaMismatch unless the database is exactly at this program's version."""
    shipped, version = steps(), _check_not_newer(_applied(database), steps())
    if version < len(shipped):
        raise SchemaMismatch(
            f"bictl's tables are at version {version}, this program needs {len(shipped)}"
            if version
            else "bictl's tables are not in this database yet",
            hint="bictl migrate",
        )


def gone_tables(database: "Database") -> list[str]:
    """Tables that the applied files made and that are not there any more."""
    made = [name for step in steps() for name in _MADE.findall(step.text)]
    return [name for name in made if not _exists(database, name)]


def _apply(database: "Database", step: Step, shipped: list[Step]) -> bool:
    """Whether it had to be applied."""
    if len(_applied(database)) >= step.version:  # the usual case needs no lock and no rights
        _check_not_newer(_applied(database), shipped)
        return False
    with database.transaction():
        database.lock(_LOCK)
        database.execute(assets.sql("bronze/schema_version"))
        if _check_not_newer(_applied(database), shipped) >= step.version:
            return False
        database.execute(step.text)
        database.execute(
            "insert into bictl.schema_version (version, name, sha256) values (%s, %s, %s)",
            [step.version, step.name, step.sha256],
        )
    return True


def _applied(database: "Database") -> dict[int, str]:
    """Version → sha256 of what was applied."""
    if not _exists(database, "bictl.schema_version"):
        return {}
    return dict(database.rows("select version, sha256 from bictl.schema_version"))


def _check_not_newer(applied: dict[int, str], shipped: list[Step]) -> int:
    """The version of the database; SchemaMismatch when this program does not know it."""
    version = max(applied, default=0)
    if version > len(shipped):
        raise SchemaMismatch(
            f"bictl's tables are at version {version}, newer than this program's {len(shipped)}",
            hint="upgrade bictl on this host",
        )
    changed = [step.name for step in shipped[:version] if applied.get(step.version) != step.sha256]
    if changed:
        raise SchemaMismatch(
            f"{changed[0]}.sql was applied with other content than this program ships",
            hint="use the bictl that made these tables, or an empty database",
        )
    return version


def _create(
    database: "Database", table: "Table", legacy: OldGeneration | None
) -> tuple[bool, int | None]:
    """Creates or takes over a table's bronze table, with key and view, unless that is recorded.

    Whether it was there, and how many rows were taken over with it; None when none had to be.
    """
    recorded = "select 1 from bictl.bronze_table where bronze_table = %s and source_table = %s"
    if (
        _exists(database, table.bronze)
        and database.value(recorded, [table.bronze, table.name])
        and not is_old(database, table.bronze)  # else a restored one stands in place of ours
    ):
        return True, None
    schema, bare = table.bronze.split(".")
    unique = unique_key.name(table.bronze)
    rows = None
    with database.transaction():
        database.lock(_LOCK)
        there = _exists(database, table.bronze)
        if there and legacy is not None and is_old(database, table.bronze):
            rows = convert(database, table, legacy)
            key = database.named("takeover/unique_key", table=table.bronze, unique=unique)
            database.execute(key)
        elif there:
            _check_columns(database, table.bronze)
        database.execute(
            database.named(
                "bronze/table",
                schema=schema,
                table=table.bronze,
                unique=unique,
                events=f"{schema}.{bare[:50]}_events",
            )
        )
        key_index.create(database, table)
        database.execute(
            database.named("bronze/marker_index", table=table.bronze, index=f"{bare[:50]}_snapshot")
        )
        database.execute(
            assets.sql("bronze/register_table"), {"bronze": table.bronze, "source": table.name}
        )
    if rows is not None:
        database.autocommit(database.named("bronze/analyze", table=table.bronze))
    return there, rows


def _exists(database: "Database", name: str) -> bool:
    return bool(database.value(assets.sql("bronze/table_exists"), name.split(".")))


def _check_columns(database: "Database", bronze: str) -> None:
    """A table of that name which is not ours is left alone."""
    missing = [
        row[0] for row in database.rows(assets.sql("bronze/missing_columns"), bronze.split("."))
    ]
    if missing:
        raise SchemaMismatch(
            f"{bronze} is there and was not made by bictl: it has no column {', '.join(missing)}",
            hint="name another table as `bronze` in the table's configuration",
        )


def _check_server(database: "Database") -> None:
    version = int(database.value("show server_version_num"))
    if version < OLDEST_SERVER:
        raise MissingDependency(
            f"bictl needs Postgres 16 or newer; this server is {version // 10000}",
            hint="upgrade the server, or use the local stack: bictl stack up",
        )


def _explained(database: "Database", error: BictlError) -> BictlError:
    """The same error with the command that helps, where it is a matter of rights or packages."""
    state = database.sqlstate(error)
    if state == "42501" and "must be owner" in error.message:
        user = database.value("select current_user")
        return AccessDenied(
            f"user {user!r} may not change a table of another owner: {error.message}",
            hint=f'alter table … owner to "{user}", or run bictl migrate as the owner',
        )
    if state in {"0A000", "58P01"} and "vector" in error.message:
        return MissingDependency(
            "the server does not have pgvector",
            hint="install it on the Postgres server (package postgresql-<version>-pgvector), "
            "then run bictl migrate again",
        )
    if state == "42501":
        user, name = database.rows("select current_user, current_database()")[0]
        extension = "create extension" in error.message
        return AccessDenied(
            f"user {user!r} may not create what bictl needs: {error.message}",
            hint=f'as a superuser, in the database "{name}": '
            "create extension vector with schema public"
            if extension
            else f'as the owner of the database: grant create on database "{name}" to "{user}"',
        )
    return error
