"""The topic itself: recreated, unread, gone, repartitioned; on a topic of the fault's own."""

import json
import time
from contextlib import closing
from dataclasses import replace

from bed import send
from catalogue import Truth, a_person, fault
from facts import BATCH
from faults_of_connect import answer

INGEST = "bictl ingest --table product"
RUN = "bictl run --table product"


def admin(bed):
    from kafka.admin import KafkaAdminClient

    return closing(KafkaAdminClient(bootstrap_servers=bed.settings.kafka.bootstrap_servers))


def recreate(bed, count):
    """The topic anew, with `count` other records in partition 0."""
    old = bed.life
    with admin(bed) as client:
        if bed.table.topic in client.list_topics():
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
    end = bed.facts.ends[1]
    some = [one for one in bed.facts.records.values() if one.partition == 1][:7]
    send(bed.settings, [replace(one, offset=end + n) for n, one in enumerate(some)])
    return Truth(state="fail", by=["K5"], ranges=[(1, end, end + 7)])


@fault(
    "the waiting records are from the future: a producer's clock is ahead",
    violates="K6, failures 37",
    repair=[INGEST, carry_on],
    on="topic",
)
def producer_ahead(bed):
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
    end = bed.facts.ends[1]
    some = [one for one in bed.facts.records.values() if one.partition == 1][:7]
    send(bed.settings, [replace(one, offset=end + n) for n, one in enumerate(some)])
    done = bed.bictl("ingest")
    assert done.exit_code == 0, done
    return Truth(state="fail", by=["B1"], ranges=[(1, end, end + 7)])


# What the records themselves say -----------------------------------------------------------------


def live(bed, partition=0):
    """The records that say what is there, of one partition, in the order of their keys."""
    return [one for _, one in sorted(bed.facts.live.items()) if one.partition == partition]


def write(bed, records, partition=0):
    """Sends records behind the partition's end and carries them all the way; where they begin."""
    end = bed.ends_at.get(partition, bed.facts.ends[partition])
    send(bed.settings, [replace(one, offset=end + n) for n, one in enumerate(records)])
    bed.ends_at[partition] = end + len(records)
    carry_on(bed)
    return end


def edited(one, change):
    """The record with another value."""
    value = json.loads(one.value)
    change(value)
    return replace(one, value=json.dumps(value).encode())


def snapshot_row(one, mark):
    """The row as a snapshot reads it."""

    def read(value):
        event = value["payload"]
        event["op"], event["source"]["snapshot"] = "r", mark

    return edited(one, read)


def end_the_snapshot(bed):
    """bictl cdc restart: the connector begins it anew"""
    first, *rest, last = live(bed)
    marked = [(first, "first_in_data_collection"), *((one, "true") for one in rest), (last, "last")]
    write(bed, [snapshot_row(*one) for one in marked])


@fault(
    "the connector's snapshot broke off in the middle",
    violates="C4",
    repair=[end_the_snapshot],
    on="topic",
)
def snapshot_broke_off(bed):
    first, second, *_ = live(bed)
    marked = [(first, "first"), (second, "true")]
    end = write(bed, [snapshot_row(*one) for one in marked])
    return Truth(state="fail", by=["C4"], ranges=[(0, end, end + 1)])


def committed(one, at):
    """The record of a change that was committed then, and was at once in Kafka."""

    def stamp(value):
        value["payload"]["source"] |= {"ts_ms": at, "snapshot": "false"}

    return replace(edited(one, stamp), timestamp=at)


def more_traffic(bed):
    """let the stages run as often as was promised"""
    now = int(time.time() * 1000)
    write(bed, [committed(one, now) for one in live(bed)] * 100)


@fault(
    "records take longer than was promised",
    violates="M7",
    repair=[more_traffic],
    on="topic",
)
def records_late(bed):
    bed.given["BICTL_VERIFY_MAX_LATENCY"] = str(3 * 3_600)
    late = int(time.time() * 1000) - 12 * 3_600_000
    write(bed, [committed(one, late) for one in live(bed)])
    return Truth(state="fail", by=["M7"], said="records are late")


def default_of(value, name, default):
    """The column has a default in the record's own schema."""
    for part in value["schema"]["fields"]:
        for field in part.get("fields", ()):
            if part["field"] in ("before", "after") and field["field"] == name:
                field["default"] = default


def keep_nulls(bed):
    """in the connector value.converter.replace.null.with.default=false, and the row once more"""

    def correct(value):
        default_of(value, "VendorCode", "none")
        value["payload"]["after"]["VendorCode"] = None

    write(bed, [edited(live(bed)[0], correct)])


@fault(
    "a NULL of the source came as the column's default",
    violates="T8",
    repair=[a_person("bictl cdc apply with that setting", answer), keep_nulls],
    on="topic",
)
def null_came_as_default(bed):
    def replaced(value):
        default_of(value, "VendorCode", "none")
        value["payload"]["after"]["VendorCode"] = "none"

    write(bed, [edited(live(bed)[0], replaced)])
    return Truth(state="warn", by=["T8"], said="VendorCode")


def leave_it(bed):
    """nothing: the sealed object has every byte, and a person decides which value is meant"""


@fault(
    "a record's JSON has a name twice",
    violates="B12, failures 20",
    repair=[leave_it],
    leaves=["B12"],
    level="deep",
    on="topic",
)
def name_twice(bed):
    one = live(bed)[0]
    value = one.value.rstrip()[:-1] + b', "note": 1, "note": 2}'
    end = write(bed, [replace(one, value=value)])
    return Truth(state="warn", by=["B12"], ranges=[(0, end, end + 1)])


__all__ = ["BATCH"]
