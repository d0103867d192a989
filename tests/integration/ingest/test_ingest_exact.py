"""Every record of the topic is in the objects, byte for byte, once."""

import pytest
from ingested import NOON, records

from bictl.ingest import chain

HOSTILE = [
    b'{"op":"c","text":"plain"}',
    b'{\n  "pretty": true\n}',
    b'{"crlf":1}\r\n',
    b"null",
    b" null ",
    b"not json",
    b"",
    b"\xff\xfe invalid \x80 utf-8",
    b'{"n":NaN}',
    b'{"big":12345678901234567890.123456789,"e":1e400,"dup":1,"dup":2}',
    '{"sep":"\u2028\u0085","nul":"\\u0000","lone":"\\ud800"}'.encode(),
    b'{"schema":{"type":"struct"},"payload":{"op":"c"}}',
    b'{"schema":{"type":"struct"},"payload":{"op":"c"}} trailing',
    b'{"headers":[],"value":"x"},"headers":[]}',
    b'{"text":"' + b"x" * 1_000_000 + b'"}',
    b"\x00" * 1_000_000,
    b'{"text":"' + b"y" * 10_000_000 + b'"}',
    None,
]
KEYS = [None, b'{"ID":1}', b"", b"\xff", b'{"a":",\\"value\\":1"}', b'{"value":2}', b"null", b"\n"]
HEADERS = [[], [("a", b"\xff\x00"), ("a", b"2"), ("", b"")], [("ключ", "значення".encode())]]


def test_hostile_keys_values_and_headers_come_back_byte_for_byte(produce, table, run, lines):
    written = [
        (
            KEYS[number % len(KEYS)],
            value,
            HEADERS[number % len(HEADERS)],
            NOON + number * 1000,
            number % 3,
        )
        for number, value in enumerate(HOSTILE * 2)
    ]
    produce(table.topic, written, 3)

    result = run(batch_records=5, batch_bytes=1 << 20)

    read = [
        (line.partition, line.key, line.value, list(line.headers), line.timestamp)
        for line in lines()
    ]
    expected = [
        (partition, key, value, headers, timestamp)
        for wanted in range(3)
        for key, value, headers, timestamp, partition in written
        if partition == wanted
    ]
    assert read == expected
    assert result.records == len(written)


def test_real_events_come_back_byte_for_byte(produce, table, run, lines, fixture_records):
    samples = fixture_records("product_schema")
    produce(table.topic, [(*sample, 0) for sample in samples])
    run(batch_records=1000)
    assert [(line.key, line.value, line.timestamp) for line in lines()] == [
        (key, value, timestamp) for key, value, _, timestamp in samples
    ]


def test_a_second_run_reads_and_writes_nothing(produce, table, run, keys):
    produce(table.topic, records(25))
    run(batch_records=10)
    before = keys()
    second = run(batch_records=10)
    assert (second.records, second.batches, keys()) == (0, 0, before)
    assert second.summary == "nothing to do; frontier 0:25"


def test_what_comes_later_is_read_from_the_frontier_on(produce, table, run, lines):
    produce(table.topic, records(25))
    run()
    produce(table.topic, records(5, first=25))
    assert run().rows[0]["first"] == 25
    assert [line.offset for line in lines()] == list(range(30))


def test_the_manifest_says_what_the_batch_holds(produce, clients, table, run):
    gone = [(b'{"ID":1}', None, [], NOON - 5, 0)]
    produce(table.topic, records(9) + gone)
    result = run(batch_records=4, run="run-7")

    topic = clients.reader.describe(table.topic)
    found = chain(clients.objects, table.prefix, result.generation, 0)

    assert [(m.first, m.next, m.records, m.tombstones) for m in found] == [
        (0, 4, 4, 0),
        (4, 8, 4, 0),
        (8, 10, 2, 1),
    ]
    last = found[-1]
    assert (last.topic, last.generation, last.generation_no) == (table.topic, topic.id, 0)
    assert (last.cluster, last.run, last.min_timestamp, last.max_timestamp) == (
        topic.cluster,
        "run-7",
        NOON - 5,
        NOON + 8,
    )


def test_a_batch_is_cut_by_bytes_too(produce, clients, table, run):
    produce(table.topic, [(b"1", b'"%b"' % (b"x" * 1000), [], NOON, 0)] * 10)
    result = run(batch_bytes=2500)
    assert [m.records for m in chain(clients.objects, table.prefix, result.generation, 0)] == (
        [3, 3, 3, 1]
    )


@pytest.mark.parametrize("most", [1, 7, 10, 15, 19])
def test_max_records_is_exact_over_partitions(produce, table, run, lines, most):
    produce(table.topic, records(10) + records(10, partition=1), 2)
    assert run(batch_records=4, max_records=most).records == most
    assert len(lines()) == most
    run(batch_records=4)
    assert [(line.partition, line.offset) for line in lines()] == [
        (partition, offset) for partition in (0, 1) for offset in range(10)
    ]


def test_a_dry_run_says_what_it_would_read_and_writes_nothing(produce, table, run, keys):
    produce(table.topic, records(12))
    result = run(dry_run=True)
    assert result.summary == "would read at most 12 records; frontier 0:0"
    assert keys() == {}


def test_an_empty_topic_is_nothing_to_do(produce, table, run, keys):
    produce(table.topic, [], 2)
    result = run()
    assert (result.summary, keys()) == ("nothing to do; frontier 0:0, 1:0", {})


def test_tombstones_only_are_records_too(produce, table, run, lines):
    produce(table.topic, [(b'{"ID":%d}' % n, None, [], NOON, 0) for n in range(3)])
    assert run().records == 3
    assert [line.value for line in lines()] == [None, None, None]


def test_asked_to_stop_it_seals_what_it_has_and_the_next_run_goes_on(produce, table, run, lines):
    produce(table.topic, records(30) + records(30, partition=1), 2)
    seen = []
    first = run(batch_records=7, on_progress=seen.append, stop=lambda: bool(seen))
    assert first.interrupted
    assert 0 < len(lines()) < 60
    assert first.records == len(lines())
    run()
    assert len({(line.partition, line.offset) for line in lines()}) == len(lines()) == 60


def test_progress_adds_up_to_what_was_read(produce, table, run):
    produce(table.topic, records(12))
    seen = []
    result = run(batch_records=5, on_progress=seen.append)
    assert (seen[-1].done, seen[-1].total) == (12, 12)
    assert seen[-1].bytes == result.partitions[0].unpacked
