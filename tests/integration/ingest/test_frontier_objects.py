"""What outlives the batches: ingest goes on without one of them, and trusts nothing it cannot."""

from dataclasses import replace

import pytest
from ingested import NOON, records
from test_ingest_identity import WithoutIds

from bictl.clients.topics import TopicReader
from bictl.errors import AccessDenied, RetentionPassed, TopicRecreated
from bictl.ingest import (
    frontier,
    frontier_prefix,
    generation_ack,
    generations,
    read_kept,
    write_ack,
)
from bictl.ingest.frontier_object import Anchor, FrontierObject, frontier_key, write_kept


@pytest.fixture
def old_broker(settings):
    reader = WithoutIds(settings.kafka)
    yield reader
    reader.close()


@pytest.fixture
def expire(clients, keys):
    """Deletes every batch, as a lifecycle rule does; or some of them."""

    def delete(*chosen: int) -> None:
        everything = list(keys())
        for index in chosen or range(len(everything)):
            clients.objects.delete(everything[index])

    return delete


def kept_of(clients, table):
    return read_kept(clients.objects, table.prefix)


def test_each_seal_writes_how_far_the_partition_is(produce, table, run, clients):
    produce(table.topic, records(25) + records(7, partition=1), 2)
    generation = run(batch_records=10).generation
    kept = kept_of(clients, table)
    assert kept.damaged == {}
    ends = {place: (one.baseline, one.newest.range) for place, one in kept.found.items()}
    assert {place: (first, str(last)) for place, (first, last) in ends.items()} == {
        (generation, 0): (0, "0:[20,25)"),
        (generation, 1): (0, "1:[0,7)"),
    }
    for partition, last in ((0, 24), (1, 6)):
        record = clients.reader.record(table.topic, partition, last)
        assert kept.found[(generation, partition)].anchor == Anchor.of(record)


def test_no_frontier_object_stands_under_the_tables_own_prefix(produce, table, run, clients, keys):
    produce(table.topic, records(5))
    run()
    assert all("/batch=" in key for key in keys())
    (info,) = clients.objects.list(frontier_prefix(table.prefix))
    assert info.key.startswith("_bictl/product/raw/frontier/generation=")


def test_without_any_batch_the_next_run_goes_on_in_the_same_generation(
    produce, table, run, clients, expire, lines
):
    produce(table.topic, records(30) + records(4, partition=1), 2)
    before = run(batch_records=10)
    expire()
    assert run().summary == "nothing to do; frontier 0:30, 1:4"
    assert [one.name for one in generations(clients.objects, table.prefix)] == [before.generation]
    produce(table.topic, records(5, first=30))
    after = run()
    assert (after.generation, after.records) == (before.generation, 5)
    assert [line.offset for line in lines()] == [*range(30, 35)]
    assert frontier(clients.objects, table.prefix, before.generation, 1) == 4
    kept = kept_of(clients, table).found[(before.generation, 0)]
    assert (kept.baseline, kept.newest.first, kept.newest.next) == (0, 30, 35)


def test_a_recreated_topic_is_noticed_without_any_batch(
    produce, table, run, clients, expire, delete_topic
):
    produce(table.topic, records(10))
    old = run().generation
    expire()
    delete_topic(table.topic)
    produce(table.topic, records(25, word="new"))
    new = clients.reader.describe(table.topic).id
    with pytest.raises(TopicRecreated) as caught:
        run()
    assert f"what was read had {old}" in caught.value.message
    assert "Sealed of the old one: 0:[0,10)" in caught.value.message
    write_ack(clients.objects, table.prefix, generation_ack(new, reason="moved", person="olena"))
    assert run().records == 25
    found = generations(clients.objects, table.prefix)
    assert [(one.number, one.name) for one in found] == [(0, old), (1, new)]
    expire()
    assert [one.number for one in generations(clients.objects, table.prefix)] == [0, 1]


def test_without_ids_the_anchor_outlives_the_batches(
    produce, table, run, clients, expire, delete_topic, old_broker
):
    produce(table.topic, records(10))
    run(reader=old_broker)
    expire()
    assert run(reader=old_broker).summary == "nothing to do; frontier 0:10"
    delete_topic(table.topic)
    produce(table.topic, records(25, word="new"))
    with pytest.raises(TopicRecreated, match="another record stands at 0:9") as caught:
        run(reader=old_broker)
    assert "--generation 1 " in caught.value.hint
    write_ack(clients.objects, table.prefix, generation_ack("1", reason="new", person="olena"))
    assert run(reader=old_broker).generation == "1"


def test_with_the_same_id_a_log_that_was_truncated_and_grew_again_is_noticed(
    produce, table, run, clients, keys
):
    """The broker still says the id that was read; the last sealed record is another one."""
    produce(table.topic, records(20))
    generation = run().generation
    kept = kept_of(clients, table).found[(generation, 0)]
    write_kept(clients.objects, table.prefix, replace(kept, anchor=Anchor(19, "0" * 64)))
    before = keys()
    produce(table.topic, records(5, first=20))
    with pytest.raises(TopicRecreated, match="another record stands at 0:19") as caught:
        run()
    assert f"--generation {generation}-1 " in caught.value.hint
    assert keys() == before


def test_a_log_replaced_between_the_look_and_the_first_read_is_not_sealed(
    produce, table, run, keys, delete_topic, settings
):
    """Without ids only the read itself can tell: it begins with the record that was sealed last."""
    produced = []

    class Replacing(WithoutIds):
        def read(self, topic, partition, *, first, end, **options):
            if end == 30 and not produced:  # not the anchor test's own read, up to the end then
                produced.append(delete_topic(topic))
                produce(topic, records(40, word="new"))
            return super().read(topic, partition, first=first, end=end, **options)

    produce(table.topic, records(10))
    reader = Replacing(settings.kafka)
    try:
        run(reader=reader)
        before = keys()
        produce(table.topic, records(20, first=10))
        reader.record = lambda *place, **known: None  # the look came before
        with pytest.raises(TopicRecreated, match="another record stands at 0:9"):
            run(reader=reader)
    finally:
        reader.close()
    assert produced
    assert keys() == before


def test_an_anchor_that_kafka_discards_before_it_is_read_stops_nothing(
    produce, table, run, settings, lines
):
    """Retention takes that record and nothing more: the read goes on from the frontier."""
    refused = []

    class Discarding(TopicReader):
        def read(self, topic, partition, *, first, end, **options):
            if first == 9 and end == 15:
                refused.append(first)
                raise RetentionPassed(f"{topic}: Kafka discarded {partition}:[9,10)")
            return super().read(topic, partition, first=first, end=end, **options)

    produce(table.topic, records(10))
    run()
    produce(table.topic, records(5, first=10))
    reader = Discarding(settings.kafka)
    reader.record = lambda *place, **known: None  # the look came before, and found nothing
    try:
        assert run(reader=reader).records == 5
    finally:
        reader.close()
    assert refused == [9]
    assert [line.offset for line in lines()] == list(range(15))


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda body: b"", "Expecting value"),
        (lambda body: b"[1]", "it is no bictl.frontier/1"),
        (lambda body: b'{"format":"bictl.frontier/1"}', "it is no bictl.frontier/1"),
        (lambda body: body.replace(b"frontier/1", b"frontier/2"), "'bictl.frontier/2'"),
        (lambda body: body.replace(b'"baseline": 0', b'"baseline": 5'), "not those that were"),
        (lambda body: body[:-9], ""),
        (lambda body: b"\xff\xfe", ""),
    ],
    ids=["empty", "list", "bare", "newer", "changed", "cut", "binary"],
)
@pytest.mark.parametrize("batches", ["there", "expired"])
def test_a_damaged_frontier_object_is_named_and_not_believed(
    produce, table, run, clients, expire, damage, why, batches
):
    produce(table.topic, records(20))
    generation = run(batch_records=10).generation
    key = frontier_key(table.prefix, generation, 0)
    clients.objects.put(key, damage(clients.objects.get(key)[0]))
    if batches == "expired":
        expire()
    result = run()
    (note,) = result.warnings
    assert note.startswith(f"{key} is left aside: ")
    assert why in note
    assert result.records == (20 if batches == "expired" else 0)
    assert kept_of(clients, table).damaged == {}
    assert run().summary == "nothing to do; frontier 0:20"


def test_a_frontier_object_of_another_place_is_not_believed(produce, table, run, clients):
    produce(table.topic, records(20) + records(30, partition=1), 2)
    generation = run().generation
    here, there = (frontier_key(table.prefix, generation, partition) for partition in (0, 1))
    clients.objects.put(here, clients.objects.get(there)[0])
    result = run()
    assert result.warnings == (f"{here} is left aside: it says what belongs to {there}",)
    assert kept_of(clients, table).found[(generation, 0)].newest.next == 20


def test_an_older_frontier_object_does_no_harm_and_is_healed(produce, table, run, clients):
    produce(table.topic, records(20))
    generation = run(batch_records=10).generation
    key = frontier_key(table.prefix, generation, 0)
    older = clients.objects.get(key)[0]
    produce(table.topic, records(10, first=20))
    run()
    clients.objects.put(key, older)
    assert frontier(clients.objects, table.prefix, generation, 0) == 30
    assert run(dry_run=True).records == 0
    assert clients.objects.get(key)[0] == older  # a dry run writes nothing
    assert run().summary == "nothing to do; frontier 0:30"
    assert kept_of(clients, table).found[(generation, 0)].newest.next == 30


def test_batches_of_an_older_program_get_their_frontier_objects(produce, table, run, clients):
    produce(table.topic, records(30))
    generation = run(batch_records=10).generation
    key = frontier_key(table.prefix, generation, 0)
    written = clients.objects.get(key)[0]
    clients.objects.delete(key)
    assert run().summary == "nothing to do; frontier 0:30"
    assert clients.objects.get(key)[0] == written


def test_a_batch_without_records_keeps_the_last_record_before_it():
    def manifest(first, after, count):
        return replace(FIRST.newest, first=first, next=after, records=count, tombstones=0)

    later = FIRST.with_batch(manifest(10, 12, 0), None)
    assert (later.newest.next, later.anchor, later.baseline) == (12, FIRST.anchor, 0)
    filled = later.with_batch(manifest(3, 5, 2), Anchor(4, "1" * 64))
    assert (filled.newest.next, filled.anchor) == (12, FIRST.anchor)
    assert FrontierObject.from_bytes(filled.to_bytes()) == filled


def test_credentials_that_may_not_write_there_are_noted_and_lose_nothing(
    produce, table, run, clients, monkeypatch, lines
):
    """A bucket's policy may name the table's own prefix alone."""

    def refuse(key, body, **options):
        raise AccessDenied(f"write {key}: AccessDenied")

    monkeypatch.setattr(clients.objects, "put", refuse)
    produce(table.topic, records(20))
    result = run(batch_records=10)
    assert (result.records, result.exit_code) == (20, 0)
    (note,) = result.warnings
    assert note.startswith("_bictl/product/raw/frontier/")
    assert "was not written: write _bictl/" in note
    monkeypatch.undo()
    run()
    assert len(kept_of(clients, table).found) == 1


def test_a_run_that_was_overtaken_leaves_the_further_frontier(produce, table, run, clients):
    produce(table.topic, records(40))
    others = []

    def overtake(progress) -> None:
        if not others:
            others.append(run(batch_records=7, run="other"))

    generation = run(batch_records=10, on_progress=overtake, run="ours").generation
    kept = kept_of(clients, table).found[(generation, 0)]
    assert (kept.baseline, kept.newest.next, kept.anchor.offset) == (0, 40, 39)


def test_a_newest_batch_that_is_gone_below_older_ones_is_read_again(
    produce, table, run, expire, lines
):
    """Older ones are still there, so it did not expire; Kafka still has it."""
    produce(table.topic, records(30))
    run(batch_records=10)
    expire(2)
    assert run(batch_records=10).records == 10
    assert [line.offset for line in lines()] == list(range(30))


def test_expired_batches_are_not_read_again_by_a_plain_run(produce, table, run, expire, keys):
    produce(table.topic, records(30))
    run(batch_records=10)
    expire(0, 1)
    assert run().summary == "nothing to do; frontier 0:30"
    assert len(keys()) == 1


def test_a_reading_that_begins_above_the_first_offset_is_said(produce, table, run, settings):
    class Late(WithoutIds):
        """A broker whose retention took the first records of partition 1."""

        def offsets(self, topic, partitions, **options):
            found = super().offsets(topic, partitions, **options)
            return {p: replace(o, start=4) if p == 1 else o for p, o in found.items()}

    produce(table.topic, records(5) + records(9, partition=1), 2)
    reader = Late(settings.kafka)
    try:
        result = run(reader=reader)
    finally:
        reader.close()
    assert (result.records, result.exit_code) == (10, 0)
    assert result.warnings == ("1:[0,4) gone before the first run (bictl verify, K11)",)


def _first() -> FrontierObject:
    from batches import Written, sealed

    from bictl.settings import Table

    table = Table(name="product", topic="cord.x")
    written = [Written(n, b"k", b"v", (), NOON) for n in range(10)]
    manifest, _ = sealed(table, written)
    return FrontierObject(newest=manifest, baseline=0, anchor=Anchor.of(written[-1]))


FIRST = _first()
