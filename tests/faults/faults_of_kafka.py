"""What only a real Kafka, a real Connect and a live source can show."""

import time
from contextlib import closing
from dataclasses import replace

from bed import send
from catalogue import Truth, a_person, fault
from faults_of_topics import carry_on
from hanging import abort_hanging, begin_hanging
from kafka import KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka.admin import KafkaAdminClient

RUN = "bictl run"


def servers(bed):
    return bed.settings.kafka.bootstrap_servers


def more(bed, count, partition=1):
    """More records behind the partition's end; where the first of them stands."""
    end = bed.facts.ends[partition]
    some = [one for one in bed.facts.records.values() if one.partition == partition]
    send(bed.settings, [replace(one, offset=end + n) for n, one in enumerate((some * 9)[:count])])
    return end


def discard(bed, partition, before):
    """Kafka forgets what stands before an offset, as retention does."""
    with closing(KafkaAdminClient(bootstrap_servers=servers(bed))) as admin:
        admin.delete_records({TopicPartition(bed.table.topic, partition): before})


def acknowledge_loss(bed):
    """bictl ack --range, by a person"""
    hint = next(c["hint"] for c in bed.verdict()["checks"] if c["id"] == "K4")
    found = hint.partition("--range '")[2].partition("'")[0]
    words = ("--range", found, "--reason", "retention", "--person", "ann")
    done = bed.bictl("ack", "--table", "product", *words)
    assert done.exit_code == 0, done


@fault(
    "retention passed the frontier",
    violates="K4, failures 7",
    repair=[acknowledge_loss, carry_on],
    on="jvm",
    level="quick",
)
def retention_passed_the_frontier(bed):
    end = more(bed, 12)
    discard(bed, 1, end + 5)
    return Truth(state="loss", by=["K4"], ranges=[(1, end, end + 5)])


def put_back(bed):
    key = next(key for key in bed.listed() if "/partition=00000/" in key)
    bed.write(key.replace("partition=00000", "partition=00001"), *bed.get("_kept"))


@fault(
    "an object is gone whose records Kafka has discarded: nobody has them",
    violates="O2 K4, failures 32",
    repair=[a_person("restore the object from the bucket's backup", put_back)],
    on="jvm",
)
def object_gone_for_good(bed):
    key = next(key for key in bed.listed() if "/partition=00001/" in key)
    bed.write("_kept", *bed.get(key))
    bed.remove(key)
    discard(bed, 1, bed.facts.ends[1])
    return Truth(state="loss", by=["O3"], keys=[key])


def set_topic(bed, **settings):
    """Other settings of the topic."""
    from kafka.admin import ConfigResource, ConfigResourceType

    with closing(KafkaAdminClient(bootstrap_servers=servers(bed))) as admin:
        named = {name.replace("_", "."): str(value) for name, value in settings.items()}
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, bed.table.topic, named)])


def keep_long(bed):
    set_topic(bed, retention_ms=604_800_000, segment_ms=604_800_000, cleanup_policy="delete")


@fault(
    "the topic forgets within the hour, and records wait",
    violates="K7",
    repair=[a_person("give the topic its retention back", keep_long), carry_on],
    on="jvm",
    level="quick",
)
def retention_near(bed):
    end = more(bed, 4)
    set_topic(bed, retention_ms=3_700_000, segment_ms=3_600_000)
    return Truth(state="fail", by=["K7"], ranges=[(1, end, end + 4)])


@fault(
    "the topic is compacted at once: history is thinned before it is read",
    violates="K9",
    repair=[a_person("delete again, do not compact", keep_long)],
    on="jvm",
)
def topic_compacted(bed):
    set_topic(bed, cleanup_policy="compact")
    return Truth(state="warn", by=["K9"], said="compact")


@fault(
    "the committed position lies beyond the frontier",
    violates="K3, failures 6",
    repair=[a_person("commit the frontier", lambda bed: commit(bed, bed.facts.ends[1]))],
    on="jvm",
    level="quick",
)
def committed_ahead(bed):
    end = bed.facts.ends[1]
    commit(bed, end + 3)
    return Truth(state="fail", by=["K3"], ranges=[(1, end, end + 3)])


def commit(bed, offset):
    with closing(
        KafkaConsumer(
            bootstrap_servers=servers(bed),
            group_id=bed.settings.kafka.group,
            enable_auto_commit=False,
        )
    ) as consumer:
        place = TopicPartition(bed.table.topic, 1)
        consumer.assign([place])
        consumer.commit({place: OffsetAndMetadata(offset, "", -1)})


def forget(bed):
    key = bed.key(1, bed.facts.ends[1])
    bed.remove(key)
    bed.execute("delete from bictl.object_ledger where object_key = %s", key)
    bed.execute("delete from bronze.product_cdc where batch_file = %s", key)


@fault(
    "records of an aborted transaction were sealed and loaded as if they were real",
    violates="K10, failures 11",
    level="deep",
    repair=[
        a_person("delete the object and what it brought", forget),
        "bictl ingest --table product --fill",
        carry_on,
    ],
    on="jvm",
)
def aborted_records_sealed(bed):
    """What a reader without read_committed does."""
    end = bed.facts.ends[1]
    with closing(
        KafkaProducer(bootstrap_servers=servers(bed), transactional_id=bed.table.topic)
    ) as producer:
        producer.init_transactions()
        producer.begin_transaction()
        some = [one for one in bed.facts.records.values() if one.partition == 1][:3]
        for one in some:
            producer.send(
                bed.table.topic,
                key=one.key,
                value=one.value,
                partition=1,
                timestamp_ms=one.timestamp,
            )
        producer.flush()
        producer.abort_transaction()
    records = [replace(one, offset=end + number, headers=()) for number, one in enumerate(some)]
    bed.seal_records(records, end, end + 4, partition=1, generation=bed.generation(), number=0)
    bed.bictl("load-bronze")
    bed.bictl("embed")
    return Truth(state="loss", by=["K10"], ranges=[(1, end, end + 3)])


@fault(
    "a transaction was begun, and its coordinator forgot it",
    violates="K8, failures 12",
    repair=[
        a_person("abort it", lambda bed: abort_hanging(servers(bed), bed.table.topic, 1)),
        carry_on,
    ],
    on="jvm",
)
def transaction_hangs(bed):
    end = bed.facts.ends[1]
    one = next(one for one in bed.facts.records.values() if one.partition == 1)
    old = one.timestamp - 60_000  # an hour ago
    record = {"key": one.key, "value": one.value, "partition": 1, "timestamp_ms": old}
    begin_hanging(servers(bed), bed.table.topic, [record])
    return Truth(state="fail", by=["K8"], ranges=[(1, end, end + 1)])


@fault(
    "a partition was added and nobody reads it",
    violates="K5, failures 10",
    repair=["bictl ingest --table product", carry_on],
    on="jvm",
    level="quick",
)
def partition_added_unread(bed):
    with closing(KafkaAdminClient(bootstrap_servers=servers(bed))) as admin:
        admin.create_partitions({bed.table.topic: 3})
    deadline = time.monotonic() + 60
    while len(bed.clients.reader.describe(bed.table.topic).partitions) < 3:
        assert time.monotonic() < deadline, "the broker did not add it in time"
        time.sleep(0.1)
    some = [one for one in bed.facts.records.values() if one.partition == 0][:4]
    send(bed.settings, [replace(one, partition=2, offset=n) for n, one in enumerate(some)])
    return Truth(state="fail", by=["K5"], ranges=[(2, 0, 4)])
