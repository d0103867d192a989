"""A quick look: what it stands on, what it still sees, and what is no alarm for it."""

import json
import uuid

import pytest

from bictl.verify.present import as_memory
from bictl.verify.report import State

OLD = 1_715_680_000_000
KEY = json.dumps({"ID": 1}).encode()
VALUE = json.dumps(
    {"op": "c", "source": {"snapshot": "false", "ts_ms": 1}, "after": {"ID": 1}}
).encode()


def remember(pipeline):
    """A full verdict in the ledger of runs, as `bictl verify` leaves it."""
    report = pipeline.verify()
    assert report.complete
    pipeline.execute(
        "insert into bictl.run (run_id, command, arguments, version, host, pid, status,"
        " finished_at, exit_code, result)"
        " values (%s, 'verify', '{}', '0', 'here', 1, 'ok', now(), 0, %s)",
        str(uuid.uuid4()),
        json.dumps(as_memory(report)),
    )


def wrong(report):
    return {check.id for check in report.checks if check.state is not State.OK}


def test_a_quick_look_after_a_full_verdict_finds_nothing_amiss_when_nothing_is_new(pipeline):
    remember(pipeline)
    report = pipeline.verify(level="quick")
    assert (report.state, wrong(report)) == (State.OK, set())
    assert report.headline.startswith("verified through 0:115, 1:130 at ")


@pytest.mark.parametrize("part", [0, 1])
def test_a_quick_look_misses_the_newest_object_and_the_newest_rows(pipeline, part):
    remember(pipeline)
    newest = [key for key in pipeline.batches() if f"partition={part:05d}" in key][-1]
    covered = pipeline.manifest(newest).range
    pipeline.execute("delete from bronze.product_cdc where batch_file = %s", newest)
    lost = next(c for c in pipeline.verify(level="quick").checks if c.id == "B3")
    assert (lost.state, lost.missing.ranges) == (State.FAIL, (covered,))
    pipeline.objects.delete(newest)
    waiting = next(c for c in pipeline.verify(level="quick").checks if c.id == "K5")
    assert (waiting.state, waiting.missing.ranges) == (State.FAIL, (covered,))


def test_a_partition_that_is_new_since_the_full_verdict_is_no_alarm(empty_pipeline, write):
    write(empty_pipeline, [(KEY, VALUE, OLD, 0)] * 3, partitions=2)
    empty_pipeline.seal(0, 3)
    empty_pipeline.load()
    empty_pipeline.execute(
        "insert into bictl.run (run_id, command, arguments, version, host, pid,"
        " status, finished_at, exit_code, result) values (%s, 'verify', '{}', '0', 'here', 1, 'ok',"
        " now(), 0, %s)",
        str(uuid.uuid4()),
        json.dumps(
            {
                "table": "product",
                "topic": empty_pipeline.table.topic,
                "bronze": empty_pipeline.table.bronze,
                "complete": True,
                "frontiers": [
                    {"generation": empty_pipeline.generation(), "partition": 0, "next": 3}
                ],
            }
        ),
    )
    add(empty_pipeline, 2)
    empty_pipeline.seal(0, 2, partition=1)
    empty_pipeline.load()
    assert wrong(empty_pipeline.verify(level="quick")) == set()


def add(pipeline, count):
    from kafka import KafkaProducer

    servers = pipeline.settings.kafka.bootstrap_servers
    producer = KafkaProducer(bootstrap_servers=servers)
    for _ in range(count):
        producer.send(pipeline.table.topic, key=KEY, value=VALUE, timestamp_ms=OLD, partition=1)
    producer.flush(30)
    producer.close()


def test_a_newest_object_without_records_is_nothing_to_be_unsure_of(empty_pipeline, write):
    """As aborted transactions leave it behind."""
    write(empty_pipeline, [(KEY, VALUE, OLD, 0)] * 4)
    empty_pipeline.seal(0, 3)
    empty_pipeline.seal(3, 4, offsets=[])
    empty_pipeline.load()
    empty_pipeline.embed()
    remember(empty_pipeline)
    assert wrong(empty_pipeline.verify(level="quick")) == set()


def test_a_quick_look_takes_a_legal_gap_for_no_loss(empty_pipeline, write):
    write(empty_pipeline, [(KEY, VALUE, OLD, 0)] * 10)
    empty_pipeline.seal(0, 10, offsets=[0, 1, 2, 5, 9])
    empty_pipeline.load()
    assert wrong(empty_pipeline.verify(level="quick")) == {"M3"}
