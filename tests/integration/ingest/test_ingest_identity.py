"""A recreated topic stops ingest with code 6 until a person acknowledges it."""

from dataclasses import replace

import pytest
from ingested import records

from bictl.clients.topics import TopicReader
from bictl.errors import EndBelowFrontier, NotFound, TopicRecreated, Unreachable
from bictl.ingest import generation_ack, generations, list_acks, write_ack
from bictl.settings import Kafka


class WithoutIds(TopicReader):
    """A broker that has no topic ids, as Kafka before 2.8."""

    def describe(self, topic):
        return replace(super().describe(topic), id=None)


@pytest.fixture
def old_broker(settings):
    reader = WithoutIds(settings.kafka)
    yield reader
    reader.close()


@pytest.mark.parametrize("count", [4, 10, 25])
def test_a_recreated_topic_shorter_or_longer_stops_it(
    produce, table, run, keys, clients, delete_topic, count
):
    produce(table.topic, records(10))
    old = run().generation
    before = keys()
    delete_topic(table.topic)
    produce(table.topic, records(count, word="new"))
    new = clients.reader.describe(table.topic).id

    with pytest.raises(TopicRecreated) as caught:
        run()

    error = caught.value
    assert (error.exit_code, keys()) == (6, before)
    assert f"its id is {new}, what was read had {old}" in error.message
    assert "Sealed of the old one: 0:[0,10)" in error.message
    assert f"Not read of the new one: 0:[0,{count})" in error.message
    assert f"bictl ack --table product --generation {new}" in error.hint


def test_after_the_ack_the_new_topic_is_read_from_its_start(
    produce, table, run, lines, clients, delete_topic
):
    produce(table.topic, records(10))
    old = run().generation
    delete_topic(table.topic)
    produce(table.topic, records(12, word="new"))
    new = clients.reader.describe(table.topic).id
    ack = generation_ack(new, reason="moved to a new cluster", person="olena")

    assert write_ack(clients.objects, table.prefix, ack)
    assert not write_ack(clients.objects, table.prefix, ack)
    result = run()

    assert result.records == 12
    assert list_acks(clients.objects, table.prefix) == [ack]
    assert [(g.number, g.name) for g in generations(clients.objects, table.prefix)] == [
        (0, old),
        (1, new),
    ]
    assert [line.offset for line in lines()] == [*range(10), *range(12)]
    assert run().summary == "nothing to do; frontier 0:12"


def test_an_ack_of_another_generation_does_not_help(produce, table, run, clients, delete_topic):
    produce(table.topic, records(3))
    run()
    delete_topic(table.topic)
    produce(table.topic, records(3))
    ack = generation_ack("another", reason="a typo", person="olena")
    write_ack(clients.objects, table.prefix, ack)
    with pytest.raises(TopicRecreated):
        run()


def test_a_topic_recreated_while_it_is_read_is_not_sealed(produce, table, run, keys, delete_topic):
    """The consumer itself goes on without an error: only the id tells."""
    produce(table.topic, records(30))
    done = []

    def recreate(progress) -> None:
        if not done:
            done.append(delete_topic(table.topic))
            produce(table.topic, records(30, word="new"))

    with pytest.raises(TopicRecreated, match="was recreated while it was read"):
        run(batch_records=10, on_progress=recreate)
    assert done
    assert keys() == {}


def test_a_topic_deleted_while_it_is_read_is_not_created_again(
    produce, table, run, keys, clients, delete_topic
):
    produce(table.topic, records(30))
    with pytest.raises(NotFound, match=table.topic):
        run(on_progress=lambda progress: delete_topic(table.topic))
    assert keys() == {}
    assert table.topic not in clients.reader.topics()


def test_without_topic_ids_generations_are_numbers(produce, table, run, lines, old_broker):
    produce(table.topic, records(10))
    assert run(reader=old_broker).generation == "0"
    produce(table.topic, records(5, first=10))
    assert run(reader=old_broker).records == 5
    assert [line.offset for line in lines()] == list(range(15))


def test_without_topic_ids_the_last_sealed_record_tells_a_recreated_topic(
    produce, table, run, keys, clients, delete_topic, old_broker
):
    produce(table.topic, records(10))
    run(reader=old_broker)
    before = keys()
    delete_topic(table.topic)
    produce(table.topic, records(25, word="new"))

    with pytest.raises(TopicRecreated, match="another record stands at 0:9") as caught:
        run(reader=old_broker)
    assert keys() == before
    assert "--generation 1 " in caught.value.hint

    ack = generation_ack("1", reason="rebuilt", person="olena")
    write_ack(clients.objects, table.prefix, ack)
    assert run(reader=old_broker).records == 25
    assert [(g.number, g.name) for g in generations(clients.objects, table.prefix)] == [
        (0, "0"),
        (1, "1"),
    ]


def test_without_topic_ids_a_shorter_topic_ends_below_the_frontier(
    produce, table, run, delete_topic, old_broker
):
    produce(table.topic, records(10))
    run(reader=old_broker)
    delete_topic(table.topic)
    produce(table.topic, records(4, word="new"))
    with pytest.raises(EndBelowFrontier, match=r"0:\[4,10\) are sealed") as caught:
        run(reader=old_broker)
    assert caught.value.exit_code == 6


def test_an_unknown_topic_names_what_exists_and_creates_nothing(produce, table, run, clients):
    near = f"{table.topic}X"
    produce(near, [])
    with pytest.raises(NotFound) as caught:
        run()
    assert f"did you mean '{near}'?" in caught.value.hint
    assert table.topic not in clients.reader.topics()


def test_an_unknown_bucket_names_what_exists_and_creates_nothing(
    produce, table, run, clients, settings
):
    produce(table.topic, records(3))
    existing = clients.objects.bucket
    clients.objects.bucket = f"{existing}x"
    with pytest.raises(NotFound) as caught:
        run()
    assert f"did you mean '{existing}'?" in caught.value.hint
    with pytest.raises(NotFound):
        clients.objects.check()


def test_nobody_listens_is_unreachable_soon(settings):
    reader = TopicReader(Kafka(bootstrap_servers="127.0.0.1:1"), timeout=1)
    with pytest.raises(Unreachable, match="refused") as caught:
        reader.topics()
    assert caught.value.exit_code == 4
