"""Postgres: does it answer, and can it hold what is promised of it."""

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

from bictl import assets
from bictl.bronze import check_version
from bictl.doctor.probe import Answer, Probe
from bictl.errors import SchemaMismatch
from bictl.ops.clock import skew
from bictl.ops.room import room

if TYPE_CHECKING:
    from bictl.clients import Clients
    from bictl.clients.database import Database
    from bictl.settings import Dbt, Settings, Table

OLDEST_SERVER = 16  # pg_input_error_info
OLDEST_VECTOR = (0, 8, 4)  # earlier ones lose rows of an HNSW index under some filters
POOLER = "point [postgres] to the server itself, or to a pooler in session mode"


class Right(NamedTuple):
    """What a stage must be allowed to do; `kind` is database, schema, table, or tables: all of a
    schema."""

    stage: str
    kind: str
    name: str
    privilege: str


def postgres(clients: "Clients") -> Generator[Probe, None, None]:
    """The server, its extension, bictl's own objects in it, and this role's rights."""
    database, settings = clients.database, clients.settings
    yield Probe("server", lambda: _server(database), door=True)
    yield Probe("pgvector", lambda: _vector(database))
    yield Probe("bictl's tables", lambda: _tables(database))
    yield Probe("rights", lambda: _rights(database, settings))
    yield Probe("session locks", lambda: _locks(database, clients))
    yield Probe("clock", lambda: _clock(database))
    yield Probe("disk", lambda: _disk(database, settings))


def _server(database: "Database") -> Answer:
    [(version, number, encoding, standby)] = database.rows(assets.sql("doctor/server"))
    if number < OLDEST_SERVER * 10_000:
        hint = f"use Postgres {OLDEST_SERVER} or later"
        return Answer("fail", f"Postgres {version}, older than {OLDEST_SERVER}", hint)
    if encoding != "UTF8":
        hint = "create the database with encoding 'UTF8': others cannot hold every text"
        return Answer("fail", f"Postgres {version}, encoding {encoding}", hint)
    if standby:
        return Answer("warn", f"Postgres {version}, read only", "point [postgres] to the primary")
    return Answer("ok", f"Postgres {version}")


def _vector(database: "Database") -> Answer:
    [(installed, available)] = database.rows(assets.sql("doctor/vector"))
    if installed is None and available is None:
        hint = "install it on the Postgres server (package postgresql-<version>-pgvector)"
        return Answer("fail", "the server does not have it", hint)
    version = installed or available
    least = ".".join(map(str, OLDEST_VECTOR))
    where = "" if installed else ", not in this database yet"
    if _numbers(version) < OLDEST_VECTOR:
        hint = f"update to {least} or later, then: alter extension vector update"
        return Answer("warn", f"version {version}{where}, older than {least}", hint)
    return Answer("ok", f"version {version}{where}")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def _tables(database: "Database") -> Answer:
    try:
        check_version(database)
    except SchemaMismatch as error:
        behind = error.hint == "bictl migrate"  # load-bronze does it by itself
        return Answer("warn" if behind else "fail", error.message, error.hint)
    return Answer("ok", "at this program's version")


def _rights(database: "Database", settings: "Settings") -> Answer:
    """Every right that a stage needs; who may only look can search."""
    schemas = list(_schemas(settings.tables.values(), settings.dbt))
    [(user, name, there, _)] = database.rows(assets.sql("doctor/who"), [schemas])
    wanted = list(_wanted(settings, missing=set(schemas) - set(there or ())))
    missing = _missing(database, wanted)
    if not missing:
        return Answer("ok", f"{user} may do what the stages need")
    stages = dict.fromkeys(right.stage for right in missing)
    lacks: dict[str, list[str]] = {}
    for right in missing:
        privileges = lacks.setdefault(_object(right, name), [])
        if right.privilege not in privileges:
            privileges.append(right.privilege)
    spelt = [f"{', '.join(privileges)} on {what}" for what, privileges in lacks.items()]
    return Answer(
        "fail" if "search" in stages else "warn",
        f"{user} may not run {', '.join(stages)}: it lacks {', '.join(spelt)}",
        f"for these commands, as the owner: {'; '.join(f'grant {one} to {user}' for one in spelt)}",
    )


def _missing(database: "Database", wanted: list[Right]) -> list[Right]:
    columns = [list(column) for column in zip(*wanted, strict=True)]
    parameters = dict(zip(("stages", "kinds", "names", "privileges"), columns, strict=True))
    return [Right(*row) for row in database.rows(assets.sql("doctor/rights"), parameters)]


def _wanted(settings: "Settings", *, missing: set[str]) -> Iterator[Right]:
    """In the order of the stages; `missing` are schemas that somebody has to create first."""
    view_schema = settings.dbt.view_schema
    if missing:
        yield Right("migrate", "database", "", "create")
    yield Right("migrate", "schema", "bictl", "create")
    yield Right("load-bronze", "database", "", "temporary")
    yield Right("load-bronze", "schema", "bictl", "usage")
    for privilege in ("select", "insert", "update"):
        yield Right("load-bronze", "tables", "bictl", privilege)
    yield Right("transform", "schema", view_schema, "create")
    yield Right("search", "schema", view_schema, "usage")
    for table in settings.tables.values():
        yield Right("load-bronze", "schema", table.bronze.split(".")[0], "usage")
        for privilege in ("select", "insert"):
            yield Right("load-bronze", "table", table.bronze, privilege)
        yield Right("search", "table", f"{view_schema}.{table.staging}", "select")
        if table.embed:
            yield Right("search", "schema", table.embeddings.split(".")[0], "usage")
            yield Right("search", "table", table.embeddings, "select")
            for privilege in ("insert", "update", "delete"):
                yield Right("embed", "table", table.embeddings, privilege)


def _schemas(tables: Iterable["Table"], dbt: "Dbt") -> Iterator[str]:
    yield from ("bictl", dbt.view_schema)
    for table in tables:
        yield table.bronze.split(".")[0]
        if table.embed:
            yield table.embeddings.split(".")[0]


def _object(right: Right, database: str) -> str:
    """As GRANT calls it."""
    kinds = {"database": "database ", "schema": "schema ", "tables": "all tables in schema "}
    return f"{kinds.get(right.kind, '')}{right.name or database}"


def _locks(database: "Database", clients: "Clients") -> Answer:
    """A session's lock must be there in its next transaction, and no other session's.

    Behind PgBouncer in transaction mode one connection of the server is lent to whoever asks next:
    another client of ours then meets itself.
    """
    name = f"bictl:doctor:{uuid4()}"
    held = database.try_lock(name) and database.value(assets.sql("doctor/holds_lock"), [name])
    with closing(clients.new_database("bictl doctor")) as other, other.transaction():
        shared = other.value(assets.sql("doctor/holds_lock"), [name])
        held = held and database.value(assets.sql("doctor/holds_lock"), [name])
    database.rows("select pg_advisory_unlock(hashtextextended(%s, 0))", [name])
    if held and not shared:
        return Answer("ok", "a lock outlives its transaction, in its own session")
    return Answer(
        "fail",
        "a session's lock is gone, or another's, after its transaction: "
        "a pooler in transaction mode",
        POOLER,
    )


def _clock(database: "Database") -> Answer:
    return skew(lambda: database.value("select clock_timestamp()"))


def _disk(database: "Database", settings: "Settings") -> Answer:
    """The server's own disk, where it is this machine's and the role may know the place."""
    from pathlib import Path

    [(*_, directory)] = database.rows(assets.sql("doctor/who"), [[]])
    if directory is None:
        return Answer("skipped", "this role may not know where the server keeps its data")
    if settings.postgres.host not in ("localhost", "127.0.0.1", "::1"):
        return Answer("skipped", f"{directory} is on another machine")
    return room(Path(directory), use="Postgres keeps its data there")
