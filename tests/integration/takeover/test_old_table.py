"""Whatever shape the scripts' bronze table has, it becomes ours and loses nothing."""

import pytest
from old_platform import records

from bictl.bronze import check_version, migrate
from bictl.bronze.migrate import steps
from bictl.bronze.old_table import OldGeneration
from bictl.errors import SchemaMismatch

LEGACY = {"product": OldGeneration("legacy", -1)}


def take(taking):
    return migrate(taking.clients.database, [taking.table], legacy=LEGACY)


@pytest.fixture
def filled(old):
    """A bronze table of 60 rows, whatever its types."""

    def build(**types: str) -> list[str]:
        old.create_bronze(**types)
        lines = old.lines(records(60, schema=True))
        old.load(lines, "batch=20240514T000001Z.jsonl")
        return lines

    return build


TYPES = [
    {},
    {"timestamp": "bigint"},
    {"timestamp": "timestamp"},
    {"offset": "integer", "partition": "bigint"},
    {"text": "varchar(64)"},
]


@pytest.mark.parametrize("types", TYPES, ids=str)
@pytest.mark.parametrize("is_read", [False, True], ids=["alone", "under views"])
def test_every_shape_of_the_pages_table_is_taken_over(filled, old, taking, types, is_read):
    filled(**types)
    everything = "select * from bronze.product_cdc order by kafka_offset"
    if is_read:
        old.stage()
        old.execute(f"create view public.all_of_it as {everything}")
        shown = taking.rows("select * from staging_staging.stg_product order by 1")
        seen = taking.rows("select kafka_offset, kafka_timestamp, batch_file from public.all_of_it")
    instants = taking.rows("select kafka_offset, to_jsonb(kafka_timestamp) from bronze.product_cdc")

    done = take(taking)

    assert done.converted == {"bronze.product_cdc": 60}
    check_version(taking.clients.database)
    rows = taking.rows(
        "select kafka_offset, round(extract(epoch from kafka_timestamp) * 1000)::bigint"
        " from bronze.product_cdc"
    )
    assert sorted(rows) == [(n, 1_715_680_000_000 + n) for n in range(60)]
    assert len(instants) == 60
    kinds = dict(
        taking.rows(
            "select column_name, data_type from information_schema.columns"
            " where table_schema = 'bronze' and table_name = 'product_cdc'"
        )
    )
    assert kinds["kafka_offset"] == "bigint"
    assert kinds["kafka_timestamp"] == "timestamp with time zone"
    assert kinds["batch_file"] == "text"
    if is_read:
        # the payload is split now, and the page's view knows both shapes
        assert taking.rows("select * from staging_staging.stg_product order by 1") == shown
        assert (
            taking.rows("select kafka_offset, kafka_timestamp, batch_file from public.all_of_it")
            == seen
        )


@pytest.mark.parametrize("types", TYPES, ids=str)
def test_rows_that_come_later_show_in_the_old_views_too(filled, old, taking, types):
    filled(**types)
    old.execute("create view public.all_of_it as select * from bronze.product_cdc")
    take(taking)

    taking.clients.database.execute(
        "insert into bronze.product_cdc (kafka_topic, generation, kafka_partition, kafka_offset,"
        " kafka_timestamp, batch_file) values ('t', 'g', 0, 60, '2024-05-14 09:46:40.06Z',"
        " 'product/raw/generation=g/partition=00000/batch=00000000000000000060.jsonl.gz')"
    )

    shown = taking.rows(
        "select kafka_offset, to_jsonb(kafka_timestamp), left(batch_file, 20)"
        " from public.all_of_it where kafka_offset = 60"
    )
    ((offset, instant, file),) = shown
    assert offset == 60
    assert instant == 1_715_680_000_060 or str(instant).startswith("2024-05-14T09:46:40.06")
    assert file == "product/raw/generati"


def test_grants_indexes_comments_and_columns_of_ones_own_survive(filled, taking, settings):
    filled()
    role = f"reader_{settings.postgres.dbname}"
    database = taking.clients.database
    database.execute(
        f"create role {role}; grant select on bronze.product_cdc to {role};"
        " comment on table bronze.product_cdc is 'ours for years';"
        " alter table bronze.product_cdc add column checked boolean not null default true;"
        " create index by_file on bronze.product_cdc (batch_file)"
    )
    try:
        take(taking)

        assert taking.value("select has_table_privilege(%s, 'bronze.product_cdc', 'select')", role)
        assert taking.value("select obj_description('bronze.product_cdc'::regclass)")
        assert taking.value("select count(*) from bronze.product_cdc where checked") == 60
        assert taking.value("select to_regclass('bronze.by_file') is not null")
        assert taking.value("select to_regclass('bronze.product_cdc_ingested_at_idx') is not null")
    finally:
        database.execute(f"revoke all on bronze.product_cdc from {role}; drop role {role}")


def test_ids_and_times_of_arrival_stay_and_the_sequence_goes_on(filled, taking):
    filled()
    kept = "select id, kafka_offset, ingested_at from bronze.product_cdc order by id"
    before = taking.rows(kept)

    take(taking)

    assert taking.rows(kept) == before
    new = taking.value(
        "insert into bronze.product_cdc (kafka_topic, generation, kafka_partition, kafka_offset,"
        " kafka_timestamp, batch_file) values ('t', 'g', 0, 0, now(), 'f') returning id"
    )
    assert new == before[-1][0] + 1


def test_a_table_that_triggers_watch_is_changed_in_place(filled, old, taking):
    filled()
    old.execute(
        "create table public.seen (n int); create function public.watch() returns trigger"
        " language plpgsql as $$ begin insert into public.seen values (1); return null; end $$;"
        " create trigger watch after insert on bronze.product_cdc"
        " for each row execute function public.watch()"
    )

    take(taking)

    assert taking.value("select count(*) from public.seen") == 0
    assert taking.value("select count(*) from bronze.product_cdc where schema_id > 0") == 59


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("update bronze.product_cdc set kafka_offset = null where id < 4", "3 rows have no kafka"),
        (
            "alter table bronze.product_cdc alter kafka_key type text",
            "its column kafka_key is text",
        ),
        (
            "alter table bronze.product_cdc drop constraint"
            " product_cdc_kafka_topic_kafka_partition_kafka_offset_key;"
            " update bronze.product_cdc set kafka_offset = 1 where id < 4",
            "1 offsets stand in more than one row",
        ),
    ],
)
def test_what_cannot_be_told_is_refused_and_left_alone(filled, old, taking, damage, said):
    filled()
    old.execute(damage)

    with pytest.raises(SchemaMismatch, match=said):
        take(taking)
    assert taking.value("select count(*) from bronze.product_cdc") == 60
    assert (
        taking.rows(
            "select 1 from information_schema.columns where column_name = 'generation'"
            " and table_name = 'product_cdc'"
        )
        == []
    )


def test_nothing_decides_the_generation_behind_a_persons_back(filled, taking):
    filled()
    with pytest.raises(SchemaMismatch, match="made by other scripts") as refused:
        migrate(taking.clients.database, [taking.table])
    assert refused.value.hint == "bictl migrate"


@pytest.mark.parametrize("version", range(len(steps()) + 1))
def test_from_every_released_version_forward_with_data(filled, old, taking, version):
    """The first files applied, rows of that time, an old table beside them; then the rest."""
    database = taking.clients.database
    filled()
    from bictl import assets

    if version:
        database.execute(assets.sql("bronze/schema_version"))
    for step in steps()[:version]:
        database.execute(step.text)
        database.execute(
            "insert into bictl.schema_version (version, name, sha256) values (%s, %s, %s)",
            [step.version, step.name, step.sha256],
        )
    if version:
        database.execute(
            "insert into bronze.cdc_schema (sha256, schema, fields) values ('x', '{}', '{}');"
            " insert into bictl.object_ledger (object_key, sha256, etag, size, kafka_topic,"
            " generation, kafka_partition, first_offset, next_offset, n_records, n_tombstones,"
            " n_loaded, n_quarantined, n_duplicate, ingest_run, load_run)"
            " values ('k', 's', 'e', 1, 't', 'g', 0, 0, 1, 1, 0, 1, 0, 0, 'r', 'r');"
            " insert into bronze.cdc_quarantine (kafka_topic, generation, kafka_partition,"
            " kafka_offset, kafka_timestamp, sqlstate, reason, batch_file)"
            " values ('t', 'g', 0, 0, now(), '22P02', 'why', 'k')"
        )

    done = take(taking)
    again = take(taking)

    assert done.applied == tuple(step.name for step in steps()[version:])
    assert done.converted == {"bronze.product_cdc": 60}
    assert again.summary.startswith("nothing to do")
    if version:
        assert taking.value("select count(*) from bictl.object_ledger") == 1
        assert taking.value("select count(*) from bronze.cdc_quarantine") == 1
    assert taking.value("select count(*) from bronze.product_cdc_events") == 60
