"""Writes the demo's events to its topic, as a Connect worker's producer would, and quickly."""

import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from bictl.clients.topic_connection import connection_options, open_admin
from bictl.clients.topic_errors import kafka_errors
from bictl.clients.topics import TopicReader
from bictl.local import plan
from bictl.local.changes import Round
from bictl.local.plan import Plan
from bictl.records import OnProgress, Progress, Stop, never_stop, no_progress
from bictl.settings import Kafka

_CHUNK = 2_000  # records that are under way at once, twice
_BATCH_BYTES = 4 * 1024 * 1024  # a batch is an object of the embedded broker


@dataclass(frozen=True)
class Published:
    """What one run of the demo wrote to partition 0: offsets [first, next) and their kinds.

    `resumed`: it finished the round of a run that was killed. `changes` counts ops (c, u, d).
    """

    topic: str
    first: int
    next: int
    snapshot_rows: int
    changes: dict[str, int]
    resumed: bool


def publish(
    reader: TopicReader,
    kafka: Kafka,
    *,
    directory: Path,
    topic: str,
    products: int,
    changes: int,
    on_progress: OnProgress = no_progress,
    stop: Stop = never_stop,
) -> Published:
    """The first time a snapshot of `products` rows and `changes` to them; later more changes, and
    inserts where `products` has grown. The topic is created where it is missing.

    `directory` keeps what was published. Raises Unreachable or TimedOut without an answer.
    """
    _create(kafka, topic)
    known = plan.load(directory, topic=topic, topic_id=reader.describe(topic).id)
    end = reader.offsets(topic, [0], known={0: known.first})[0].high
    resumed = bool(known.rounds) and end - known.first < known.size()
    if not resumed:
        known = known.then(_next_round(known, products, changes), first=end)
        plan.save(directory, known)
    done = _produce(kafka, known, skip=end - known.first, on_progress=on_progress, stop=stop)
    return Published(
        topic=topic,
        first=end,
        next=end + done,
        snapshot_rows=known.snapshot_rows(),
        changes=dict(Counter(change.op for change in known.changes())),
        resumed=resumed,
    )


def _next_round(known: Plan, products: int, changes: int) -> Round:
    before = known.rounds[-1].products if known.rounds else 0
    return Round(int(time.time() * 1000), max(before, products), changes)


def _create(kafka: Kafka, topic: str) -> None:
    from kafka.errors import TopicAlreadyExistsError

    with kafka_errors(f"create topic {topic}"), closing(open_admin(kafka, timeout=30)) as admin:
        if admin.describe_topics([topic])[0]["error_code"] == 0:
            return
        try:
            admin.create_topics({topic: {"num_partitions": 1, "replication_factor": 1}})
        except TopicAlreadyExistsError:
            return  # somebody else made it meanwhile


def _produce(kafka: Kafka, known: Plan, *, skip: int, on_progress: OnProgress, stop: Stop) -> int:
    """Produce the newest round's records after `skip`; how many. Two chunks are under way."""
    total, done, size = known.size() - skip, 0, 0
    events = known.events(skip=skip)
    pending: Any = None
    with kafka_errors(f"publish to {known.topic}"), closing(_producer(kafka)) as producer:
        while not stop() and (chunk := list(islice(events, _CHUNK))):
            last: Any = None
            for key, value, headers, timestamp in chunk:
                last = producer.send(
                    known.topic,
                    key=key,
                    value=value,
                    headers=headers,
                    timestamp_ms=timestamp,
                    partition=0,
                )
                size += len(key) + len(value or b"")
            if pending is not None:
                pending.get(timeout=60)
            pending, done = last, done + len(chunk)
            on_progress(Progress(stage="publish", done=done, total=total, bytes=size))
        producer.flush(timeout=60)
        if pending is not None:
            pending.get(timeout=60)
    return done


def _producer(kafka: Kafka) -> Any:
    from kafka import KafkaProducer

    return KafkaProducer(
        **connection_options(kafka, timeout=60),
        acks="all",
        compression_type="zstd",
        linger_ms=100,
        batch_size=_BATCH_BYTES,
        max_request_size=4 * _BATCH_BYTES,
        metrics_enabled=False,
    )
