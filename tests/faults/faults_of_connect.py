"""The connector that writes the topic: by answers that a real worker once gave."""

import json
from contextlib import closing

from catalogue import Truth, a_person, fault
from connect_replay import Replay, saved

NAME = "product-connector"
QUEUE = "product.refused"
SAFE = {  # what `bictl cdc check` finds nothing against
    "database.password": "${env:PW}",
    "key.converter": "JsonConverter",
    "key.converter.replace.null.with.default": "false",
    "value.converter": "JsonConverter",
    "value.converter.replace.null.with.default": "false",
}
OVERVIEW = "/connectors?expand=status&expand=info"


def configuration(bed, **keys):
    """A connector's that writes the bed's topic."""
    prefix, schema, table = bed.table.topic.rsplit(".", 2)
    own = {"topic.prefix": prefix, "table.include.list": f"{schema}.{table}"}
    named = {name.replace("_", "."): value for name, value in keys.items()}
    return saved("connector_info")["body"]["config"] | SAFE | own | named


def answer(bed, status="status_running", **keys):
    """The worker says this of its one connector, from now on."""
    if not hasattr(bed, "worker"):
        bed.worker = bed.ends.enter_context(closing(Replay()))
        bed.given["BICTL_CONNECT_URL"] = bed.worker.url
    bed.worker.answers.clear()
    config = configuration(bed, **keys)
    bed.worker.connector(status, config=config, topic=bed.table.topic, name=NAME)


@fault(
    "a task of the connector has failed",
    violates="C1",
    repair=[a_person("correct the transformation, bictl cdc restart", answer)],
)
def connector_task_failed(bed):
    answer(bed, "status_failed_smt")
    return Truth(state="fail", by=["C1"], said=f"{NAME}: 1 of 1 tasks FAILED: ")


@fault(
    "the connector runs and has no task",
    violates="C1",
    repair=[a_person("bictl cdc restart", answer)],
)
def connector_without_a_task(bed):
    answer(bed, "status_just_created")
    return Truth(state="fail", by=["C1"], said="RUNNING without a task")


@fault("the connector is paused", violates="C1", repair=[a_person("bictl cdc resume", answer)])
def connector_paused(bed):
    answer(bed, "status_paused")
    return Truth(state="warn", by=["C1"], said=f"{NAME}: PAUSED by a person")


@fault("the connector is stopped", violates="C1", repair=[a_person("bictl cdc resume", answer)])
def connector_stopped(bed):
    answer(bed, "status_stopped")
    return Truth(state="warn", by=["C1"], said=f"{NAME}: STOPPED by a person")


@fault(
    "the connector was deleted: nobody writes the topic",
    violates="C1",
    repair=[a_person("bictl cdc apply", answer)],
)
def connector_missing(bed):
    answer(bed)
    bed.worker.answers.clear()
    bed.worker.give("connectors_empty")
    return Truth(
        state="warn", by=["C1"], said=f"no connector of the worker writes {bed.table.topic}"
    )


def start_worker(bed):
    """start the worker"""
    bed.given["BICTL_CONNECT_URL"] = bed.worker.url


@fault("the worker does not answer", violates="C1", repair=[start_worker])
def worker_away(bed):
    answer(bed)
    bed.given["BICTL_CONNECT_URL"] = "http://127.0.0.1:1"
    return Truth(state="unknown", by=["C1", "C2", "C3"], said="127.0.0.1:1")


@fault(
    "the connector drops what it cannot convert",
    violates="C2",
    repair=[a_person("correct its file, bictl cdc apply", answer)],
)
def connector_drops_records(bed):
    answer(bed, errors_tolerance="all")
    return Truth(state="warn", by=["C2"], said=f"{NAME}: errors.tolerance: all")


@fault(
    "the connector does not capture deletions",
    violates="C2",
    repair=[a_person("correct its file, bictl cdc apply", answer)],
)
def connector_skips_deletions(bed):
    answer(bed, skipped_operations="d")
    return Truth(state="warn", by=["C2"], said=f"{NAME}: skipped.operations: deletes are not")


def queues(bed):
    return f"{QUEUE}.{bed.settings.s3.bucket}"


def forget_the_queue(bed):
    """see to the records, then delete them from the queue"""
    from kafka.admin import KafkaAdminClient

    servers = bed.settings.kafka.bootstrap_servers
    with closing(KafkaAdminClient(bootstrap_servers=servers)) as admin:
        admin.delete_topics([queues(bed)])


@fault(
    "a sink that reads the topic has put records aside",
    violates="C3",
    repair=[forget_the_queue],
)
def dead_letters(bed):
    from kafka import KafkaProducer

    answer(bed)
    key = "errors.deadletterqueue.topic.name"
    sink = {
        "status": saved("status_running")["body"] | {"name": "sink", "type": "sink"},
        "info": saved("connector_info")["body"]
        | {
            "name": "sink",
            "type": "sink",
            "config": {"connector.class": "x.Sink", "topics": bed.table.topic, key: queues(bed)},
        },
    }
    [(_, _, body)] = bed.worker.answers.pop(OVERVIEW)
    bed.worker.say(OVERVIEW, 200, json.loads(body) | {"sink": sink})
    servers = bed.settings.kafka.bootstrap_servers
    with closing(KafkaProducer(bootstrap_servers=servers)) as producer:
        for one in list(bed.facts.records.values())[:3]:
            producer.send(queues(bed), key=one.key, value=one.value)
        producer.flush(30)
    return Truth(state="fail", by=["C3"], keys=[queues(bed)], said=f"3 records in {queues(bed)}")
