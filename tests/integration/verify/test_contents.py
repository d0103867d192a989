"""A deep look compares what records hold, from Kafka to bronze, and not only which ones are there.

Each damage here leaves every count, offset, ledger row and sha256 as it should be.
"""

import dataclasses
import gzip
import hashlib
import json

import pytest

from bictl.records import Range
from bictl.verify.report import State

OLD = 1_715_680_000_000
BRONZE = "bronze.product_cdc"


def wrong(report):
    return {check.id: check.state for check in report.checks if check.state is not State.OK}


def found(report, name):
    return next(check for check in report.checks if check.id == name)


ONE = f"update {BRONZE} set %s where kafka_partition = 0 and kafka_offset = 7"
EDITS = {
    "payload": "cdc_payload = jsonb_set(cdc_payload, '{payload,ts_ms}', '1')",
    "no payload": "cdc_payload = null",
    "key": "kafka_key = jsonb_set(kafka_key, '{payload,ID}', '1')",
    "timestamp": "kafka_timestamp = kafka_timestamp + interval '1 ms'",
    "schema": "schema_id = null",
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_a_row_that_was_edited_is_named(pipeline, edit):
    assert pipeline.execute(ONE.replace("%s", edit)) == 1
    report = pipeline.verify(level="deep")
    check = found(report, "B10")
    assert (check.state, check.extra.ranges) == (State.FAIL, (Range(0, 7, 8),))
    assert not report.complete


def test_two_rows_that_changed_places_do_not_cancel_out(pipeline):
    pipeline.execute(
        f"update {BRONZE} a set cdc_payload = b.cdc_payload, kafka_key = b.kafka_key"
        f" from {BRONZE} b where a.kafka_partition = 0 and b.kafka_partition = 0"
        " and a.kafka_offset + b.kafka_offset = 15 and a.kafka_offset in (7, 8)"
    )
    check = found(pipeline.verify(level="deep"), "B10")
    assert check.extra.ranges == (Range(0, 7, 9),)


def test_an_interned_schema_that_was_edited_is_seen_in_its_rows(pipeline):
    pipeline.execute('update bronze.cdc_schema set schema = schema || \'{"name": "other"}\'')
    check = found(pipeline.verify(level="deep"), "B10")
    assert (check.state, check.extra.total) == (State.FAIL, 245)


def test_a_forged_object_that_bronze_and_ledger_agree_with_is_known_by_kafka(pipeline):
    """Body, manifest, ledger and bronze were all replaced together."""
    key = pipeline.batches()[1]
    body, _ = pipeline.objects.get(key)
    lines = gzip.decompress(body).split(b"\n")
    lines[3] = lines[3].replace(b"2.4.0.Final", b"2.4.1.Final")
    forged = gzip.compress(b"\n".join(lines), mtime=0)
    manifest = pipeline.manifest(key)
    other = dataclasses.replace(manifest, sha256=hashlib.sha256(forged).hexdigest())
    pipeline.put(key, forged, other.to_metadata())
    pipeline.execute("delete from bictl.object_ledger where object_key = %s", key)
    pipeline.execute(f"delete from {BRONZE} where batch_file = %s", key)
    pipeline.load()
    report = pipeline.verify(level="deep")
    check = found(report, "K10")
    assert check.extra.ranges == (Range(0, manifest.first + 3, manifest.first + 4),)
    assert (check.state, report.exit_code) == (State.FAIL, 6)


def test_a_record_that_an_object_left_out_as_a_gap_is_known_by_kafka(empty_pipeline, write):
    """To its manifest the missing record is a legal gap: only Kafka can tell."""
    event = {"op": "c", "source": {"snapshot": "false", "ts_ms": 1}, "after": {"ID": 1}}
    record = (json.dumps({"ID": 1}).encode(), json.dumps(event).encode(), OLD, 0)
    write(empty_pipeline, [record] * 10)
    empty_pipeline.seal(0, 10, offsets=[0, 1, 2, 3, 5, 6, 7, 8, 9])
    empty_pipeline.load()
    check = found(empty_pipeline.verify(level="deep"), "K10")
    assert (check.state, check.missing.ranges) == (State.FAIL, (Range(0, 4, 5),))


def test_every_kind_of_record_is_equal_to_itself(empty_pipeline, write):
    """Tombstones, text that jsonb refuses, bytes, numbers that jsonb writes otherwise."""
    values = [
        None,
        b"null",
        b" null",
        b'{"ID":1,"ID":2}',
        b'{"n":1.10e2,"m":-0}',
        b'{"s":"\\u0000"}',
        b"\xff\xfe",
        b"\0",
        b"[1,",
        b'{"a":\n1}',
        '"\u2028\U0001f600"'.encode(),
        b'{"schema":{"type":"struct"},"payload":{"ID":1}}',
        b'{"schema":null,"payload":null}',
        b'{ "schema" : {"type" : "struct"} , "payload" : {"ID" : 1} }',
        b'{\n  "schema": {\n    "type": "struct"\n  },\n  "payload": {\n    "ID": 1\n  }\n}\n',
        b"",
    ]
    pairs = [(key, value) for value in values for key in (None, b'{"ID":1}')][1:]  # no empty one
    write(empty_pipeline, [(key, value, OLD, 0) for key, value in pairs])
    empty_pipeline.seal(0, len(pairs))
    empty_pipeline.load()
    report = empty_pipeline.verify(level="deep")
    for name in ("K10", "B10"):
        check = found(report, name)
        assert (check.state, check.evaluated) == (State.OK, len(pairs)), check.message
    assert found(report, "B6").state is State.FAIL
    # as an earlier version kept them: the whole event in the row
    empty_pipeline.execute(
        f"update {BRONZE} b set schema_id = null,"
        " cdc_payload = jsonb_build_object('schema', s.schema) || b.cdc_payload"
        " from bronze.cdc_schema s where s.id = b.schema_id"
    )
    check = found(empty_pipeline.verify(level="deep"), "B10")
    assert (check.state, check.evaluated) == (State.OK, len(pairs)), check.message


def test_a_quarantined_record_that_was_edited_is_named(empty_pipeline, write):
    write(empty_pipeline, [(None, b"\0", OLD, 0), (None, b"\0", OLD, 0)])
    empty_pipeline.seal(0, 2)
    empty_pipeline.load()
    empty_pipeline.execute(
        "update bronze.cdc_quarantine set raw_value = 'x' where kafka_offset = 1"
    )
    check = found(empty_pipeline.verify(level="deep"), "B10")
    assert (check.state, check.extra.ranges) == (State.FAIL, (Range(0, 1, 2),))
