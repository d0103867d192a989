"""Kafka, one record at a time: what a connector is told through a topic."""

from contextlib import closing

from bictl.clients.awaited import awaiting
from bictl.clients.topic_connection import open_producer
from bictl.clients.topic_errors import kafka_errors
from bictl.settings import Kafka


def write_record(
    kafka: Kafka, topic: str, *, partition: int, key: bytes, value: bytes, timeout: float
) -> int:
    """Writes one record to a topic that exists, once, and returns its offset.

    Raises Unreachable, TimedOut or AccessDenied; after a TimedOut the record may be there.
    """
    where = f"Kafka at {kafka.bootstrap_servers}"
    producer = open_producer(kafka, timeout=timeout)
    with closing(producer), awaiting(where), kafka_errors(f"write to {topic} at {where}"):
        sent = producer.send(topic, key=key, value=value, partition=partition)
        return int(sent.get(timeout=timeout).offset)
