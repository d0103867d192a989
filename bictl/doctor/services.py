"""Kafka, Postgres and Kafka Connect: do they answer, and can they hold what is promised of them."""

from collections.abc import Generator
from functools import partial
from typing import TYPE_CHECKING
from uuid import uuid4

from bictl import assets, cdc
from bictl.bronze import check_version
from bictl.doctor.clock import skew
from bictl.doctor.probe import Answer, Probe
from bictl.errors import SchemaMismatch

if TYPE_CHECKING:
    from bictl.clients import Clients
    from bictl.clients.connect import ConnectWorker
    from bictl.clients.database import Database
    from bictl.clients.topics import TopicReader
    from bictl.settings import Connect, Dbt

OLDEST_SERVER = 16  # pg_input_error_info
OLDEST_VECTOR = (0, 8, 4)  # earlier ones lose rows of an HNSW index under some filters


def kafka(clients: "Clients") -> Generator[Probe, None, None]:
    """The brokers, and each table's topic."""
    reader = clients.reader
    yield Probe("brokers", lambda: _brokers(reader), door=True)
    for table in clients.settings.tables.values():
        yield Probe(f"topic {table.topic}", partial(_topic, reader, table.topic))


def _brokers(reader: "TopicReader") -> Answer:
    return Answer("ok", f"{len(reader.topics())} topics")


def _topic(reader: "TopicReader", name: str) -> Answer:
    topic = reader.describe(name)
    partitions = f"{len(topic.partitions)} partition{'s' if len(topic.partitions) != 1 else ''}"
    if topic.id is None:
        return Answer(
            "warn",
            f"{partitions}; the broker gives topics no id, so a recreated one is recognised only "
            "by its last sealed record",
            "Kafka 2.8 and later have topic ids",
        )
    return Answer("ok", f"{partitions}, id {topic.id}")


def postgres(clients: "Clients") -> Generator[Probe, None, None]:
    """The server, its extension, bictl's own objects in it, and this role's rights."""
    database, dbt = clients.database, clients.settings.dbt
    yield Probe("server", lambda: _server(database), door=True)
    yield Probe("pgvector", lambda: _vector(database))
    yield Probe("bictl's tables", lambda: _tables(database))
    yield Probe("rights", lambda: _rights(database, dbt))
    yield Probe("session locks", lambda: _locks(database))
    yield Probe("clock", lambda: _clock(database))


def _server(database: "Database") -> Answer:
    [(version, number, encoding, standby)] = database.rows(assets.sql("doctor/server"))
    if number < OLDEST_SERVER * 10_000:
        return Answer("fail", f"Postgres {version}", f"use Postgres {OLDEST_SERVER} or later")
    if encoding != "UTF8":
        hint = "create the database with encoding 'UTF8': others cannot hold every text"
        return Answer("fail", f"Postgres {version}, encoding {encoding}", hint)
    if standby:
        return Answer("warn", f"Postgres {version}, read only", "point [postgres] to the primary")
    return Answer("ok", f"Postgres {version}")


def _vector(database: "Database") -> Answer:
    [(installed, available)] = database.rows(assets.sql("doctor/vector"))
    if installed is None and available is None:
        hint = "install pgvector on the server: https://github.com/pgvector/pgvector"
        return Answer("fail", "the server does not have it", hint)
    version = installed or available
    least = ".".join(map(str, OLDEST_VECTOR))
    where = "" if installed else ", not in this database yet"
    if _numbers(version) < OLDEST_VECTOR:
        hint = f"update to {least} or later, then: alter extension vector update"
        return Answer("warn", f"version {version}{where}", hint)
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


def _rights(database: "Database", dbt: "Dbt") -> Answer:
    schemas = ["bictl", "bronze", "analytics_features", dbt.target_schema, dbt.view_schema]
    [(user, database_name, may_create, closed)] = database.rows(
        assets.sql("doctor/rights"), [schemas]
    )
    missing = ["database " + database_name] if not may_create else []
    missing += [f"schema {name}" for name in closed or ()]
    if missing:
        return Answer(
            "warn",
            f"{user} has no CREATE right on {', '.join(missing)}: enough for search and verify",
            f"for the other commands: grant create on {missing[0]} to {user}",
        )
    return Answer("ok", f"{user} may create what the stages need")


def _locks(database: "Database") -> Answer:
    """A lock of a session must still be there in its next transaction; PgBouncer may break that."""
    name = f"bictl:doctor:{uuid4()}"
    database.try_lock(name)
    held = database.value(assets.sql("doctor/holds_lock"), [name])
    database.rows("select pg_advisory_unlock(hashtextextended(%s, 0))", [name])
    if held:
        return Answer("ok", "a lock outlives its transaction")
    return Answer(
        "fail",
        "a session's lock is gone after its transaction: a pooler in transaction mode",
        "point [postgres] to the server itself, or to a pooler in session mode",
    )


def _clock(database: "Database") -> Answer:
    return skew(lambda: database.value("select clock_timestamp()"))


def connect(clients: "Clients") -> Generator[Probe, None, None]:
    """The worker and its connectors, when there is one."""
    settings = clients.settings.connect
    if not settings.url:
        text = "not configured: source and connector are out of scope"
        yield Probe("worker", lambda: Answer("skipped", text))
        return
    worker = clients.connect()
    yield Probe("worker", lambda: _worker(worker), door=True)
    yield Probe(f"connector {settings.connector}", lambda: _connector(worker, settings))


def _worker(worker: "ConnectWorker") -> Answer:
    return Answer("ok", f"Kafka Connect {worker.worker().version} at {worker.address}")


def _connector(worker: "ConnectWorker", settings: "Connect") -> Answer:
    [status] = cdc.status(worker, name=settings.connector)
    if status.health == "ok":
        return Answer("ok", f"RUNNING, {len(status.tasks)} tasks")
    return Answer(status.health, status.reason, status.hint)
