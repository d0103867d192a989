"""Every record of the real events arrives whole, whatever its shape."""

import json
import sys
from datetime import UTC, datetime, timedelta

import pytest
from batches import numbered, seal, seal_all

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def as_jsonb(bronze, texts):
    """What Postgres makes of the wire's own bytes."""
    query = "select t::jsonb::text from unnest(%s::text[]) with ordinality u (t, n) order by n"
    return [row[0] for row in bronze.rows(query, [t and t.decode() for t in texts])]


@pytest.mark.parametrize(
    "name",
    [
        "product_schema",
        "product_plain",
        "product_unwrapped",
        "product_plain_string",
        "zoo_precise",
        "zoo_string",
        "zoo_double",
        "zoo_connect",
        "zoo_plain",
        "defaults_schema",
        "pkupdate_plain",
    ],
)
def test_every_key_value_and_time_equals_the_wire(bronze, fixture_records, name):
    records = numbered(fixture_records(name), first=7)
    seal_all(bronze.clients.objects, bronze.table, records, size=700)

    result = bronze.load()

    refused = {row[0] for row in bronze.rows("select kafka_offset from bronze.cdc_quarantine")}
    good = [record for record in records if record.offset not in refused]
    wire = zip(
        as_jsonb(bronze, [record.key for record in good]),
        as_jsonb(bronze, [record.value for record in good]),
        [EPOCH + timedelta(milliseconds=record.timestamp) for record in good],
        strict=True,
    )
    events = bronze.events()
    assert events == {("g1", 0, record.offset): row for record, row in zip(good, wire, strict=True)}
    assert result.loaded == len(good)
    assert result.quarantined == len(refused)
    assert result.tombstones == sum(record.value is None for record in records)
    for raw_key, raw_value, offset in bronze.rows(
        "select raw_key, raw_value, kafka_offset from bronze.cdc_quarantine"
    ):
        record = records[offset - 7]
        assert (bytes(raw_key), bytes(raw_value)) == (record.key, record.value)
    if name.startswith("product"):
        assert not refused


def test_ten_megabyte_values_load_exactly(bronze, fixture_records):
    big = json.dumps({"payload": {"text": "ы" * 5_000_000}}, ensure_ascii=False).encode()
    records = numbered([*fixture_records("zoo_big"), (b'{"ID":1}', big)])
    seal(bronze.clients.objects, bronze.table, records)

    bronze.load()

    loaded = {offset: text for (_, _, offset), (_, text, _) in bronze.events().items()}
    refused = {row[0] for row in bronze.rows("select kafka_offset from bronze.cdc_quarantine")}
    assert loaded.keys() | refused == {record.offset for record in records}
    assert json.loads(loaded[records[-1].offset]) == json.loads(big)


def test_a_schema_is_kept_once_and_described(bronze, fixture_records):
    seal_all(
        bronze.clients.objects,
        bronze.table,
        numbered(fixture_records("product_schema")),
        size=1000,
    )

    bronze.load()

    assert bronze.value("select count(*) from bronze.cdc_schema") == 2  # the key's, the value's
    fields = bronze.value(
        "select fields from bronze.cdc_schema s "
        "where exists (select from bronze.product_cdc b where b.schema_id = s.id)"
    )
    assert fields["Price"] == {
        "type": "bytes",
        "name": "org.apache.kafka.connect.data.Decimal",
        "scale": 4,
        "optional": True,
    }
    assert fields["ID"]["type"] == "int32"
    assert fields["IsActive"]["default"] is True
    assert not bronze.value("select count(*) from bronze.product_cdc where cdc_payload ? 'schema'")
    key_fields = bronze.value(
        "select fields from bronze.cdc_schema s "
        "where exists (select from bronze.product_cdc b where b.key_schema_id = s.id)"
    )
    assert list(key_fields) == ["ID"]


def test_a_flat_rows_schema_describes_its_own_columns(bronze, fixture_records):
    records = numbered(fixture_records("product_unwrapped"))
    seal(bronze.clients.objects, bronze.table, records)

    bronze.load()

    fields = bronze.value(
        "select fields from bronze.cdc_schema s "
        "where exists (select from bronze.product_cdc b where b.schema_id = s.id)"
    )
    assert fields["Price"]["scale"] == 4
    assert "__deleted" in fields


def test_a_second_load_does_nothing_and_says_so(bronze, fixture_records):
    records = numbered(fixture_records("product_plain"))
    keys = seal_all(bronze.clients.objects, bronze.table, records, size=1000)
    bronze.load()
    before = bronze.contents()

    again = bronze.load()

    assert (again.objects, again.known, again.loaded) == (0, len(keys), 0)
    assert again.summary == f"nothing to do: {len(keys)} objects loaded before"
    assert bronze.contents() == before


def test_batches_of_no_record_are_in_the_ledger(bronze):
    seal(bronze.clients.objects, bronze.table, [], first=5, next=9)

    assert bronze.load().objects == 1
    assert bronze.load().objects == 0
    assert bronze.rows("select first_offset, next_offset, n_records from bictl.object_ledger") == [
        (5, 9, 0)
    ]


def test_tombstones_only_and_null_keys_load(bronze):
    seal(bronze.clients.objects, bronze.table, numbered([(b'{"ID":1}', None), (None, b"{}")]))

    assert bronze.load().loaded == 2
    rows = bronze.rows("select kafka_key is null, cdc_payload is null from bronze.product_cdc")
    assert sorted(rows) == [(False, True), (True, False)]


def test_the_json_null_is_no_tombstone(bronze):
    seal(bronze.clients.objects, bronze.table, numbered([(b'{"ID":1}', b"null")]))

    bronze.load()

    assert bronze.value("select cdc_payload::text from bronze.product_cdc") == "null"


def test_json_on_several_lines_is_json(bronze):
    seal(bronze.clients.objects, bronze.table, numbered([(b'{\n"ID":\r1}', b'{\n  "a":\t1\n}')]))

    assert bronze.load().quarantined == 0
    assert bronze.value("select cdc_payload::text from bronze.product_cdc") == '{"a": 1}'


def test_a_large_load_brings_the_planner_up_to_date(bronze, monkeypatch):
    monkeypatch.setattr(sys.modules["bictl.bronze.load"], "LARGE", 100)
    believed = "select reltuples from pg_class where oid = 'bronze.product_cdc'::regclass"
    objects, table = bronze.clients.objects, bronze.table
    seal(objects, table, numbered([(b'{"ID":1}', b"{}")] * 99))
    bronze.load()
    assert bronze.value(believed) == -1

    seal(objects, table, numbered([(b'{"ID":1}', b"{}")] * 101, first=99))
    bronze.load()

    assert bronze.value(believed) == 200
