"""The HNSW index is there after a load, valid, and made by the file that psql runs."""

import os
import subprocess

import pytest
from psycopg2 import sql

from bictl import assets
from bictl.embeddings.index import VectorIndex
from bictl.errors import BictlError
from bictl.local.postgres import _installed

INDEXES = """
select c.relname, i.indisvalid, pg_get_indexdef(i.indexrelid)
from pg_index i join pg_class c on c.oid = i.indexrelid join pg_am a on a.oid = c.relam
where a.amname = 'hnsw' order by 1"""
DEFINITION = (
    "CREATE INDEX product_embeddings_hnsw ON analytics_features.product_embeddings "
    "USING hnsw (embedding vector_cosine_ops) WITH (m='16', ef_construction='64')"
)


def indexes(shop):
    return shop.database.rows(INDEXES)


def test_the_first_load_builds_it_and_later_loads_keep_it(shop):
    shop.fill(50)
    assert shop.embed().index == "built"
    assert indexes(shop) == [("product_embeddings_hnsw", True, DEFINITION)]
    shop.put(1, "Changed")
    assert shop.embed().index == "kept"


def test_psql_runs_the_same_file(shop, settings):
    shop.fill(5)
    shop.embed()
    shop.run("drop index analytics_features.product_embeddings_hnsw")
    postgres = settings.postgres
    for _ in range(2):  # the second time there is nothing to do
        done = subprocess.run(
            [
                _installed("psql"),
                *("-X", "-v", "ON_ERROR_STOP=1", "-h", postgres.host, "-p", str(postgres.port)),
                *("-U", postgres.user, "-d", postgres.dbname),
                *("-f", str(assets.path("sql", "search", "create_hnsw_index.sql"))),
            ],
            env={**os.environ, "PGPASSWORD": postgres.password.reveal() or ""},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    assert indexes(shop) == [("product_embeddings_hnsw", True, DEFINITION)]


def test_an_index_that_a_died_build_left_behind_is_built_anew(shop, clients):
    shop.fill(30)
    shop.embed()
    shop.run("drop index analytics_features.product_embeddings_hnsw")
    with clients.new_database() as writer, writer.transaction():
        writer.execute("lock table analytics_features.product_embeddings in row exclusive mode")
        with clients.new_database() as builder:
            builder.execute("set statement_timeout = '500ms'")
            statement = sql.SQL(
                "create index concurrently product_embeddings_hnsw on "
                "analytics_features.product_embeddings using hnsw (embedding vector_cosine_ops)"
            )
            with pytest.raises(BictlError):
                builder.autocommit(statement)
    assert [(name, valid) for name, valid, _ in indexes(shop)] == [
        ("product_embeddings_hnsw", False)
    ]

    assert shop.embed().index == "built"

    assert indexes(shop) == [("product_embeddings_hnsw", True, DEFINITION)]


def test_a_load_that_changes_much_drops_the_index_first_and_a_small_one_does_not(shop, monkeypatch):
    monkeypatch.setattr("bictl.embeddings.index.REBUILD_ROWS", 10)
    shop.fill(100)
    shop.embed()
    oid = "select 'analytics_features.product_embeddings_hnsw'::regclass::oid"
    first = shop.database.value(oid)
    shop.run("update staging_staging.product_row set name = name || '!' where product_id <= 17")
    assert shop.embed().index == "kept"
    assert shop.database.value(oid) == first
    shop.run("update staging_staging.product_row set name = name || '?' where product_id <= 30")
    assert shop.embed().index == "built"
    assert shop.database.value(oid) != first


def test_a_run_that_works_on_the_index_is_not_disturbed(shop, clients):
    shop.fill(5)
    with clients.new_database() as other:
        assert other.try_lock(f"bictl:index:{shop.table.embeddings}")
        assert shop.embed().index == "left to another run"
    assert shop.embed().index == "built"


def test_too_little_shared_memory_for_workers_is_no_failure(shop, monkeypatch):
    statements = VectorIndex._statements
    refused = []

    def greedy(index):  # no /dev/shm holds what two workers would share then
        return [one.replace("1GB", "1000GB") for one in statements(index)]

    drop_invalid = VectorIndex._drop_invalid
    monkeypatch.setattr(VectorIndex, "_statements", greedy)
    monkeypatch.setattr(
        VectorIndex, "_drop_invalid", lambda index: refused.append(drop_invalid(index))
    )
    shop.run("set min_parallel_table_scan_size = 0")
    shop.run("set max_parallel_maintenance_workers = 2")
    shop.fill(50)
    assert shop.embed().index == "built"
    assert indexes(shop) == [("product_embeddings_hnsw", True, DEFINITION)]
    assert len(refused) == 1


def test_search_walks_the_index(shop):
    shop.fill(300)
    shop.embed()
    shop.run("set enable_seqscan = off")  # so few rows are faster read than looked up
    scans = (
        "select idx_scan from pg_stat_user_indexes where indexrelname = 'product_embeddings_hnsw'"
    )
    shop.search("part", mode="semantic")
    shop.database.rows("select pg_stat_force_next_flush()")
    shop.database.close()
    assert shop.database.value(scans) > 0
