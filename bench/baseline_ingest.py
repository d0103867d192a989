"""The way of the scripts that bictl replaces: poll, json.loads, json.dumps, PUT."""

import base64
import json
from collections.abc import Iterator
from contextlib import closing

from kafka import KafkaConsumer, TopicPartition


def ingest_by_parsing(servers: str, s3, bucket: str, topic: str, end: int, *, batch: int) -> int:
    """Reads partition 0 up to `end` into objects of `batch` records; how many records it wrote.

    It keeps what a batch of bictl keeps: topic, partition, offset, timestamp, key, value, headers.
    """
    written = 0
    for number, lines in enumerate(_batches(servers, topic, end, batch)):
        body = "".join(lines).encode()
        s3.put_object(Bucket=bucket, Key=f"baseline/{topic}/{number:06d}.jsonl", Body=body)
        written += len(lines)
    return written


def _batches(servers: str, topic: str, end: int, batch: int) -> Iterator[list[str]]:
    place = TopicPartition(topic, 0)
    lines: list[str] = []
    with closing(
        KafkaConsumer(bootstrap_servers=servers, enable_auto_commit=False, group_id=None)
    ) as consumer:
        consumer.assign([place])
        consumer.seek(place, 0)
        while consumer.position(place) < end:
            for record in consumer.poll(1000).get(place, ()):
                lines.append(_line(record))
                if len(lines) == batch:
                    yield lines
                    lines = []
    if lines:
        yield lines


def _line(record) -> str:
    event = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp,
        "key": None if record.key is None else json.loads(record.key),
        "value": None if record.value is None else json.loads(record.value),
        "headers": [[name, base64.b64encode(value).decode()] for name, value in record.headers],
    }
    return json.dumps(event, ensure_ascii=False) + "\n"
