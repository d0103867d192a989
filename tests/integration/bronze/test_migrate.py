"""Migrations run forward, twice, at once and after a kill; what is newer is left alone."""

import json
import os
import random
import re
import signal
import sys
import threading
from dataclasses import replace

import psycopg2
import pytest

from bictl.bronze import check_version, migrate
from bictl.bronze.migrate import pending, steps
from bictl.clients import Clients
from bictl.clients.database import Database
from bictl.errors import AccessDenied, MissingDependency, SchemaMismatch, StageFailed
from bictl.settings import Table


def shape(database):
    """Every column, constraint and index of bictl's schemas."""
    return tuple(
        set(database.rows(query))
        for query in (
            """select table_schema, table_name, column_name, data_type, is_nullable
            from information_schema.columns
            where table_schema in ('bictl', 'bronze', 'analytics_features')""",
            """select conrelid::regclass::text, pg_get_constraintdef(oid) from pg_constraint
            where connamespace::regnamespace::text in ('bictl', 'bronze')""",
            "select indexdef from pg_indexes where schemaname in ('bictl', 'bronze')",
            "select version, name, sha256 from bictl.schema_version",
        )
    )


def test_an_empty_database_is_refused_by_name_of_the_command(clients):
    with pytest.raises(SchemaMismatch) as refused:
        check_version(clients.database)
    assert refused.value.hint == "bictl migrate"


def test_migrating_twice_does_nothing_the_second_time(clients, settings):
    first = migrate(clients.database, settings.tables.values())
    before = shape(clients.database)

    second = migrate(clients.database, settings.tables.values())

    assert first.applied == tuple(step.name for step in steps())
    assert first.tables == ("bronze.product_cdc",)
    assert (second.applied, second.tables) == ((), ())
    assert second.summary.startswith("nothing to do")
    assert shape(clients.database) == before
    check_version(clients.database)


def test_eight_migrations_at_once_apply_each_file_once(settings, clients):
    barrier, done, failures = threading.Barrier(8), [], []

    def run():
        with Clients(settings) as own:
            own.database.value("select 1")
            barrier.wait()
            try:
                done.append(migrate(own.database, settings.tables.values()))
            except Exception as error:
                failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not failures
    assert sorted(name for one in done for name in one.applied) == [s.name for s in steps()]
    assert sum(len(one.tables) for one in done) == 1


class DyingCursor(psycopg2.extensions.cursor):
    """Kills its process before call number `last`."""

    last = 0

    def execute(self, query, parameters=None):
        DyingCursor.last -= 1
        if not DyingCursor.last:
            os.kill(os.getpid(), signal.SIGKILL)
        super().execute(query, parameters)


def _migrate_and_die(settings, last):
    """In a child process: its exit status."""
    child = os.fork()
    if child == 0:
        DyingCursor.last = last
        connect = psycopg2.connect
        psycopg2.connect = lambda **options: connect(**options, cursor_factory=DyingCursor)
        migrate(Database(settings.postgres), settings.tables.values())
        os._exit(0)
    return os.waitpid(child, 0)[1]


def test_a_migration_killed_at_any_statement_is_finished_by_the_next_one(settings, clients):
    migrate(clients.database, settings.tables.values())
    undisturbed = shape(clients.database)
    last, kills = 0, 0
    while True:
        last += 1
        clients.database.execute(
            "drop schema bictl cascade; drop schema bronze cascade; "
            "drop schema analytics_features cascade"
        )
        status = _migrate_and_die(settings, last)
        if status == 0:
            break
        assert os.WTERMSIG(status) == signal.SIGKILL
        kills += 1
        migrate(clients.database, settings.tables.values())
        assert shape(clients.database) == undisturbed
    assert kills > 10


def test_a_newer_database_is_refused_and_left_alone(clients, settings):
    migrate(clients.database, settings.tables.values())
    clients.database.execute(
        "insert into bictl.schema_version (version, name, sha256) values (9999, 'later', 'x')"
    )
    before = shape(clients.database)

    for refuse in (check_version, lambda database: migrate(database, settings.tables.values())):
        with pytest.raises(SchemaMismatch, match="newer") as refused:
            refuse(clients.database)
        assert "upgrade" in refused.value.hint
    assert shape(clients.database) == before


def test_an_older_database_is_refused_until_it_is_migrated(clients, settings):
    migrate(clients.database, settings.tables.values())
    clients.database.execute("delete from bictl.schema_version where version = %s", [len(steps())])

    with pytest.raises(SchemaMismatch, match=f"this program needs {len(steps())}"):
        check_version(clients.database)


def test_a_file_that_was_applied_with_other_content_is_named(clients, settings):
    migrate(clients.database, settings.tables.values())
    clients.database.execute("update bictl.schema_version set sha256 = 'x' where version = 1")

    with pytest.raises(SchemaMismatch, match="0001_foundation"):
        check_version(clients.database)


def test_another_tables_bronze_table_is_made_too(clients, settings):
    migrate(clients.database, settings.tables.values())
    category = Table(
        name="category", topic="cord.ConcordDb.dbo.Category", bronze="Raw.Category_cdc"
    )

    assert migrate(clients.database, [category]).tables == ("Raw.Category_cdc",)
    assert migrate(clients.database, [category]).tables == ()
    assert clients.database.value('select count(*) from "Raw"."Category_cdc_events"') == 0


def test_a_foreign_table_of_the_same_name_is_left_alone(clients, settings):
    clients.database.execute("create schema bronze; create table bronze.product_cdc (id int)")

    with pytest.raises(SchemaMismatch, match="no column kafka_topic"):
        migrate(clients.database, settings.tables.values())
    assert clients.database.value("select count(*) from bronze.product_cdc") == 0


@pytest.fixture
def stranger(clients, settings):
    """A role without rights, and its connection."""
    from dataclasses import replace

    from bictl.settings import Secret

    name = f"stranger_{settings.postgres.dbname}"
    clients.database.execute(
        f"create role {name} login password 'pw'; grant {name} to current_user"
    )
    with Database(replace(settings.postgres, user=name, password=Secret("pw"))) as database:
        yield database
    clients.database.execute(f"drop owned by {name}; drop role {name}")


def test_a_missing_right_names_the_grant(stranger, settings):
    with pytest.raises(AccessDenied) as refused:
        migrate(stranger, settings.tables.values())
    name = settings.postgres.dbname
    assert f'grant create on database "{name}" to "stranger_{name}"' in refused.value.hint


def test_a_role_that_may_only_read_passes_the_version_check(stranger, clients, settings):
    migrate(clients.database, settings.tables.values())
    clients.database.execute(
        f"grant usage on schema bictl to stranger_{settings.postgres.dbname}; "
        f"grant select on all tables in schema bictl to stranger_{settings.postgres.dbname}"
    )
    check_version(stranger)


def test_an_old_server_is_refused_before_anything_is_written(clients, settings, monkeypatch):
    monkeypatch.setattr(sys.modules["bictl.bronze.migrate"], "OLDEST_SERVER", 990000)

    with pytest.raises(MissingDependency, match="this server is 18"):
        migrate(clients.database, settings.tables.values())
    assert clients.database.value("select to_regnamespace('bictl')") is None


# The index of the key -----------------------------------------------------------------------------


def key_indexes(database):
    """What of the table's indexes holds a key, by name, and whether they can be used."""
    return {
        name: (
            valid,
            re.findall(r"(?s)cdc_key_(\w+)\(kafka_key, cdc_payload, '(.*?)'::text\)", text),
        )
        for name, valid, text in database.rows(
            """select c.relname, i.indisvalid, pg_get_indexdef(i.indexrelid) from pg_index i
            join pg_class c on c.oid = i.indexrelid
            where i.indrelid = 'bronze.product_cdc'::regclass
                and pg_get_indexdef(i.indexrelid) like '%cdc_key_%'"""
        )
    }


def insert(database, offset, key=None):
    """A row of bronze."""
    database.execute(
        """insert into bronze.product_cdc (kafka_topic, generation, kafka_partition, kafka_offset,
            kafka_timestamp, kafka_key, batch_file) values ('t', 'g', 0, %s, now(), %s, 'b')""",
        [offset, key],
    )


def test_another_key_gets_an_index_of_its_own_in_place_of_the_old_one(clients, settings):
    database, before = clients.database, settings.table("product")
    migrate(database, [before])
    name = "it's {a} 100% \\ \n"
    after = replace(before, key=("Code", name), key_types=("text", "bigint"), id=("a", "b"))
    for offset in (1, 2):
        insert(database, offset)
    with pytest.raises(StageFailed):  # half an index, as a run that was killed leaves it
        database.autocommit(
            "create unique index concurrently product_cdc_key_new"
            " on bronze.product_cdc (batch_file)"
        )

    assert pending(database, [after]) == ["make the key index of bronze.product_cdc anew"]
    assert key_indexes(database) == {
        "product_cdc_key": (True, [("integer", "ID")]),
        "product_cdc_key_new": (False, []),
    }
    done = migrate(database, [after])

    assert done.summary.startswith("made the key index of bronze.product_cdc anew; ")
    quoted = name.replace("'", "''")
    assert key_indexes(database) == {
        "product_cdc_key": (True, [("text", "Code"), ("bigint", quoted)])
    }
    assert (pending(database, [after]), migrate(database, [after]).indexed) == ([], ())
    database.execute("set search_path = bronze, public")  # Postgres leaves the schema out then
    assert migrate(database, [after]).indexed == ()


def test_a_new_index_whose_run_was_killed_before_it_had_its_name_takes_its_place(clients, settings):
    database, before = clients.database, settings.table("product")
    migrate(database, [before])
    after = replace(before, key_types=("text",))
    database.execute("alter index bronze.product_cdc_key rename to product_cdc_old")
    migrate(database, [after])
    database.execute(
        "alter index bronze.product_cdc_key rename to product_cdc_key_new;"
        "alter index bronze.product_cdc_old rename to product_cdc_key"
    )

    assert migrate(database, [after]).indexed == ("bronze.product_cdc",)
    assert key_indexes(database) == {"product_cdc_key": (True, [("text", "ID")])}


def test_a_key_that_no_index_can_hold_leaves_none_behind(clients, settings):
    database, before = clients.database, settings.table("product")
    migrate(database, [before])
    long = "".join(random.Random(3).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=10_000))
    insert(database, 0, json.dumps({"ID": long}))

    with pytest.raises(StageFailed, match="index row"):
        migrate(database, [replace(before, key_types=("text",))])
    assert key_indexes(database) == {"product_cdc_key": (True, [("integer", "ID")])}
