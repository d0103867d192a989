"""What is legal is no alarm: a whole pipeline, and each oddity that a healthy one may show."""

import dataclasses
import time
from datetime import UTC, datetime, timedelta

import pytest

from bictl.records import Range
from bictl.status.postgres import read_rows
from bictl.verify.report import State

OLD = 1_715_680_000_000


def now_ms() -> int:
    return int(time.time() * 1000)


def plain(number: int, op: str = "c", name: str = "thing", lsn: int = 1) -> tuple[bytes, bytes]:
    """A key and an envelope without schemas; `lsn` orders them in the source."""
    row = f'{{"ID":{number},"Name":"{name}","VendorCode":"V-{number}","Description":null}}'
    before, after = (row, "null") if op == "d" else ("null", row)
    source = (
        f'{{"snapshot":"false","ts_ms":{OLD + lsn},"commit_lsn":"{lsn:08x}:00000000:0001",'
        f'"change_lsn":"{lsn:08x}:00000000:0002"}}'
    )
    return (
        f'{{"ID":{number}}}'.encode(),
        f'{{"before":{before},"after":{after},"source":{source},"op":"{op}",'
        f'"ts_ms":{OLD}}}'.encode(),
    )


def finish(pipeline):
    """The stages below the objects; the staging view is there already."""
    pipeline.load()
    pipeline.embed()


def problems(report):
    return {check.id: check.message for check in report.checks if check.state is not State.OK}


@pytest.mark.parametrize("level", ["default", "deep"])
def test_a_healthy_pipeline_is_complete(pipeline, level):
    report = pipeline.verify(level=level)
    assert problems(report) == {}
    assert report.complete, report.headline
    assert report.exit_code == 0
    assert report.headline.startswith("Kafka → vectors complete: 245 of 245 records through 0:")
    assert report.headline.endswith("source not verified")


def test_what_is_excluded_is_no_unknown_boundary(pipeline):
    report = pipeline.verify(exclude=["vectors"])
    assert [item.name for item in report.boundaries][-1] == "bronze → staging"
    assert report.exit_code == 0
    assert report.headline.startswith("nothing amiss in ")


def test_verify_writes_nothing(pipeline):
    counts = "select sum(n_tup_ins + n_tup_upd + n_tup_del) from pg_stat_user_tables"
    pipeline.execute("select pg_stat_force_next_flush()")
    before = pipeline.value(counts), pipeline.batches()
    pipeline.verify()
    pipeline.execute("select pg_stat_force_next_flush()")
    assert (pipeline.value(counts), pipeline.batches()) == before


def test_records_on_their_way_are_in_flight_and_not_complete(empty_pipeline, write):
    pipeline = empty_pipeline
    write(pipeline, [(*plain(n), OLD, 0) for n in range(5)])
    pipeline.seal(0, 5)
    finish(pipeline)
    write(pipeline, [(*plain(n), now_ms(), 0) for n in range(5, 8)])
    report = pipeline.verify()
    assert problems(report) == {}
    assert (report.exit_code, report.complete) == (0, False)
    assert "5 of 8 records" in report.headline
    assert "3 records not ingested yet" in report.headline
    late = pipeline.verify(now=datetime.now(UTC) + timedelta(minutes=6))
    check = next(check for check in late.checks if check.id == "K5")
    assert check.missing.ranges == (Range(0, 5, 8),)
    assert late.exit_code == 1


def test_every_layer_has_its_records_in_flight(empty_pipeline, write):
    """Sealed and not loaded, then loaded and not embedded: young is in flight, old is missing."""
    pipeline = empty_pipeline
    write(pipeline, [(*plain(n), OLD, 0) for n in range(5)])
    pipeline.seal(0, 5)
    finish(pipeline)
    write(pipeline, [(*plain(n), now_ms(), 0) for n in range(5, 8)])
    write(pipeline, [(*plain(0, "d", lsn=9), now_ms(), 0)])
    pipeline.seal(5, 9)
    report = pipeline.verify()
    assert problems(report) == {}
    assert "4 records not loaded yet" in report.headline
    assert not report.complete
    pipeline.load()
    report = pipeline.verify()
    assert problems(report) == {}
    assert "3 keys not embedded yet" in report.headline
    assert not report.complete
    late = pipeline.verify(now=datetime.now(UTC) + timedelta(minutes=6))
    assert "not embedded: 5, 6, 7" in problems(late)["E1"]
    assert "gone: 0" in problems(late)["E1"]
    pipeline.embed()
    assert pipeline.verify().complete


def test_tombstones_alone_are_a_whole_and_empty_table(empty_pipeline, write):
    pipeline = empty_pipeline
    write(pipeline, [(f'{{"ID":{n}}}'.encode(), None, OLD, 0) for n in range(4)])
    pipeline.seal(0, 4)
    finish(pipeline)
    report = pipeline.verify()
    assert problems(report) == {}
    assert report.complete, report.headline


def test_an_empty_topic_is_unknown_until_it_is_meant_to_be_empty(empty_pipeline, write):
    pipeline = empty_pipeline
    write(pipeline, [])
    finish(pipeline)
    report = pipeline.verify()
    assert report.state is State.UNKNOWN
    assert (report.exit_code, report.complete) == (3, False)
    assert "expect_empty = true" in next(c.hint for c in report.checks if c.id == "K5")
    empty = dataclasses.replace(pipeline.table, expect_empty=True)
    meant = pipeline.verify(table=empty)
    assert problems(meant) == {}
    assert meant.headline == (
        "Kafka → vectors complete: the topic holds no record, as expected; source not verified"
    )


def test_a_partition_without_records_is_fine(empty_pipeline, write):
    pipeline = empty_pipeline
    write(pipeline, [(*plain(n), OLD, 2) for n in range(5)], partitions=3)
    pipeline.seal(0, 5, partition=2)
    finish(pipeline)
    assert pipeline.verify().complete


def test_batches_with_gaps_and_without_records_are_whole(empty_pipeline, write):
    """What compaction and aborted transactions leave: offsets that no record stands at. Here Kafka
    still has the records, and a deep look, which asks it, says so."""
    pipeline = empty_pipeline
    write(pipeline, [(*plain(n), OLD, 0) for n in range(20)])
    pipeline.seal(0, 10, offsets=[0, 1, 2, 5, 9])
    pipeline.seal(10, 14, offsets=[])
    pipeline.seal(14, 20)
    finish(pipeline)
    report = pipeline.verify()
    assert problems(report) == {}
    assert report.complete
    assert "11 of 11 records" in report.headline
    deep = problems(pipeline.verify(level="deep"))
    assert deep.keys() == {"K10"}
    for hole in ("[3,5)", "[6,9)", "[10,14)"):
        assert hole in deep["K10"]
    pipeline.execute("update bronze.product_cdc set kafka_offset = 3 where kafka_offset = 5")
    report = pipeline.verify()
    assert "[5,6)" in problems(report)["B3"]
    assert "[3,4)" in problems(report)["B7"]


def test_the_newest_generation_decides_and_the_old_one_stays_accounted_for(empty_pipeline, write):
    pipeline = empty_pipeline
    write(pipeline, [(*plain(n, name="new"), OLD, 0) for n in range(3)])
    records = [
        record
        for chunk in pipeline.clients.reader.read(pipeline.table.topic, 0, first=0, end=3)
        for record in chunk.records
    ]
    pipeline.seal_records(records, 0, 3, partition=0, generation="zzz", number=0)
    pipeline.seal(0, 3, number=1)
    finish(pipeline)
    report = pipeline.verify()
    assert problems(report) == {}
    assert "6 of 6 records" in report.headline
    assert report.complete


def test_a_later_snapshot_closes_what_it_does_not_hold(empty_pipeline, write):
    """verify's own fold and the model agree on it."""
    pipeline = empty_pipeline

    def row(number, marker, lsn):
        key, value = plain(number, "r", lsn=lsn)
        return key, value.replace(b'"snapshot":"false"', f'"snapshot":"{marker}"'.encode())

    write(pipeline, [(*plain(n, lsn=n + 1), OLD, 0) for n in range(5)])
    again = [(0, "first"), (1, "true"), (3, "last")]
    write(pipeline, [(*row(n, marker, 50), OLD, 0) for n, marker in again])
    write(pipeline, [(*plain(4, "u", lsn=60), OLD, 0)])
    pipeline.seal(0, 9)
    finish(pipeline)
    report = pipeline.verify()
    assert problems(report) == {}
    shown = pipeline.database.rows("select product_id from staging_staging.stg_product order by 1")
    assert shown == [(0,), (1,), (3,), (4,)]
    said = next(check.message for check in report.checks if check.id == "T2")
    assert said == "keys closed because the newest snapshot did not bring them: 1"


def test_a_snapshot_without_its_end_is_named_until_the_end_is_there(empty_pipeline, write):
    pipeline = empty_pipeline

    def row(number, marker):
        key, value = plain(number, "r", lsn=50)
        return key, value.replace(b'"snapshot":"false"', f'"snapshot":"{marker}"'.encode())

    write(pipeline, [(*row(0, "first"), OLD, 0), (*row(1, "true"), OLD, 0)])
    pipeline.seal(0, 2)
    finish(pipeline)
    report = pipeline.verify()
    assert problems(report) == {
        "C4": "the snapshot that began at 0:0 has no end: 2 rows so far, none since"
        " 2024-05-14 09:46 UTC"
    }
    assert report.exit_code == 1
    assert "Break: source → Kafka, the snapshot that began at 0:0" in report.headline
    assert in_status(pipeline) == "a snapshot began at 0:0 and has no end"
    write(pipeline, [(*row(2, "last"), OLD, 0)])
    assert pipeline.check("C4").state is State.WARN
    pipeline.seal(2, 3)
    finish(pipeline)
    assert pipeline.check("C4").state is State.OK
    assert in_status(pipeline) == ""


def test_a_snapshot_without_its_beginning_is_named_where_it_would_have_closed_a_key(
    empty_pipeline, write
):
    """Compaction may take the first marker before it is read."""
    pipeline = empty_pipeline

    def row(number, marker, lsn):
        key, value = plain(number, "r", lsn=lsn)
        marked = value.replace(b'"snapshot":"false"', f'"snapshot":"{marker}"'.encode())
        return key, marked, OLD + lsn, 0

    def load(records, first):
        write(pipeline, records)
        pipeline.seal(first, first + len(records))
        pipeline.load()
        return pipeline.check("C4")

    assert load([row(0, "true", 50), row(1, "last", 50)], 0).state is State.OK  # K11's to say
    check = load([row(2, "true", 60), row(1, "last", 60)], 2)
    assert (check.state, check.message) == (
        State.WARN,
        "the snapshot that ended at 0:3 has no beginning in bronze: keys that were deleted before "
        "it are not closed by it",
    )
    assert check.hint == "bictl cdc snapshot --table product --blocking"
    assert load([row(1, "last", 70)], 4).state is State.OK  # a table of one row
    closing = [row(1, "first", 80), row(2, "last", 80)]
    assert load(closing, 5).state is State.OK


def in_status(pipeline):
    view = f"{pipeline.settings.dbt.view_schema}.{pipeline.table.staging}"
    rows = read_rows(pipeline.database, pipeline.database, pipeline.table, staging=view)
    return rows.layers[0].note


def test_a_key_that_moved_between_partitions_is_its_newest_record(empty_pipeline, write):
    pipeline = empty_pipeline
    write(pipeline, [(*plain(1, lsn=1), OLD, 0), (*plain(2, lsn=2), OLD, 0)], partitions=2)
    write(pipeline, [(*plain(1, "u", name="moved", lsn=5), OLD + 1, 1)])
    write(pipeline, [(*plain(2, "d", lsn=6), OLD + 1, 1), (b'{"ID":2}', None, OLD + 1, 1)])
    pipeline.seal(0, 2)
    pipeline.seal(0, 3, partition=1)
    finish(pipeline)
    report = pipeline.verify()
    assert problems(report) == {}
    shown = pipeline.database.rows("select product_id, name from staging_staging.stg_product")
    assert shown == [(1, "moved")]


def test_rows_that_a_load_adds_while_verifying_are_no_alarm(pipeline, monkeypatch):
    """Objects are listed, then one more is sealed and loaded, then bronze is read."""
    gone = pipeline.batches()[-1]
    body, metadata = pipeline.objects.get(gone)
    pipeline.objects.delete(gone)
    listed, calls = pipeline.objects.list, []

    def late(prefix, **options):
        found = list(listed(prefix, **options))
        calls.append(prefix)
        if len(calls) == 2:  # the shelf has been listed: bronze is read after this
            pipeline.put(gone, body, metadata)
            calls.append("put")
        return iter(found)

    monkeypatch.setattr(pipeline.clients.objects, "list", late)
    report = pipeline.verify()
    assert "put" in calls
    assert {"B7", "O3"}.isdisjoint(problems(report))
