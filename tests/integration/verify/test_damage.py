"""One damage at a time: the verdict turns red and names the very item, with the right exit code."""

import dataclasses
import gzip
import hashlib
from datetime import UTC, datetime, timedelta

import pytest

from bictl.errors import BictlError
from bictl.ingest import quarantine_ack, write_ack
from bictl.records import Range
from bictl.verify.report import State

BRONZE = "bronze.product_cdc"
STAGING = "staging_staging.stg_product"
VECTORS = "analytics_features.product_embeddings"


def states(report):
    return {check.id: check.state for check in report.checks if check.state is not State.OK}


def found(report, name):
    return next(check for check in report.checks if check.id == name)


# Objects -----------------------------------------------------------------------------------------


def test_an_object_deleted_from_the_middle_is_a_hole_and_a_lost_object(pipeline):
    gone = pipeline.batches()[1]
    covered = pipeline.manifest(gone).range
    pipeline.objects.delete(gone)
    report = pipeline.verify()
    assert found(report, "O2").missing.ranges == (covered,)
    assert found(report, "O3").missing.keys == (gone,)
    assert (report.exit_code, report.complete) == (6, False)
    assert found(report, "O2").hint == "bictl ingest --table product --fill"


def test_the_newest_object_deleted_is_not_ingested_and_lost(pipeline):
    gone = pipeline.batches()[-1]
    covered = pipeline.manifest(gone).range
    pipeline.objects.delete(gone)
    report = pipeline.verify()
    assert found(report, "K5").missing.ranges == (covered,)
    assert found(report, "O3").missing.keys == (gone,)
    assert found(report, "B7").extra.ranges == (covered,)
    assert report.exit_code == 6


def test_a_deleted_object_is_missed_although_the_ledger_forgot_it(pipeline):
    gone = pipeline.batches()[1]
    pipeline.objects.delete(gone)
    pipeline.execute("delete from bictl.object_ledger")
    report = pipeline.verify()
    assert found(report, "O3").missing.keys == (gone,)
    assert report.exit_code == 6


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body[:-20],
        lambda body: body + b"x",
        lambda body: body[:30] + b"\0" + body[31:],
    ],
    ids=["truncated", "longer", "flipped"],
)
def test_an_object_with_other_bytes_is_named_with_its_range(pipeline, change):
    key = pipeline.batches()[1]
    body, metadata = pipeline.objects.get(key)
    pipeline.put(key, change(body), metadata)
    report = pipeline.verify()
    check = found(report, "O6")
    assert (check.state, check.extra.keys) == (State.FAIL, (key,))
    assert check.missing.ranges == (pipeline.manifest(key).range,)
    assert report.exit_code == 6


def test_an_object_replaced_with_its_manifest_is_known_by_the_ledger(pipeline):
    key = pipeline.batches()[1]
    body, _ = pipeline.objects.get(key)
    manifest = pipeline.manifest(key)
    pipeline.objects.delete(key)
    lines = gzip.decompress(body).replace(b"2.4.0.Final", b"2.4.1.Final")
    forged = gzip.compress(lines, mtime=0)
    other = dataclasses.replace(manifest, sha256=hashlib.sha256(forged).hexdigest())
    pipeline.put(key, forged, other.to_metadata())
    report = pipeline.verify()
    assert found(report, "O4").extra.keys == (key,)
    assert report.exit_code == 6


def test_an_object_without_a_manifest_is_damaged(pipeline):
    key = pipeline.batches()[1]
    body, _ = pipeline.objects.get(key)
    pipeline.put(key, body, {})
    report = pipeline.verify()
    assert "no manifest" in found(report, "O6").message
    assert found(report, "O2").state is State.FAIL
    assert report.exit_code == 6


def test_an_object_moved_to_another_place_is_damaged(pipeline):
    first, second = pipeline.batches()[:2]
    body, metadata = pipeline.objects.get(first)
    pipeline.put(second, body, metadata)
    report = pipeline.verify()
    assert found(report, "O6").extra.keys == (second,)
    assert report.exit_code == 6


def test_a_foreign_object_is_a_warning_and_never_loaded(pipeline):
    key = f"{pipeline.table.prefix}notes.txt"
    pipeline.put(key, b"hello", {})
    report = pipeline.verify()
    assert states(report) == {"O1": State.WARN}
    assert found(report, "O1").extra.keys == (key,)
    assert (report.exit_code, report.complete) == (0, True)


def test_a_deep_look_reads_every_line(pipeline):
    """A dense manifest over lines that do not rise: only reading them shows it."""
    key = pipeline.batches()[1]
    body, _ = pipeline.objects.get(key)
    manifest = pipeline.manifest(key)
    lines = gzip.decompress(body).splitlines(keepends=True)
    forged = gzip.compress(b"".join([lines[1], lines[0], *lines[2:]]), mtime=0)
    digest = hashlib.sha256(forged).hexdigest()
    pipeline.put(key, forged, dataclasses.replace(manifest, sha256=digest).to_metadata())
    pipeline.execute(
        "update bictl.object_ledger set sha256 = %s where object_key = %s", digest, key
    )
    report = pipeline.verify(level="deep")
    assert "do not rise" in found(report, "O6").message
    assert report.exit_code == 6


# Bronze ------------------------------------------------------------------------------------------


def test_deleted_rows_are_missed_by_offset(pipeline):
    pipeline.execute(
        f"delete from {BRONZE} where kafka_partition = 1 and kafka_offset in (3, 4, 60)"
    )
    report = pipeline.verify()
    check = found(report, "B3")
    assert check.missing.ranges == (Range(1, 3, 5), Range(1, 60, 61))
    assert check.hint == "bictl load-bronze --table product --replay"
    assert report.exit_code == 1
    assert "Break: objects → bronze, partition 1, offsets [3,5); " in report.headline
    assert "(3 records) not loaded" in report.headline


def test_a_row_lost_and_another_doubled_do_not_cancel_out(pipeline):
    pipeline.execute("alter table bronze.product_cdc drop constraint product_cdc_offset_key")
    pipeline.execute(
        f"""insert into {BRONZE} (kafka_topic, generation, kafka_partition, kafka_offset,
            kafka_timestamp, kafka_key, cdc_payload, schema_id, key_schema_id, batch_file)
        select kafka_topic, generation, kafka_partition, kafka_offset, kafka_timestamp, kafka_key,
            cdc_payload, schema_id, key_schema_id, batch_file
        from {BRONZE} where kafka_partition = 0 and kafka_offset = 7"""
    )
    pipeline.execute(f"delete from {BRONZE} where kafka_partition = 0 and kafka_offset = 8")
    report = pipeline.verify()
    assert found(report, "B2").extra.ranges == (Range(0, 7, 8),)
    assert found(report, "B3").missing.ranges == (Range(0, 8, 9),)
    assert found(report, "B4").state is State.FAIL
    assert report.exit_code == 1


def test_a_row_moved_to_another_offset_is_missing_and_too_much(pipeline):
    pipeline.execute(
        f"update {BRONZE} set kafka_offset = 9999 where kafka_partition = 0 and kafka_offset = 7"
    )
    report = pipeline.verify()
    assert found(report, "B3").missing.ranges == (Range(0, 7, 8),)
    assert found(report, "B7").extra.ranges == (Range(0, 9999, 10000),)
    assert found(report, "B5").state is State.FAIL
    assert report.exit_code == 1


def test_rows_of_another_generation_are_other_records(pipeline):
    pipeline.execute(f"update {BRONZE} set generation = 'x' where kafka_offset = 7")
    report = pipeline.verify()
    assert found(report, "B3").missing.ranges == (Range(0, 7, 8), Range(1, 7, 8))
    assert found(report, "B7").extra.ranges == (Range(0, 7, 8), Range(1, 7, 8))


def test_rows_of_another_topic_are_a_warning_and_no_records_of_this_one(pipeline):
    pipeline.execute(f"update {BRONZE} set kafka_topic = 'other' where kafka_offset = 7")
    report = pipeline.verify()
    assert found(report, "B8").state is State.WARN
    assert found(report, "B3").missing.total == 2


def test_a_dropped_unique_constraint_is_a_failure_before_it_did_harm(pipeline):
    pipeline.execute("alter table bronze.product_cdc drop constraint product_cdc_offset_key")
    report = pipeline.verify()
    assert states(report) == {"B4": State.FAIL}
    assert report.exit_code == 1


def test_a_quarantined_record_is_accounted_for_and_fails_until_acknowledged(pipeline):
    pipeline.execute(
        f"""with moved as (
            delete from {BRONZE} where kafka_partition = 0 and kafka_offset = 7 returning *
        )
        insert into bronze.cdc_quarantine (kafka_topic, generation, kafka_partition, kafka_offset,
            kafka_timestamp, sqlstate, reason, batch_file)
        select kafka_topic, generation, kafka_partition, kafka_offset, kafka_timestamp, '22P05',
            'unsupported Unicode escape sequence', batch_file
        from moved"""
    )
    pipeline.embed()  # the key's newest record may be another one now
    report = pipeline.verify()
    assert report.boundaries[1].tally.whole
    assert "1 × 22P05" in found(report, "B6").message
    assert (report.exit_code, report.complete) == (1, False)

    day = datetime.now(UTC).date()
    ack = quarantine_ack("22P05", expires=day, reason="known to the vendor", person="ann")
    assert write_ack(pipeline.objects, pipeline.table.prefix, ack)
    report = pipeline.verify()
    assert report.complete, report.headline
    assert "1 of them in quarantine and not in bronze" in report.headline
    assert "known to the vendor" in found(report, "B6").message
    report = pipeline.verify(now=datetime.now(UTC) + timedelta(days=1))
    assert (report.exit_code, report.complete) == (1, False)
    assert report.acknowledged[0].endswith("known to the vendor (expired)")


def overlapping(pipeline, change):
    """The first batch once more under a key that begins within it, its records changed."""
    key = pipeline.batches()[0]
    body, _ = pipeline.objects.get(key)
    manifest = pipeline.manifest(key)
    lines = gzip.decompress(body).splitlines(keepends=True)[5:]
    forged = gzip.compress(change(b"".join(lines)), mtime=0)
    other = dataclasses.replace(
        manifest,
        first=5,
        records=len(lines),
        tombstones=sum(b'"value":null' in line for line in lines),
        sha256=hashlib.sha256(forged).hexdigest(),
    )
    pipeline.put(other.name.key(pipeline.table.prefix), forged, other.to_metadata())


def test_the_same_records_in_two_objects_are_a_warning(pipeline):
    overlapping(pipeline, lambda lines: lines)
    report = pipeline.verify()
    assert states(report) == {"O5": State.WARN}
    assert "15 records are the same in both" in found(report, "O5").message
    assert report.complete, report.headline


def test_other_records_at_the_same_offsets_are_a_conflict_by_their_objects_alone(pipeline):
    overlapping(pipeline, lambda lines: lines.replace(b"2.4.0.Final", b"2.4.1.Final", 1))
    report = pipeline.verify()
    assert found(report, "O5").state is State.FAIL
    assert found(report, "O5").extra.ranges == (Range(0, 5, 6),)
    assert report.exit_code == 6


# The ledger --------------------------------------------------------------------------------------


def test_a_ledger_that_claims_everything_is_loaded_is_not_believed(pipeline):
    pipeline.execute(f"delete from {BRONZE} where kafka_partition = 1")
    report = pipeline.verify()
    high = pipeline.clients.reader.offsets(pipeline.table.topic, [1])[1].high
    assert found(report, "B3").missing.ranges == (Range(1, 0, high),)
    assert report.exit_code == 1


def test_a_ledger_with_false_counts_changes_nothing_in_the_verdict(pipeline):
    pipeline.execute(
        """update bictl.object_ledger
        set n_records = 1, n_loaded = 1, n_duplicate = 0, n_tombstones = 0"""
    )
    report = pipeline.verify()
    assert report.complete, report.headline
    pipeline.execute(f"delete from {BRONZE} where kafka_partition = 1 and kafka_offset > 0")
    assert pipeline.verify().exit_code == 1


def test_an_emptied_ledger_is_a_warning_and_takes_nothing_from_what_is_there(pipeline):
    pipeline.execute("delete from bictl.object_ledger")
    report = pipeline.verify()
    assert states(report) == {"M2": State.WARN}
    assert report.complete


def test_a_ledger_that_invents_an_object_makes_the_verdict_red(pipeline):
    pipeline.execute(
        """insert into bictl.object_ledger
        select object_key || 'x', sha256, etag, size, kafka_topic, generation, kafka_partition,
            next_offset + 10000, next_offset + 10001, 1, 0, null, null, 1, 0, 0, 0, '', '', now()
        from bictl.object_ledger limit 1"""
    )
    assert pipeline.verify().exit_code == 6


# Staging -----------------------------------------------------------------------------------------


def freeze(pipeline):
    """Staging as a table: what a view cannot be, a table can: stale."""
    pipeline.execute("create table public.frozen as select * from staging_staging.stg_product")
    pipeline.execute("drop view staging_staging.stg_product cascade")
    pipeline.execute("create view staging_staging.stg_product as select * from public.frozen")


@pytest.mark.parametrize(
    ("damage", "name", "said"),
    [
        ("delete from public.frozen where product_id = 24", "T2", "1 key not in staging: 24"),
        (
            "insert into public.frozen (product_id, name, cdc_operation) values (-5, 'x', 'c')",
            "T2",
            "1 deleted key still shown: -5",
        ),
        (
            "update public.frozen set cdc_operation = 'zz' where product_id = 24",
            "T3",
            "1 key shows an older record: 24",
        ),
        (
            "update public.frozen set ingested_at = ingested_at - interval '1 s' "
            "where product_id = 24",
            "T3",
            "1 key shows an older record: 24",
        ),
        (
            "update public.frozen set source_timestamp = source_timestamp - interval '1 ms' "
            "where product_id = 24",
            "T3",
            "1 key shows an older record: 24",
        ),
        (
            "insert into public.frozen select * from public.frozen where product_id = 24",
            "T4",
            "1 more than once",
        ),
        ("update public.frozen set name = null where product_id = 24", "T5", "Name: 1 (24)"),
        ("update public.frozen set price = null where product_id = 24", "T5", "Price: 1 (24)"),
        ("update public.frozen set name = 'x' where product_id = 24", "T6", "Name: 1 (24)"),
    ],
)
def test_staging_that_differs_from_bronze_is_named_by_key(pipeline, damage, name, said):
    freeze(pipeline)
    assert pipeline.execute(damage) == 1
    report = pipeline.verify()
    assert said in found(report, name).message
    assert found(report, name).state is State.FAIL
    assert report.exit_code == 1
    assert "Break: bronze → staging" in report.headline


def test_staging_that_missed_the_newest_changes_is_stale(pipeline, healthy):
    """The view is replaced by a table from before the last batches."""
    freeze(pipeline)
    pipeline.execute(f"delete from {BRONZE} where kafka_offset >= 50")
    stale = pipeline.value(
        """select count(distinct coalesce(kafka_key -> 'payload', kafka_key) ->> 'ID')
        from bronze.product_cdc"""
    )
    assert stale
    report = pipeline.verify()
    assert found(report, "T2").state is State.FAIL
    assert report.exit_code == 1


def test_a_missing_staging_view_is_a_failure_that_names_transform(pipeline):
    pipeline.execute("drop view staging_staging.stg_product cascade")
    report = pipeline.verify()
    for name in ("T1", "T2", "T3", "T4", "T5", "T6", "E1"):
        assert found(report, name).state is State.FAIL
        assert found(report, name).hint == "bictl transform --table product"
    assert report.exit_code == 1


# Vectors -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("damage", "name", "said"),
    [
        (f"delete from {VECTORS} where product_id = 24", "E1", "1 key not embedded: 24"),
        (
            f"insert into {VECTORS} (product_id, embedding, content_hash, model) "
            f"select -5, embedding, content_hash, model from {VECTORS} where product_id = 24",
            "E1",
            "1 vector of keys that are gone: -5",
        ),
        (
            f"update {VECTORS} set content_hash = sha256('old') where product_id = 24",
            "E2",
            "1 vector of an older text: 24",
        ),
        (
            f"update {VECTORS} set content_hash = null where product_id = 24",
            "E2",
            "1 vector of an older text: 24",
        ),
        (f"update {VECTORS} set model = 'other' where product_id = 24", "E3", "2 models"),
        (
            f"update {VECTORS} set embedding = array_fill(0, array[384])::vector "
            "where product_id = 24",
            "E4",
            "1 zero",
        ),
        (
            f"update {VECTORS} set embedding = array_fill(1, array[384])::vector "
            "where product_id = 24",
            "E4",
            "1 vector of another length than 1",
        ),
        (f"update {VECTORS} set embedding = null where product_id = 24", "E1", "not embedded: 24"),
        (
            f"update {VECTORS} v set embedding = o.embedding from {VECTORS} o"
            " where v.product_id = 24 and o.product_id = 36",
            "E11",
            "1 vector is not those that were made for their texts: 24",
        ),
    ],
)
def test_a_vector_that_is_not_what_it_should_be_is_named_by_key(pipeline, damage, name, said):
    assert pipeline.execute(damage) == 1
    report = pipeline.verify()
    assert said in found(report, name).message
    assert (found(report, name).state, report.exit_code) == (State.FAIL, 1)
    assert found(report, name).hint.startswith("bictl embed --table product")
    assert "Break: staging → vectors" in report.headline


def test_a_dropped_index_is_a_failure(pipeline):
    pipeline.execute("drop index analytics_features.product_embeddings_hnsw")
    report = pipeline.verify()
    assert states(report) == {"E5": State.FAIL}
    assert report.exit_code == 1


def test_an_invalid_index_is_a_failure(pipeline):
    pipeline.execute("drop index analytics_features.product_embeddings_hnsw")
    with pipeline.clients.new_database() as other, other.transaction():
        other.execute(f"update {VECTORS} set model = model")  # the build waits for this writer
        pipeline.execute("set lock_timeout = '100ms'")
        with pytest.raises(BictlError):
            pipeline.database.autocommit(
                f"""create index concurrently product_embeddings_hnsw on {VECTORS}
                using hnsw (embedding vector_cosine_ops)"""
            )
    pipeline.execute("set lock_timeout = 0")
    report = pipeline.verify()
    assert states(report) == {"E5": State.FAIL}
    assert "invalid" in found(report, "E5").message


def test_missing_vectors_are_a_failure_that_names_embed(pipeline):
    pipeline.execute(f"drop table {VECTORS}")
    report = pipeline.verify()
    assert found(report, "E1").hint == "bictl embed --table product"
    assert report.exit_code == 1


# bictl itself ------------------------------------------------------------------------------------


def test_tables_of_another_version_are_a_failure(pipeline):
    pipeline.execute(
        "insert into bictl.schema_version (version, name, sha256) values (9999, 'x', 'x')"
    )
    report = pipeline.verify()
    assert found(report, "M1").state is State.FAIL
    assert not report.complete


def test_a_table_of_bictls_that_is_gone_is_named(pipeline):
    pipeline.execute("alter table bictl.object_ledger rename to lost")
    check = found(pipeline.verify(select=["M1"]), "M1")
    assert check.state is State.FAIL
    assert check.message.startswith("bictl.object_ledger: made by bictl")


def test_a_recorded_conflict_is_evidence_of_loss(pipeline):
    pipeline.execute(
        """insert into bictl.offset_conflict (kafka_topic, generation, kafka_partition,
            kafka_offset, kafka_timestamp, batch_file, batch_sha256, standing_file)
        values (%s, 'g', 0, 1, now(), 'b', 'x', 'a')""",
        pipeline.table.topic,
    )
    assert pipeline.verify().exit_code == 6
