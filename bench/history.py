"""A table with a past in a topic: a snapshot of its rows, then changes, as many records as wanted.

Both wire shapes, the same records: with inline schemas (about 7 kB each) and without.
"""

import multiprocessing
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import chain, islice

from bictl.local.catalogue import Catalogue
from bictl.local.changes import Round, snapshot, stream
from bictl.local.events import Event, events
from bictl.settings import Settings

PRODUCTS = 61_443
WEEK = 7 * 86_400_000  # milliseconds
_ROUND = 50_000  # changes that are in memory at a time


def publish(
    settings: Settings, topic: str, records: int, *, shape: str = "wrapped", broken: int = 0
) -> None:
    """Fills the topic in a process of its own: a child's peak memory begins with its parent's.

    One record in `broken` is no JSON.
    """
    process = multiprocessing.get_context("spawn").Process(
        target=_publish, args=(settings, topic, records, shape, broken)
    )
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(f"publishing ended with {process.exitcode}")


def history(topic: str, records: int) -> Iterator[Event]:
    """The records: the first 61,443 of them are a snapshot."""
    products = min(PRODUCTS, records)
    rounds = 1 + max(0, records - products) // _ROUND
    size = Round(started=int(time.time() * 1000) - WEEK, products=products, changes=_ROUND)
    catalogue = Catalogue()
    changes = chain(
        snapshot(catalogue, size),
        (change for some in stream(catalogue, [size] * rounds) for change in some),
    )
    return islice((event for change in changes for event in events(change, topic)), records)


def plain(raw: bytes | None) -> bytes | None:
    """The record as JsonConverter writes it with schemas.enable=false."""
    if raw is None:
        return None
    return raw[raw.index(b',"payload":') + len(b',"payload":') : -1]


def _publish(settings: Settings, topic: str, records: int, shape: str, broken: int) -> None:
    from kafka import KafkaProducer
    from kafka.admin import KafkaAdminClient

    servers = settings.kafka.bootstrap_servers
    with closing(KafkaAdminClient(bootstrap_servers=servers)) as admin:
        options = {"num_partitions": 1, "replication_factor": 1}
        admin.create_topics({topic: options}, wait_for_metadata=True)
    opened = plain if shape == "plain" else bytes
    with closing(
        KafkaProducer(
            bootstrap_servers=servers, linger_ms=50, batch_size=4 << 20, max_request_size=64 << 20
        )
    ) as producer:
        for number, event in enumerate(history(topic, records), 1):
            value = event.value and opened(event.value)
            if broken and value and number % broken == 0:
                value = value[:-1]
            producer.send(
                topic,
                key=opened(event.key),
                value=value,
                headers=event.headers,
                timestamp_ms=event.timestamp,
            )
        producer.flush(120)
