"""The topic itself: recreated, unread, gone, repartitioned; on a topic of the fault's own."""

from contextlib import closing

from bed import send
from catalogue import Truth, fault
from facts import BATCH

INGEST = "bictl ingest --table product"
RUN = "bictl run --table product"


def admin(bed):
    from kafka.admin import KafkaAdminClient

    return closing(KafkaAdminClient(bootstrap_servers=bed.settings.kafka.bootstrap_servers))


def recreate(bed, count):
    """The topic anew, with `count` other records in partition 0."""
    from dataclasses import replace

    old = bed.life
    with admin(bed) as client:
        client.delete_topics([bed.table.topic])
        options = {"num_partitions": bed.facts.partitions, "replication_factor": 1}
        client.create_topics({bed.table.topic: options}, wait_for_metadata=True)
    records = [one for one in bed.facts.records.values() if one.partition == 0]
    send(bed.settings, [replace(one, offset=n) for n, one in enumerate((records * 9)[:count])])
    return Truth(state="loss", by=["K1"], said=f"what was read had {old}")


def accept(bed):
    """accept the new topic: bictl ack --generation ID, which K1 prints"""
    hint = next(c["hint"] for c in bed.verdict()["checks"] if c["id"] == "K1")
    words = hint.split()[1:]
    done = bed.bictl(*words[: words.index("--reason")], "--reason", "rebuilt", "--person", "ann")
    assert done.exit_code == 0, done


def carry_on(bed):
    """bictl run"""
    done = bed.bictl("run")
    assert done.exit_code in (0, 3), done


REPAIRED = (accept, carry_on)


@fault(
    "the topic is recreated, shorter than what was read",
    violates="K1 K2, failures 8",
    repair=REPAIRED,
    on="topic",
    level="quick",
)
def topic_recreated_shorter(bed):
    return recreate(bed, 3)


@fault(
    "the topic is recreated, exactly as long",
    violates="K1, failures 9",
    repair=REPAIRED,
    on="topic",
    level="quick",
)
def topic_recreated_as_long(bed):
    return recreate(bed, bed.facts.ends[0])


@fault(
    "the topic is recreated, already longer than the frontier",
    violates="K1, failures 9",
    repair=REPAIRED,
    on="topic",
    level="quick",
)
def topic_recreated_longer(bed):
    return recreate(bed, bed.facts.ends[0] + 25)


def recreate_empty(bed):
    """make the topic again"""
    recreate(bed, 5)


@fault(
    "the topic is deleted",
    violates="K1",
    repair=[recreate_empty, accept, carry_on],
    on="topic",
)
def topic_deleted(bed):
    with admin(bed) as client:
        client.delete_topics([bed.table.topic])
    return Truth(state="unknown", by=["K1", "K2", "K5"], said=bed.table.topic)


@fault(
    "records wait in the topic longer than they may",
    violates="K5 K6, failures 5",
    repair=[INGEST, carry_on],
    on="topic",
    level="quick",
)
def records_unread(bed):
    from dataclasses import replace

    end = bed.facts.ends[1]
    some = [one for one in bed.facts.records.values() if one.partition == 1][:7]
    send(bed.settings, [replace(one, offset=end + n) for n, one in enumerate(some)])
    return Truth(state="fail", by=["K5"], ranges=[(1, end, end + 7)])


@fault(
    "a partition was added and nobody reads it",
    violates="K5, failures 10",
    repair=[INGEST, carry_on],
    on="topic",
    level="quick",
)
def partition_added_unread(bed):
    from dataclasses import replace

    from kafka.admin import NewPartitions

    with admin(bed) as client:
        client.create_partitions({bed.table.topic: NewPartitions(3)})
    some = [one for one in bed.facts.records.values() if one.partition == 0][:4]
    send(bed.settings, [replace(one, partition=2, offset=n) for n, one in enumerate(some)])
    return Truth(state="fail", by=["K5"], ranges=[(2, 0, 4)])


@fault(
    "the waiting records are from the future: a producer's clock is ahead",
    violates="K6, failures 37",
    repair=[INGEST, carry_on],
    on="topic",
)
def producer_ahead(bed):
    from dataclasses import replace

    end = bed.facts.ends[0]
    some = [one for one in bed.facts.records.values() if one.partition == 0][:3]
    ahead = 86_400_000
    send(
        bed.settings,
        [
            replace(one, offset=end + n, timestamp=one.timestamp + ahead)
            for n, one in enumerate(some)
        ],
    )
    return Truth(state="unknown", by=["K6"], said="the oldest timestamp is in the future")


@fault(
    "records were sealed and never loaded",
    violates="B1",
    repair=["bictl load-bronze --table product", carry_on],
    on="topic",
)
def sealed_and_not_loaded(bed):
    from dataclasses import replace

    end = bed.facts.ends[1]
    some = [one for one in bed.facts.records.values() if one.partition == 1][:7]
    send(bed.settings, [replace(one, offset=end + n) for n, one in enumerate(some)])
    done = bed.bictl("ingest")
    assert done.exit_code == 0, done
    return Truth(state="fail", by=["B1"], ranges=[(1, end, end + 7)])


__all__ = ["BATCH"]
