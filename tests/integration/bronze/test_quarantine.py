"""What Postgres cannot hold is kept whole, and nothing else is held up by it."""

import random

import pytest
from batches import Written, numbered, seal

DEEP = b"[" * 100_000 + b"]" * 100_000
BAD = {  # the value, and Postgres's own SQLSTATE
    "a NUL escape": (rb'{"a":"x\u0000y"}', "22P05"),
    "a lone surrogate": (rb'{"a":"\ud83d"}', "22P02"),
    "two surrogates the wrong way round": (rb'{"a":"\ude00\ud83d"}', "22P02"),
    "NaN": (b'{"a":NaN}', "22P02"),
    "Infinity": (b'{"a":-Infinity}', "22P02"),
    "a number beyond numeric": (b'{"a":1e131073}', "22003"),
    "nesting beyond the stack": (DEEP, "54001"),
    "invalid UTF-8": (b'{"a":"\xff"}', "22021"),
    "an overlong encoding": (b'{"a":"\xc0\x80"}', "22021"),
    "a raw NUL": (b'{"a":"\0"}', "22021"),
    "not JSON": (b"hello", "22P02"),
    "nothing at all": (b"", "22P02"),
    "half a document": (b'{"a":', "22P02"),
    "two documents": (b"{}{}", "22P02"),
    "a raw control character": (b'{"a":"\x01"}', "22P02"),
    "an Avro message": (b"\0\0\0\0\x01\x02", "22021"),
    "a bad schema": (rb'{"schema":{"a":"\u0000"},"payload":{"b":1}}', "22P05"),
    "a bad payload": (rb'{"schema":{"type":"struct"},"payload":{"b":"\u0000"}}', "22P05"),
}
GOOD = {
    "an array": b"[1,2]",
    "a text": '"\u2028 \u0085 ї"'.encode(),
    "a long integer": b'{"a":' + b"9" * 4400 + b"}",
    "35 digits": b'{"a":12345678901234567890123456789012345.67890}',
    "beyond int64": b'{"a":9223372036854775809}',
    "1e400": b'{"a":1e400}',
    "duplicate keys": b'{"a":1,"a":2}',
    "deep, but not too deep": b"[" * 4000 + b"]" * 4000,
    "CR, LF and tabs between tokens": b'{\r\n\t"a":\t1\n}',
    "a pasted comma": b'{"k,\\"value\\":":1,"value":2,"headers":[]}',
    "a megabyte": b'{"a":"' + b"x" * (1 << 20) + b'"}',
    "false": b"false",
    "an empty object": b"{}",
}


def quarantine(bronze):
    query = "select kafka_offset, raw_key, raw_value, sqlstate, reason from bronze.cdc_quarantine"
    return {
        offset: (raw_key and bytes(raw_key), None if value is None else bytes(value), state, reason)
        for offset, raw_key, value, state, reason in bronze.rows(query)
    }


@pytest.mark.parametrize("name", BAD)
def test_a_bad_value_goes_whole_into_quarantine_with_its_sqlstate(bronze, name):
    value, sqlstate = BAD[name]
    records = numbered([(b'{"ID":1}', b"{}"), (b'{"ID":2}', value), (b'{"ID":3}', b"{}")])
    seal(bronze.clients.objects, bronze.table, records)

    result = bronze.load()

    assert (result.loaded, result.quarantined, result.exit_code) == (2, 1, 3)
    (key, kept, state, reason) = quarantine(bronze)[1]
    assert (key, kept, state) == (b'{"ID":2}', value, sqlstate)
    assert reason
    assert {offset for _, _, offset in bronze.events()} == {0, 2}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_key_takes_its_good_value_along(bronze, name):
    key, sqlstate = BAD[name]
    seal(bronze.clients.objects, bronze.table, numbered([(key, b'{"a":1}'), (b"1", b"{}")]))

    assert bronze.load().quarantined == 1
    assert quarantine(bronze)[0][:3] == (key, b'{"a":1}', sqlstate)


def test_what_json_allows_loads_exactly(bronze):
    records = numbered([(b'{"ID":1}', value) for value in GOOD.values()])
    seal(bronze.clients.objects, bronze.table, records)

    result = bronze.load()

    assert (result.loaded, result.quarantined) == (len(GOOD), 0)
    for record in records:
        assert bronze.value(
            "select cdc_payload = %s::jsonb from bronze.product_cdc where kafka_offset = %s",
            record.value.decode(),
            record.offset,
        )


def test_many_bad_records_among_many_good_ones_are_told_apart(bronze):
    chosen = random.Random(7)
    bad, good = [value for value, _ in BAD.values()], list(GOOD.values())
    values = [chosen.choice(bad if chosen.random() < 0.02 else good[:-2]) for _ in range(1500)]
    seal(bronze.clients.objects, bronze.table, numbered([(b"1", value) for value in values]))

    bronze.load()

    expected = {offset for offset, value in enumerate(values) if value in bad}
    assert quarantine(bronze).keys() == expected
    assert {offset for _, _, offset in bronze.events()} == set(range(1500)) - expected


def test_a_record_larger_than_the_cap_is_not_sent_to_postgres(bronze):
    large = b'{"a":"' + b"x" * (17 << 20) + b'"}'
    seal(bronze.clients.objects, bronze.table, numbered([(b"1", large), (b"2", b"{}")]))

    bronze.load()

    assert quarantine(bronze)[0][1:3] == (large, "54000")


@pytest.mark.parametrize("timestamp", [2**63 - 1, -(2**63), 253_402_300_800_000])
def test_a_time_beyond_the_calendar_goes_into_quarantine(bronze, timestamp):
    records = [Written(0, b"1", b"{}", timestamp=timestamp), Written(1, b"2", b"{}", timestamp=-1)]
    seal(bronze.clients.objects, bronze.table, records)

    assert bronze.load().loaded == 1
    assert quarantine(bronze)[0][2] == "22008"
    assert str(timestamp) in quarantine(bronze)[0][3]


def test_what_loads_later_leaves_quarantine_in_the_same_transaction(bronze):
    key = seal(bronze.clients.objects, bronze.table, numbered([(b"1", b"{}")]))
    bronze.clients.database.execute(
        """insert into bronze.cdc_quarantine (kafka_topic, generation, kafka_partition,
            kafka_offset, kafka_timestamp, raw_key, raw_value, sqlstate, reason, batch_file)
        values (%s, 'g1', 0, 0, now(), '1', '{}', '22P02', 'an older server', %s)""",
        [bronze.table.topic, key],
    )

    bronze.load()

    assert quarantine(bronze) == {}
    assert bronze.value("select count(*) from bronze.product_cdc") == 1


def test_an_index_that_refuses_a_record_holds_up_only_that_record(bronze):
    """An index entry has a limit too: https://www.postgresql.org/docs/current/btree.html"""
    bronze.clients.database.execute("create index on bronze.product_cdc ((cdc_payload ->> 'a'))")
    chosen = random.Random(3)
    long = b'{"a":"' + bytes(chosen.choices(b"abcdefghijklmnop", k=20_000)) + b'"}'
    seal(bronze.clients.objects, bronze.table, numbered([(b"1", b"{}"), (b"2", long)]))

    assert bronze.load().loaded == 1
    assert quarantine(bronze)[1][2] == "54000"


def test_a_text_key_longer_than_an_index_entry_holds_up_only_its_record(bronze):
    """The key's index of a table whose key is a text: sql/bronze/key_index.sql."""
    bronze.clients.database.execute(
        """create index on bronze.product_cdc
            (bronze.cdc_key_text(kafka_key, cdc_payload, 'Code'), kafka_offset desc)"""
    )
    long = bytes(random.Random(3).choices(b"abcdefghijklmnopqrstuvwxyz0123456789", k=10_000))
    keys = [b"A-1", b"x" * 10_000, long, b"A-3"]  # the second one is short once compressed
    records = numbered([(b'{"Code":"%b"}' % key, b"{}") for key in keys])
    seal(bronze.clients.objects, bronze.table, records)

    assert bronze.load().loaded == 3
    assert {offset: (key, state) for offset, (key, _, state, _) in quarantine(bronze).items()} == {
        2: (records[2].key, "54000")
    }
