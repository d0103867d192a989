"""What the takeover tests share: the scripts' platform, and bictl's own way over it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from ingested import delete_topic, sealed_lines
from old_platform import OldPlatform

from bictl import pipeline
from bictl.clients import Clients
from bictl.ingest import chain
from bictl.settings import Settings

__all__ = ["delete_topic"]


@dataclass
class Taking:
    """One table's takeover."""

    settings: Settings
    clients: Clients

    @property
    def table(self):
        return self.settings.table("product")

    def work(self, **options: object) -> pipeline.Work:
        return pipeline.Work(clients=self.clients, settings=self.settings, run="test", **options)

    def migrate(self, choice: str | None = None, **options: object) -> pipeline.Forward:
        return pipeline.bring_forward(self.work(**options), [self.table], choice=choice)

    def load(self):
        return pipeline.load_bronze(self.work(), self.table)

    def ingest(self, **options: object):
        return pipeline.ingest(self.work(), self.table, **options)

    def verify(self, **options: object):
        return pipeline.verify(self.work(), self.table, **options)

    def lines(self) -> list:
        return sealed_lines(self.clients, self.table)

    def generation(self) -> str:
        return self.clients.reader.describe(self.table.topic).id

    def chain(self, generation: str | None = None, partition: int = 0) -> list[tuple[int, int]]:
        """(first, next) of a partition's batches."""
        name = generation or self.generation()
        found = chain(self.clients.objects, self.table.prefix, name, partition)
        return [(one.first, one.next) for one in found]

    def keys(self) -> dict[str, str]:
        """Every object of the bucket, with its etag."""
        return {info.key: info.etag for info in self.clients.objects.list("")}

    def rows(self, query: str, *parameters: object) -> list[tuple]:
        return self.clients.database.rows(query, parameters)

    def value(self, query: str, *parameters: object) -> object:
        return self.clients.database.value(query, parameters)

    def events(self) -> dict[tuple, tuple]:
        """(generation, partition, offset) → key, value, milliseconds, file."""
        query = """
            select generation, kafka_partition, kafka_offset, kafka_key, cdc_payload,
                round(extract(epoch from kafka_timestamp) * 1000)::bigint, batch_file
            from bronze.product_cdc_events"""
        return {tuple(row[:3]): tuple(row[3:]) for row in self.rows(query)}

    def without_kafka(self) -> "Taking":
        """The same where Kafka does not answer."""
        kafka = replace(self.settings.kafka, bootstrap_servers="127.0.0.1:1")
        dead = replace(self.settings, kafka=kafka)
        return Taking(dead, Clients(dead, timeout=2))


@pytest.fixture
def old(settings, clients) -> OldPlatform:
    return OldPlatform(settings, clients)


@pytest.fixture
def taking(settings, clients) -> Taking:
    return Taking(settings, clients)


@pytest.fixture
def platform(old, produce) -> Callable[..., list[tuple]]:
    """`platform(samples, taken=115)`: all samples are in Kafka, the first ones the scripts have
    taken: into an object, and into bronze."""

    def build(samples: Iterable[tuple], *, taken: int = 115, text: bool = False, **types: str):
        known = list(samples)
        produce(old.topic, known, 1 + max(sample[4] for sample in known))
        lines = old.lines(known[:taken], text=text)
        old.create_bronze(**types)
        old.load(lines, Path(old.put(lines)).name)
        return known

    return build
