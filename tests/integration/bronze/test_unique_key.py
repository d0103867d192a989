"""The unique key of bronze comes back, whoever dropped it, and records that doubled stand once."""

import pytest

from bictl.bronze import migrate, pending, undouble
from bictl.bronze.unique_key import fits
from bictl.errors import StageFailed

BRONZE = "bronze.product_cdc"
DROP = f"alter table {BRONZE} drop constraint product_cdc_offset_key"
COPY = f"""insert into {BRONZE} (kafka_topic, generation, kafka_partition, kafka_offset,
    kafka_timestamp, kafka_key, cdc_payload, schema_id, key_schema_id, batch_file)
select kafka_topic, generation, kafka_partition, kafka_offset, kafka_timestamp, kafka_key,
    {{payload}}, schema_id, key_schema_id, batch_file
from {BRONZE} where kafka_partition = 0 and kafka_offset in ({{offsets}})"""


def double(pipeline, *, offsets="7, 30", payload="cdc_payload"):
    pipeline.execute(DROP)
    pipeline.execute(COPY.format(offsets=offsets, payload=payload))


def test_a_dropped_key_is_made_again_by_migrate_and_a_second_run_has_nothing_to_do(pipeline):
    pipeline.execute(DROP)
    assert pending(pipeline.database, [pipeline.table]) == [f"make the unique key of {BRONZE} anew"]
    assert migrate(pipeline.database, [pipeline.table]).keyed == (BRONZE,)
    assert pipeline.verify().complete
    assert migrate(pipeline.database, [pipeline.table]).summary.startswith("nothing to do")


@pytest.mark.sweep
def test_what_a_killed_run_left_of_the_key_is_no_hindrance(pipeline):
    double(pipeline)
    with pytest.raises(StageFailed):
        pipeline.database.autocommit(
            f"""create unique index concurrently product_cdc_offset_key_new on {BRONZE}
            (kafka_topic, generation, kafka_partition, kafka_offset)"""
        )
    pipeline.execute(
        f"delete from {BRONZE} where id in (select max(id) - n from {BRONZE},"
        " generate_series(0, 1) n group by n)"
    )
    assert migrate(pipeline.database, [pipeline.table]).keyed == (BRONZE,)
    assert pipeline.verify().complete


def test_where_records_stand_twice_migrate_says_so_and_leaves_no_broken_index(pipeline):
    double(pipeline)
    with pytest.raises(StageFailed, match="holds records more than once") as caught:
        migrate(pipeline.database, [pipeline.table])
    assert caught.value.hint == "bictl repair --table product --select B2"
    left = "select count(*) from pg_index where indrelid = %s::regclass and not indisvalid"
    assert pipeline.value(left, BRONZE) == 0


@pytest.mark.parametrize("payload", ["cdc_payload", "'{}'::jsonb"], ids=["same", "different"])
def test_doubled_records_stand_once_again_as_their_object_has_them(pipeline, payload):
    double(pipeline, payload=payload)
    keys = pipeline.batches()[:3]
    result = undouble(
        pipeline.objects, pipeline.database, table=pipeline.table, keys=keys, run="test"
    )
    assert result.objects == 3
    report = pipeline.verify(level="deep")
    assert report.complete, report.headline


def test_a_record_that_stands_twice_and_in_no_object_stays_and_so_does_all_else(pipeline):
    double(pipeline, offsets="7")
    pipeline.execute(f"update {BRONZE} set kafka_offset = 9 where kafka_offset = 7")
    pipeline.execute(f"update {BRONZE} set kafka_offset = 9000 where kafka_offset = 9")
    before = pipeline.value(f"select count(*) from {BRONZE}")
    with pytest.raises(StageFailed):
        undouble(
            pipeline.objects,
            pipeline.database,
            table=pipeline.table,
            keys=pipeline.batches(),
            run="test",
        )
    assert pipeline.value(f"select count(*) from {BRONZE}") == before
    assert not fits(pipeline.database, pipeline.table)


@pytest.mark.sweep
def test_stopped_it_leaves_everything_as_it_was(pipeline):
    double(pipeline)
    with pytest.raises(StageFailed, match="as it was"):
        undouble(
            pipeline.objects,
            pipeline.database,
            table=pipeline.table,
            keys=pipeline.batches()[:3],
            run="test",
            stop=lambda: True,
        )
    assert not fits(pipeline.database, pipeline.table)
