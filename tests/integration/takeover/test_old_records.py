"""Old objects and rows, as ugly as scripts leave them: each record ends in one sealed batch."""

import json

import pytest
from old_platform import event, key, records

from bictl.errors import BatchConflict

CONFLICTS = "select kafka_partition, kafka_offset, standing_file from bictl.offset_conflict"


def values(taking):
    return {(line.partition, line.offset): line.value for line in taking.lines()}


def test_kafka_gives_its_own_bytes_and_headers_where_it_still_serves_them(platform, taking):
    known = platform(records(130, schema=True), taken=120)

    taking.migrate()

    for line, (key_bytes, value, headers, timestamp, _) in zip(taking.lines(), known, strict=False):
        assert (line.key, line.value, line.timestamp) == (key_bytes, value, timestamp)
        assert list(line.headers) == headers


def test_islands_gaps_and_partitions(old, taking, produce):
    samples = records(60) + records(40, first=1000, partition=1)
    produce(old.topic, samples, 2)
    lines = old.lines(samples)
    old.put(lines[10:20] + lines[75:80])
    old.put(lines[20:25] + lines[40:45])
    old.put(lines[42:50][::-1])  # overlapping, and backwards

    taken = taking.migrate().taken["product"]

    assert taken.records == 10 + 5 + 5 + 5 + 5
    assert taking.chain() == [(10, 20), (20, 25), (40, 45), (45, 50)]
    assert taking.chain(partition=1) == [(15, 20)]
    assert taken.differing == 0
    result = taking.ingest(fill=True)
    assert result.rows[0]["next"] == 60
    assert sorted(values(taking)) == [(0, n) for n in range(60)] + [(1, n) for n in range(40)]


@pytest.mark.parametrize("text", [False, True], ids=["json", "text"])
def test_what_kafka_does_not_serve_is_sealed_as_the_line_has_it(old, taking, produce, text):
    produce(old.topic, records(3, word="another"))
    exact = b'{"op":"c","source":{},"after":{"ID":1,"n":12345678901234567890.10, "s":"\\u00e9"}}'
    line = old.lines([(b'{"ID":1}', b"{}", [], 5, 0)])[0]
    raw = json.dumps(exact.decode()) if text else exact.decode()
    old.put([line.replace('"value": {}', f'"value": {raw}')])

    taking.migrate()

    (sealed,) = [line for line in taking.lines() if line.offset == 0]
    assert (sealed.key, sealed.value, sealed.timestamp) == (b'{"ID": 1}', exact, 5)


def test_lines_that_are_no_records_are_named_and_the_others_sealed(old, taking, produce):
    known = records(30)
    produce(old.topic, known)
    lines = old.lines(known)
    lines[3] = "not JSON"
    lines[5] = lines[5].replace(old.topic, "some.other.topic")
    lines[7] = lines[7].replace('"offset": 7', '"offset": -7')
    lines[29] = lines[29][:40]
    name = old.put(lines, end="")

    taken = taking.migrate().taken["product"]

    assert taken.exit_code == 3
    assert taken.bad_lines == 4
    assert [line.line for _, line in taken.bad] == [4, 6, 8, 30]
    assert f"{name} line 4: it is not whole JSON" in taken.warnings[0]
    assert taking.chain() == [(0, 3), (4, 5), (6, 7), (8, 29)]
    check = next(check for check in taking.verify(level="default").checks if check.id == "O8")
    assert check.state == "warn"
    assert f"4 lines of old objects are no records: {name} line 4" in check.message


def test_the_first_words_about_an_offset_stand_and_the_others_are_kept(old, taking, produce):
    produce(old.topic, records(2, word="beyond"))
    lines = old.lines(records(10))
    other = json.loads(lines[6])
    other["value"]["after"]["Name"] = "somebody else"
    first = old.put(lines)
    second = old.put([json.dumps(other), json.dumps(other | {"offset": 10})])

    taken = taking.migrate().taken["product"]

    assert taken.generation == "legacy"
    assert (taken.exit_code, taken.differing) == (6, 1)
    assert f"{second} line 1 (0:[6,7))" in taken.warnings[-1]
    assert json.loads(values(taking)[0, 6])["after"]["Name"] == "Product 6"
    ((_, offset, standing),) = taking.rows(CONFLICTS)
    assert (offset, standing) == (
        6,
        "product/raw/generation=legacy/partition=00000/batch=00000000000000000000.jsonl.gz",
    )
    assert first != second
    assert sorted(offset for _, offset in values(taking)) == list(range(11))


def test_rows_that_no_object_holds_are_sealed_too(old, taking, produce):
    samples = records(80, schema=True)
    produce(old.topic, samples)
    lines = old.lines(samples)
    old.create_bronze()
    old.load(lines[:30], old.put(lines[:30]))
    old.load(lines[40:60], "batch=19990101T000000Z.jsonl")  # its object is gone

    taking.migrate()
    result = taking.load()

    assert taking.chain() == [(0, 30), (40, 60)]
    assert (result.loaded, result.duplicates) == (0, 50)
    assert taking.value("select sealed_at is not null from bictl.takeover")
    files = "select distinct batch_file from bronze.product_cdc where batch_file not like %s"
    assert taking.rows(files, "product/raw/generation=%") == []


def test_legacy_rows_that_no_object_holds_keep_every_digit(old, taking):
    old.create_bronze()
    odd = b'{"op":"c","source":{},"after":{"ID":1,"n":12345678901234567890.10,"e":1e400}}'
    old.execute(
        "insert into bronze.product_cdc (kafka_topic, kafka_partition, kafka_offset,"
        f" kafka_timestamp, kafka_key, cdc_payload) values ('{old.topic}', 0, 7,"
        f" '2024-05-14 12:00:00.123', '{{\"ID\":1}}', '{odd.decode()}')"
    )
    before = taking.value("select cdc_payload::text from bronze.product_cdc")

    taking.migrate("legacy")
    result = taking.load()

    assert (result.duplicates, result.conflicts) == (1, ())
    assert taking.value("select cdc_payload::text from bronze.product_cdc") == before
    assert [line.timestamp for line in taking.lines()] == [1_715_688_000_123]


def test_a_row_that_says_something_else_than_kafka_is_a_conflict(platform, taking):
    platform(records(60), taken=60)
    taking.clients.database.execute(
        'update bronze.product_cdc set cdc_payload = cdc_payload || \'{"op":"x"}\''
        " where kafka_offset = 31"
    )

    with pytest.raises(BatchConflict, match=r"0:\[31,32\)"):
        taking.load()

    assert taking.rows("select kafka_offset from bictl.offset_conflict") == [(31,)]
    assert taking.value("select count(*) from bronze.product_cdc") == 60
    assert (
        taking.value("select batch_file from bronze.product_cdc where kafka_offset = 31")[:5]
        == "batch"
    )


def test_nothing_is_done_twice_and_new_old_objects_are_noticed(platform, old, taking):
    known = platform(records(60), taken=40)
    taking.load()
    before = taking.keys()

    again = taking.load()
    assert again.summary.startswith("nothing to do")
    assert taking.keys() == before

    old.put(old.lines(known)[40:50])  # the scripts' cron is still there
    assert taking.load().loaded == 10
    assert taking.chain() == [(0, 40), (40, 50)]


def test_ingest_first_leaves_nothing_to_seal_and_the_rows_are_its_own(platform, taking):
    platform(records(90), taken=50)
    taking.ingest()

    result = taking.load()

    assert (result.loaded, result.duplicates) == (40, 50)
    assert taking.chain() == [(0, 90)]
    assert all(row[3].startswith("product/raw/generation=") for row in taking.events().values())


def test_a_replay_from_the_objects_alone_brings_the_same(platform, taking):
    from bictl import pipeline

    platform(records(90, schema=True), taken=50)
    taking.load()
    before = taking.events()
    taking.clients.database.execute("truncate bronze.product_cdc, bictl.object_ledger")

    pipeline.load_bronze(taking.work(), taking.table, replay=True)

    assert taking.events() == before


def test_the_schemas_of_old_rows_are_interned_as_those_of_new_ones(platform, taking):
    platform(records(90, schema=True), taken=50)

    taking.load()
    taking.ingest()
    taking.load()

    kept = "select count(*), count(distinct schema_id) from bronze.product_cdc where schema_id > 0"
    assert taking.rows(kept) == [(89, 1)]
    assert taking.rows(
        "select distinct jsonb_object_keys(cdc_payload) from bronze.product_cdc"
    ) == [("payload",)]


def test_records_written_twice_as_text_and_as_null_are_what_they_were(old, taking, produce):
    known = [(key(1), event(1), [], 1000, 0), (key(1), None, [], 1001, 0)]
    produce(old.topic, known)
    old.create_bronze()
    lines = [json.loads(line) for line in old.lines(known, text=True)]
    old.load([json.dumps(line) for line in lines], None)
    old.execute("update bronze.product_cdc set cdc_payload = 'null' where cdc_payload is null")

    taking.load()

    rows = taking.events()
    generation = taking.generation()
    assert rows[generation, 0, 0][:2] == (json.loads(key(1)), json.loads(event(1)))
    assert rows[generation, 0, 1][:2] == (json.loads(key(1)), None)
    assert taking.rows("select * from bictl.offset_conflict") == []
