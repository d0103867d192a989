"""Ingest against a real Apache Kafka: what the embedded broker cannot show."""

from contextlib import closing, contextmanager
from itertools import pairwise

import pytest
from batches import numbered, seal
from ingested import NOON, records
from kafka import KafkaProducer, TopicPartition

from bictl.clients import Clients
from bictl.errors import NotFound, RetentionPassed, TopicRecreated
from bictl.ingest import chain, generation_ack, ingest, range_ack, write_ack
from bictl.local.stack import Stack
from bictl.records import Range
from bictl.settings import Ingest

pytestmark = [pytest.mark.jvm, pytest.mark.timeout(120)]


class Transactions:
    """Writes numbered records to partition 0, in transactions or without."""

    def __init__(self, producer, topic: str) -> None:
        self.producer, self.topic = producer, topic

    def begin(self, count: int, word: str) -> None:
        self.producer.begin_transaction()
        self._send(count, word)

    def committed(self, count: int, word: str) -> None:
        self.begin(count, word)
        self.producer.commit_transaction()

    def aborted(self, count: int) -> None:
        self.begin(count, "aborted")
        self.producer.abort_transaction()

    def _send(self, count: int, word: str) -> None:
        sent = [
            self.producer.send(
                self.topic, key=b"%d" % number, value=b'"%b"' % word.encode(), partition=0
            )
            for number in range(count)
        ]
        self.producer.flush()
        for future in sent:
            future.get(timeout=30)


@pytest.fixture
def transactions(settings, table):
    servers = settings.kafka.bootstrap_servers
    with closing(
        KafkaProducer(bootstrap_servers=servers, transactional_id=f"tx-{table.topic}")
    ) as producer:
        producer.init_transactions()
        yield Transactions(producer, table.topic)


@contextmanager
def plain(settings, **options):
    servers = settings.kafka.bootstrap_servers
    with closing(KafkaProducer(bootstrap_servers=servers, **options)) as producer:
        yield producer


def starts(clients, table) -> int:
    return clients.reader.offsets(table.topic, [0])[0].start


def ranges(clients, table, generation, partition: int = 0) -> list[tuple[int, int, int]]:
    found = chain(clients.objects, table.prefix, generation, partition)
    return [(manifest.first, manifest.next, manifest.records) for manifest in found]


def test_aborted_records_and_markers_are_passed_and_the_frontier_reaches_the_end(
    create, transactions, run, lines, clients, table
):
    create()
    transactions.committed(3, "first")
    transactions.aborted(2)
    transactions.committed(1, "second")
    transactions.aborted(3)

    result = run()

    assert [(line.offset, line.value) for line in lines()] == [
        (0, b'"first"'),
        (1, b'"first"'),
        (2, b'"first"'),
        (7, b'"second"'),
    ]
    assert (result.records, result.rows[0]["next"], result.rows[0]["end"]) == (4, 13, 13)
    assert run().summary == "nothing to do; frontier 0:13"


@pytest.mark.parametrize("batch_records", [1, 2, 3])
def test_batches_cut_inside_a_transaction_leave_no_hole(
    create, transactions, run, lines, clients, table, batch_records
):
    create()
    transactions.committed(3, "a")
    transactions.aborted(2)
    transactions.committed(2, "b")
    result = run(batch_records=batch_records)
    assert [line.offset for line in lines()] == [0, 1, 2, 7, 8]
    found = ranges(clients, table, result.generation)
    assert (found[0][0], found[-1][1]) == (0, 10)
    assert all(left[1] == right[0] for left, right in pairwise(found))


def test_a_range_of_aborts_only_is_sealed_as_a_batch_without_records(
    create, transactions, run, clients, table
):
    create()
    transactions.aborted(4)
    result = run()
    assert (result.records, result.batches) == (0, 1)
    assert ranges(clients, table, result.generation) == [(0, 5, 0)]
    manifest = chain(clients.objects, table.prefix, result.generation, 0)[0]
    assert (manifest.min_timestamp, manifest.max_timestamp) == (None, None)
    assert run().summary == "nothing to do; frontier 0:5"


def test_an_open_transaction_holds_back_what_comes_behind_it_until_it_ends(
    create, transactions, run, lines, settings, table
):
    create()
    transactions.committed(2, "before")
    transactions.begin(2, "open")
    with plain(settings) as producer:
        producer.send(table.topic, value=b'"behind"', partition=0).get(timeout=30)

    held = run()

    assert (held.rows[0]["next"], held.rows[0]["end"]) == (3, 3)
    assert held.rows[0]["open_offsets"] == 3
    assert "3 offsets wait for open transactions" in held.summary
    assert run().records == 0

    transactions.producer.commit_transaction()
    assert run().records == 3
    assert [(line.offset, line.value) for line in lines()][2:] == [
        (3, b'"open"'),
        (4, b'"open"'),
        (5, b'"behind"'),
    ]


def test_records_deleted_before_they_were_read_are_an_exact_range_until_it_is_acknowledged(
    create, produce, run, lines, keys, clients, admin, table
):
    create()
    produce(table.topic, records(50))
    run(batch_records=10, max_records=20)
    before = keys()
    admin.delete_records({TopicPartition(table.topic, 0): 35})

    with pytest.raises(RetentionPassed) as caught:
        run()

    assert "discarded 0:[20,35) (15 offsets) before they were read" in caught.value.message
    assert "bictl ack --table product --range '0:[20,35)'" in caught.value.hint
    assert (caught.value.exit_code, keys()) == (6, before)

    generation = clients.reader.describe(table.topic).id
    part = range_ack(Range(0, 20, 30), generation=generation, reason="known", person="olena")
    write_ack(clients.objects, table.prefix, part)
    with pytest.raises(RetentionPassed, match=r"0:\[30,35\) \(5 offsets\)"):
        run()
    rest = range_ack(Range(0, 30, 35), generation=generation, reason="known", person="olena")
    write_ack(clients.objects, table.prefix, rest)

    assert run().records == 15
    assert [line.offset for line in lines()] == [*range(20), *range(35, 50)]
    assert run(fill=True).summary == "nothing to do; frontier 0:50"


def test_records_deleted_that_were_read_before_are_no_loss(
    create, produce, run, clients, admin, table
):
    create()
    produce(table.topic, records(30))
    run()
    admin.delete_records({TopicPartition(table.topic, 0): 30})
    assert run().summary == "nothing to do; frontier 0:30"
    produce(table.topic, records(5, first=30))
    assert run().records == 5


def test_records_deleted_while_they_are_read_leave_what_was_read_sealed(
    create, produce, run, lines, admin, table
):
    """10 MiB are fetched at once: what lies beyond is gone when the reader comes to it."""
    create()
    large = [(b"%d" % n, b'"%b"' % (b"x" * 1_000_000), [], NOON, 0) for n in range(45)]
    produce(table.topic, large)
    done = []

    def delete(progress) -> None:
        if not done:
            done.append(admin.delete_records({TopicPartition(table.topic, 0): 44}))

    with pytest.raises(RetentionPassed) as caught:
        run(on_progress=delete)
    read = [line.offset for line in lines()]
    assert 0 < len(read) < 44
    assert read == list(range(len(read)))
    assert f"0:[{len(read)},44)" in caught.value.message


def test_retention_past_the_frontier_is_an_exact_range(create, produce, run, clients, table, until):
    create(retention_ms=1000, segment_ms=500)
    produce(table.topic, records(20))
    until(lambda: starts(clients, table) == 20)
    with pytest.raises(RetentionPassed, match=r"0:\[5,20\)"):
        _run_from(run, clients, table, 5)


def _run_from(run, clients, table, position: int) -> None:
    """A run behind a frontier at `position`: one batch as an earlier run would have left it."""
    generation = clients.reader.describe(table.topic).id
    written = numbered([(b"1", b"{}")] * position)
    seal(clients.objects, table, written, generation=generation, generation_no=0)
    run()


def test_a_first_run_begins_where_the_log_begins(create, produce, run, lines, admin, table):
    create()
    produce(table.topic, records(20))
    admin.delete_records({TopicPartition(table.topic, 0): 12})
    assert run().records == 8
    assert [line.offset for line in lines()] == list(range(12, 20))


def test_compacted_records_are_legal_gaps(create, produce, run, lines, clients, table, until):
    create(
        cleanup_policy="compact",
        segment_ms=100,
        min_cleanable_dirty_ratio="0.01",
        max_compaction_lag_ms=100,
    )
    same = [(b"same", b'"%d"' % n, [], None, 0) for n in range(30)]
    for turn in range(3):
        produce(table.topic, same[turn * 10 : turn * 10 + 10])
    until(lambda: clients.reader.first_after(table.topic, 0, 0).offset > 0)

    result = run(batch_records=3)

    read = [line.offset for line in lines()]
    assert 0 < len(read) < 30
    assert read[-1] == 29
    found = ranges(clients, table, result.generation)
    assert (found[0][0], found[-1][1]) == (0, 30)
    assert all(left[1] == right[0] for left, right in pairwise(found))


@pytest.mark.parametrize("count", [4, 10, 25])
def test_a_recreated_topic_stops_it_whether_shorter_or_longer(
    create, produce, run, lines, keys, clients, delete_topic, table, count
):
    create()
    produce(table.topic, records(10))
    run()
    before = keys()
    delete_topic(table.topic)
    create()
    produce(table.topic, records(count, word="new"))

    with pytest.raises(TopicRecreated) as caught:
        run()
    assert f"Not read of the new one: 0:[0,{count})" in caught.value.message
    assert keys() == before

    new = clients.reader.describe(table.topic).id
    write_ack(clients.objects, table.prefix, generation_ack(new, reason="moved", person="olena"))
    assert run().records == count
    assert len(lines()) == 10 + count


def test_a_topic_recreated_while_it_is_read_is_not_sealed(
    create, produce, run, keys, delete_topic, table
):
    create()
    produce(table.topic, records(30))
    done = []

    def recreate(progress) -> None:
        if not done:
            done.append(delete_topic(table.topic))
            create()
            produce(table.topic, records(30, word="new"))

    with pytest.raises(TopicRecreated, match="was recreated while it was read"):
        run(batch_records=10, on_progress=recreate)
    assert (len(done), keys()) == (1, {})


def test_an_added_partition_is_read_from_its_start(
    create, produce, run, lines, admin, table, until, clients
):
    create()
    produce(table.topic, records(10))
    run()
    admin.create_partitions({table.topic: 3})
    until(lambda: len(clients.reader.describe(table.topic).partitions) == 3)
    produce(table.topic, records(4, partition=1) + records(2, first=10), 3)
    result = run()
    assert result.summary == "wrote 2 batches, 6 records; frontier 0:12, 1:4, 2:0"
    assert [(line.partition, line.offset) for line in lines()] == [
        *((0, offset) for offset in range(12)),
        *((1, offset) for offset in range(4)),
    ]


def test_nothing_is_created_by_asking_for_what_is_not_there(
    run, admin, table, create, produce, delete_topic
):
    """The broker creates topics that are asked for: bictl must not ask."""
    with pytest.raises(NotFound):
        run()
    assert table.topic not in admin.list_topics()
    create()
    produce(table.topic, records(30))
    with pytest.raises(NotFound):
        run(on_progress=lambda progress: delete_topic(table.topic))
    assert table.topic not in admin.list_topics()


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_every_codec_is_read(create, run, lines, settings, table, codec):
    create()
    values = [b'{"n":%d,"text":"%b"}' % (number, b"x" * 500) for number in range(50)]
    with plain(settings, compression_type=codec, linger_ms=50) as producer:
        for value in values:
            producer.send(table.topic, value=value, partition=0)
    run()
    assert [line.value for line in lines()] == values


def test_a_broker_that_comes_back_in_time_is_waited_for(
    create, produce, lines, jvm_stack, settings, table
):
    create()
    large = [(b"%d" % n, b'"%b"' % (b"x" * 1_000_000), [], NOON, 0) for n in range(45)]
    produce(table.topic, large)
    done = []

    def crash(progress) -> None:
        if not done:
            done.append(jvm_stack.kill("kafka"))
            Stack.start(jvm_stack.state_dir, jvm=True, timeout=180)

    with Clients(settings, timeout=40) as patient:
        result = ingest(
            patient.reader,
            patient.objects,
            table=table,
            limits=Ingest(batch_records=10),
            run="patient",
            on_progress=crash,
        )
    assert (len(done), result.records) == (1, 45)
    assert [line.offset for line in lines()] == list(range(45))


def test_positions_are_committed_for_lag_monitors(create, produce, run, admin, table):
    create()
    produce(table.topic, records(7))
    result = run(group=f"monitor-{table.topic}")
    groups = admin.list_group_offsets([f"monitor-{table.topic}"])
    found = groups[f"monitor-{table.topic}"]
    assert found[TopicPartition(table.topic, 0)].offset == 7
    assert result.notes == ()
