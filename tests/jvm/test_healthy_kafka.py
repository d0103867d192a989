"""No false alarm about what only a real Kafka does: transactions, compaction, retention, partitions
that are added; with and without writers.
"""

import dataclasses
import secrets
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from kafka import KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from pipelines import OLD
from scenes import Scene, Written, envelope, making, now_ms
from variations import Variations, alarms, assert_calm, parameters

from bictl.clients import Clients
from bictl.ingest.acknowledge import acknowledge
from bictl.records import Range
from bictl.settings import Connect, Settings, Source, SqlServer

pytestmark = [pytest.mark.jvm, pytest.mark.timeout(300)]
found = Variations([])
legal = found.legal
COMPACTED = {
    "cleanup_policy": "compact",
    "segment_ms": 100,
    "min_cleanable_dirty_ratio": "0.01",
    "max_compaction_lag_ms": 100,
}


class KafkaScene(Scene):
    """On a broker that keeps what is old, unless a scene says otherwise."""

    def create(self, partitions: int | None = None, **configs: object) -> None:
        super().create(partitions, **{"retention_ms": -1, **configs})


def until(condition, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the broker did not do it in time"
        time.sleep(0.1)


# Transactions ------------------------------------------------------------------------------------


@contextmanager
def transactions(scene: Scene) -> Iterator[KafkaProducer]:
    """A producer of transactions."""
    servers = scene.pipeline.settings.kafka.bootstrap_servers
    name = f"tx-{secrets.token_hex(6)}"
    with closing(KafkaProducer(bootstrap_servers=servers, transactional_id=name)) as producer:
        producer.init_transactions()
        yield producer


def begin(scene: Scene, producer: KafkaProducer, records: list[Written]) -> None:
    """Records in a transaction that is open."""
    producer.begin_transaction()
    sent = [
        producer.send(scene.topic, key=key, value=value, timestamp_ms=at, partition=partition)
        for key, value, at, partition in records
    ]
    producer.flush()
    for future in sent:
        future.get(timeout=30)


def phantoms(scene: Scene, count: int, *, at: int = OLD) -> list[Written]:
    """Changes that never come to pass."""
    row = {"ID": 1, "Name": "never", "VendorCode": None, "Description": None}
    event = envelope(row, "u", lsn=9_999_999)
    return [(b'{"ID":1}', event, at, n % scene.partitions) for n in range(count)]


def transact(scene: Scene, producer: KafkaProducer) -> None:
    """A transaction of either end."""
    if scene.chance.random() < 0.5:
        begin(scene, producer, scene.traffic(scene.chance.randint(1, 8)))
        producer.commit_transaction()
    else:
        begin(scene, producer, phantoms(scene, scene.chance.randint(1, 6)))
        producer.abort_transaction()


@legal("transactions", times=6)
def some_are_committed_and_some_aborted(scene: Scene) -> None:
    scene.create()
    scene.batch_records = scene.chance.choice([1, 3, 7])
    with transactions(scene) as producer:
        for _ in range(10):
            transact(scene, producer)
            if scene.chance.random() < 0.3:
                scene.settle()
    scene.settle()

    def again(own: Clients) -> None:
        with transactions(scene) as producer:
            begin(scene, producer, phantoms(scene, 3, at=now_ms()))
            producer.abort_transaction()

    scene.beside.append(again)


@legal("transactions")
def the_newest_are_aborted(scene: Scene) -> None:
    """The topic ends with what nobody will ever read."""
    scene.live(20)
    with transactions(scene) as producer:
        begin(scene, producer, phantoms(scene, scene.chance.randint(1, 9)))
        producer.abort_transaction()
    if scene.chance.random() < 0.5:
        scene.settle()  # a batch without records


@legal("open transactions")
def one_is_open_and_then_committed(scene: Scene) -> None:
    scene.live(20)
    with transactions(scene) as producer:
        begin(scene, producer, scene.traffic(5, at=None))  # K8 tells its age by its records
        scene.send(scene.change(900, "c"))
        scene.settle()
        for level in ("default", "deep", "quick"):
            assert alarms(scene.verify(level)) == {}
        producer.commit_transaction()
    scene.settle()


@legal("open transactions")
def one_is_open_and_then_aborted(scene: Scene) -> None:
    scene.live(20)
    with transactions(scene) as producer:
        begin(scene, producer, phantoms(scene, 4, at=now_ms()))
        scene.send(scene.traffic(5))
        scene.settle()
        for level in ("default", "deep", "quick"):
            assert alarms(scene.verify(level)) == {}
        producer.abort_transaction()
    scene.settle()


# Compaction --------------------------------------------------------------------------------------


def rewritten(scene: Scene) -> bool:
    """Whether the cleaner has been in partition 0."""
    first = scene.pipeline.clients.reader.first_after(scene.topic, 0, 0)
    return first is not None and first.offset > 0


def same_keys(scene: Scene, turns: int = 4) -> None:
    """The same few keys over and over, the newest record in a segment of its own."""
    for turn in range(turns):
        at = now_ms()
        again = scene.change(0, "u" if 0 in scene.rows else "c", name=f"turn {turn}", at=at)
        scene.send([*again, *scene.traffic(8, keys=4, at=at)])
        until(lambda at=at: now_ms() > at + 150)  # a segment ends by its records' time
    for number in range(4):
        op = "u" if number in scene.rows else "c"
        scene.send(scene.change(number, op, name="the last one", at=now_ms()))


@legal("compaction", times=2)
def it_came_before_reading(scene: Scene) -> None:
    scene.create(2, **COMPACTED)
    same_keys(scene)
    until(lambda: rewritten(scene))
    scene.settle()


@legal("compaction")
def it_came_after_reading(scene: Scene) -> None:
    scene.create(2, **COMPACTED)
    same_keys(scene)
    scene.settle()
    same_keys(scene)
    until(lambda: rewritten(scene))
    if scene.chance.random() < 0.5:
        scene.settle()
    else:
        scene.ingest()
        scene.load()
        scene.embed()


# Retention ---------------------------------------------------------------------------------------


def discard(scene: Scene, *, all_: bool = False) -> None:
    """DeleteRecords below what was read, in each partition."""
    reader = scene.pipeline.clients.reader
    ends = reader.offsets(scene.topic, range(scene.partitions))
    below = {
        TopicPartition(scene.topic, partition): one.stable
        if all_
        else scene.chance.randint(0, one.stable)
        for partition, one in ends.items()
    }
    with scene.admin() as admin:
        admin.delete_records(below)


@legal("retention", times=6)
def what_was_read_is_discarded(scene: Scene) -> None:
    scene.live(60)
    discard(scene)
    if scene.chance.random() < 0.5:
        scene.send(scene.traffic(10))
        scene.settle()
        discard(scene)


@legal("retention")
def everything_that_was_read_is_discarded(scene: Scene) -> None:
    scene.live(60)
    discard(scene, all_=True)


@legal("retention", times=2, writers=False)
def segments_pass_their_time(scene: Scene) -> None:
    """The broker's own retention, not a person's; it begins when everything was read."""
    scene.live(40)
    reader = scene.pipeline.clients.reader
    shorter = {"retention.ms": "500", "segment.ms": "200"}
    with scene.admin() as admin:
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, scene.topic, shorter)])
    until(lambda: reader.offsets(scene.topic, [0])[0].start > 0)


@legal("retention", writers=True, times=3)
def it_is_discarded_while_verify_looks(scene: Scene) -> None:
    scene.live(60)
    frontier = scene.pipeline.clients.reader.offsets(scene.topic, [0])[0].stable
    state = {"at": 0}

    def again(own: Clients) -> None:
        state["at"] = min(state["at"] + 1, frontier)
        with scene.admin() as admin:
            admin.delete_records({TopicPartition(scene.topic, 0): state["at"]})

    scene.beside.append(again)


@legal("accepted loss", times=6)
def a_loss_is_acknowledged(scene: Scene) -> None:
    """Discarded before it was read; the source's rows of it come again."""
    scene.create(1)
    scene.send(scene.traffic(30))
    scene.settle()
    frontier = scene.pipeline.clients.reader.offsets(scene.topic, [0])[0].stable
    number = 800
    lost = scene.chance.randint(1, 9)
    for _ in range(lost):
        scene.send(scene.change(number, "u" if number in scene.rows else "c"))
    scene.send(scene.change(number, "u"))
    with scene.admin() as admin:
        admin.delete_records({TopicPartition(scene.topic, 0): frontier + lost})
    acknowledge(
        scene.pipeline.clients.reader,
        scene.pipeline.objects,
        table=scene.pipeline.table,
        ranges=[Range(0, frontier, frontier + lost)],
        reason="retention",
        person="olena",
    )
    scene.settle()


@legal("accepted loss")
def a_late_beginning_is_acknowledged(scene: Scene) -> None:
    scene.create(1)
    for number in range(10):
        scene.send(scene.change(number, "c"))
    gone = scene.chance.randint(1, 9)
    with scene.admin() as admin:
        admin.delete_records({TopicPartition(scene.topic, 0): gone})
    for number in range(gone):
        del scene.rows[number]
    scene.settle()
    acknowledge(
        scene.pipeline.clients.reader,
        scene.pipeline.objects,
        table=scene.pipeline.table,
        ranges=[Range(0, 0, gone)],
        reason="before our time",
        person="olena",
    )


# Partitions --------------------------------------------------------------------------------------


@legal("partitions", times=6)
def some_are_added(scene: Scene) -> None:
    """Keys move: what comes after stands in other partitions."""
    scene.create(1)
    scene.send(scene.traffic(30))
    scene.settle()
    for count in range(2, 2 + scene.chance.randint(1, 3)):
        with scene.admin() as admin:
            admin.create_partitions({scene.topic: count})
        reader = scene.pipeline.clients.reader
        until(
            lambda count=count, reader=reader: len(reader.describe(scene.topic).partitions) == count
        )
        assert alarms(scene.verify()) == {}
        scene.partitions = count
        scene.homes = {}
        scene.close()  # the producer knows the old ones only
        for number in scene.chance.sample(range(40), 20):
            op = scene.chance.choice("ud") if number in scene.rows else "c"
            scene.send(scene.change(number, op, at=OLD + scene.lsn))
        scene.settle()


# -------------------------------------------------------------------------------------------------

SAMPLE = {
    "transactions-some_are_committed_and_some_aborted-writers1",
    "open_transactions-one_is_open_and_then_committed-alone0",
    "retention-what_was_read_is_discarded-alone0",
    "accepted_loss-a_loss_is_acknowledged-alone0",
    "partitions-some_are_added-alone0",
}


def without_source(settings: Settings) -> Settings:
    """Nobody captures anything: source and connector are out of scope."""
    return dataclasses.replace(settings, connect=Connect(), source=Source(), sqlserver=SqlServer())


@pytest.fixture
def new_scene(shared, prepared, new_settings, fixture_records):
    """`new_scene(chance)`: a fresh pipeline on the real Kafka, dropped afterwards."""
    of = (shared, prepared, new_settings, fixture_records)
    with making(*of, kind=KafkaScene, change=without_source) as make:
        yield make


@pytest.mark.parametrize("variation", parameters(found.all, sample=SAMPLE))
def test_what_kafka_may_do_is_no_alarm(variation, new_scene):
    assert_calm(variation, new_scene)
