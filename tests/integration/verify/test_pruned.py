"""verify and prune: what prune recorded is counted, and can hide nothing."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from batches import numbered, seal

from bictl.bronze import Verified, Wish, load, migrate, prune
from bictl.errors import StageFailed
from bictl.records import Range
from bictl.verify.inspect import list_objects, read_batches
from bictl.verify.present import as_document
from bictl.verify.read_bronze import read_pruned
from bictl.verify.read_replaced import read_replaced
from bictl.verify.replaced import Replaced
from bictl.verify.report import State
from bictl.verify.shelf import Shelf

EVERYTHING = Wish(before=datetime(9999, 1, 1, tzinfo=UTC))


def prune_all(pipeline, wish=EVERYTHING):
    report = pipeline.verify()
    assert report.complete, report.headline
    verified = Verified(
        run=str(uuid.uuid4()),
        at=report.started,
        frontiers={(generation, part): end for generation, part, end in report.frontiers},
    )
    return prune(pipeline.database, table=pipeline.table, wish=wish, verified=verified, run="test")


@pytest.fixture
def pruned(pipeline):
    """A healthy pipeline whose bronze was pruned; `removed` says by how many rows."""
    pipeline.removed = prune_all(pipeline).removed
    assert pipeline.removed > 20
    return pipeline


def record(pipeline, offsets, *, partition=0, generation=None):
    """Writes a set as prune would, without removing anything."""
    pipeline.execute(
        """insert into bictl.pruned_range (kafka_topic, generation, kafka_partition, first_offset,
            next_offset, n_rows, offsets, cut_offset, verified_run, reason, run)
        select %s, %s, %s, 0, 1000, count(*), range_agg(int8range(at, at + 1)), 1000, %s, 'x', 'x'
        from unnest(%s) as at""",
        pipeline.table.topic,
        generation or pipeline.generation(),
        partition,
        str(uuid.uuid4()),
        list(offsets),
    )


def kept(pipeline, partition=0):
    """Offsets that stand in bronze."""
    rows = pipeline.database.rows(
        "select kafka_offset from bronze.product_cdc where kafka_partition = %s order by 1",
        [partition],
    )
    return [offset for (offset,) in rows]


@pytest.mark.parametrize("level", ["default", "deep"])
def test_pruned_records_are_counted_and_said(pruned, level):
    report = pruned.verify(level=level)

    assert report.complete, report.headline
    assert f"({pruned.removed:,} pruned from bronze)" in report.headline
    (loaded,) = [item for item in as_document(report)["boundaries"] if item["to"] == "bronze"]
    assert loaded["pruned"] == pruned.removed
    assert loaded["expected"] == loaded["accounted"]
    (check,) = [check for check in report.checks if check.id == "B11"]
    assert (check.state, check.evaluated) == (State.OK, pruned.removed)


def test_a_quick_look_at_a_pruned_table_finds_nothing_amiss(pruned):
    report = pruned.verify(level="quick")

    assert report.state is not State.FAIL, report.headline


def test_a_row_that_is_missing_and_not_pruned_is_as_red_as_before(pruned):
    lost = kept(pruned)[3]
    pruned.execute(
        "delete from bronze.product_cdc where kafka_partition = 0 and kafka_offset = %s", lost
    )

    check = pruned.check("B3")

    assert check.state is State.FAIL
    assert f"[{lost},{lost + 1})" in check.message


def test_a_loss_that_a_set_was_written_over_is_red(pruned):
    lost = kept(pruned)[-1]
    pruned.execute(
        "delete from bronze.product_cdc where kafka_partition = 0 and kafka_offset = %s", lost
    )
    record(pruned, [lost])

    report = pruned.verify()
    found = {check.id for check in report.checks if check.state is State.FAIL}

    assert "B11" in found
    assert "B3" not in found
    assert not report.complete


def test_the_newest_record_of_a_key_cannot_be_pruned_in_secret(pruned):
    """Not only at the partition's end."""
    newest = [
        offset
        for (offset,) in pruned.database.rows(
            "select max(kafka_offset) from bronze.product_cdc where kafka_partition = 0 "
            "and kafka_key is not null group by kafka_key order by 1"
        )
    ]
    lost = newest[0]
    assert lost < kept(pruned)[-1]
    pruned.execute(
        "delete from bronze.product_cdc where kafka_partition = 0 and kafka_offset = %s", lost
    )
    record(pruned, [lost])

    check = pruned.check("B11")

    assert check.state is State.FAIL
    assert f"[{lost},{lost + 1})" in check.message
    assert "their keys have no newer record" in check.message


def test_a_set_of_what_was_never_loaded_is_red(pruned):
    record(pruned, [900, 901])

    check = pruned.check("B11")

    assert check.state is State.FAIL
    assert "[900,902) (2 records) are recorded as pruned and were never loaded" in check.message
    assert pruned.check("B11", level="quick").state is State.FAIL


def test_a_set_of_what_stands_in_bronze_is_red_until_a_replay(pruned):
    there = kept(pruned)[2]
    record(pruned, [there])

    check = pruned.check("B2")
    assert check.state is State.FAIL
    assert f"[{there},{there + 1})" in check.message

    load(pruned.objects, pruned.database, table=pruned.table, run="test", replay=True)
    report = pruned.verify()
    assert report.complete, report.headline
    assert "pruned" not in report.headline


def test_of_expired_objects_is_said_what_cannot_be_proved(pruned):
    first = pruned.batches()[0]
    pruned.objects.delete(first)

    check = pruned.check("B11")

    assert check.state is State.OK
    assert "the objects are gone, so that their keys stand on prune's word alone" in check.message
    expired = next(item for item in pruned.verify().checks if item.id == "O3")
    assert expired.state is State.FAIL  # no rule says that it had to go
    assert pruned.check("B3").state is State.OK


def test_a_set_of_another_generation_hides_nothing(pruned):
    record(pruned, [1, 2], generation="another")

    assert pruned.check("B11").state is State.FAIL


@pytest.mark.parametrize("key", [b'{"ID":"art-%d"}', b'{"A":%d,"ID":"x"}', b'{"ID":%d}'])
def test_keys_of_any_kind_are_compared(settings, clients, key):
    """Those that no index finds by their number too."""
    table = replace(settings.table("product"), key=("ID",))
    migrate(clients.database, [table])
    records = [(key % (number % 3), b'{"op":"u","n":%d}' % number) for number in range(12)]
    seal(clients.objects, table, numbered(records))
    load(clients.objects, clients.database, table=table, run="test")
    verified = Verified(run=str(uuid.uuid4()), at=datetime.now(UTC), frontiers={("g1", 0): 12})
    done = prune(clients.database, table=table, wish=EVERYTHING, verified=verified, run="test")
    assert done.removed == 8

    def unreplaced():
        listed = list_objects(clients.objects, table.prefix).named
        batches = read_batches(clients.objects, listed, topic=table.topic, level="default")
        pruned = read_pruned(clients.database, table)
        found = read_replaced(
            clients.objects, clients.database, table, Shelf(batches=batches), pruned, Replaced()
        )
        return found.unreplaced

    assert unreplaced() == ()
    clients.database.execute("delete from bronze.product_cdc where kafka_offset = 10")
    assert unreplaced() == (Range(0, 1, 2), Range(0, 4, 5), Range(0, 7, 8))


def test_the_database_commits_no_count_that_is_not_its_set(pipeline):
    statement = """insert into bictl.pruned_range (kafka_topic, generation, kafka_partition,
        first_offset, next_offset, n_rows, offsets, cut_offset, verified_run, reason, run)
        values ('t', 'g', 0, 0, 100, %s, %s::int8multirange, %s, gen_random_uuid(), 'x', 'x')"""
    for rows, offsets, cut in (
        (3, "{[1,3)}", 100),
        (2, "{[99,101)}", 100),
        (2, "{[1,3)}", 50),
        (0, "{[1,)}", 100),
        (1, "{(,)}", 100),
    ):
        with pytest.raises(StageFailed, match="23514"):
            pipeline.execute(statement, rows, offsets, cut)
    pipeline.execute(statement, 2, "{[1,3)}", 100)
    with pytest.raises(StageFailed, match="23514"):
        pipeline.execute("update bictl.pruned_range set n_rows = 1")
