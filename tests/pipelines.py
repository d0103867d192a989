"""One healthy pipeline a session, copied for each test that damages it: a plugin of all tests.

The database is a template, the bucket is copied object by object; the topic is read only, so it is
shared. Tests that change the topic make a pipeline of their own.
"""

import json
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from batches import seal
from databases import administer, drop_database

from bictl import settings as configured
from bictl.bronze import load, migrate
from bictl.clients import Clients
from bictl.clients.dbt import Dbt
from bictl.clients.objects import ObjectStore
from bictl.embeddings import embed
from bictl.records import Manifest
from bictl.settings import Embedding, Settings, Table
from bictl.staging import transform
from bictl.verify import Report, verify
from bictl.verify.report import Check, State

PARTITIONS = 2
OLD = 1_715_680_000_000  # May 2024: far older than verify.max_lag


# What a failure of these is about is a set: ranges of offsets, or keys.
SETS = {"K4", "K5", "K10", "O3", "B1", "B2", "B3", "B7", "B10", "T3", "T5", "T6", "E1", "E2", "E4"}


def assert_told(check: Check) -> None:
    """Whatever is amiss says what was expected, what came, which records, and what to do."""
    if check.state in (State.FAIL, State.WARN):
        told = (check.message, check.expected, check.actual, check.hint)
        assert all(told), check
    if check.state is State.FAIL:
        assert check.evaluated, check
        is_there = "does not exist" not in check.message
        if check.id in SETS and is_there:
            for sample in (check.missing, check.extra):
                assert bool(sample.total) == bool(sample.ranges or sample.keys), check
            assert check.missing or check.extra, check


@dataclass
class Pipeline:
    """One table's systems, and the verdict on them."""

    settings: Settings
    clients: Clients

    @property
    def table(self) -> Table:
        return self.settings.table("product")

    @property
    def database(self):
        return self.clients.database

    @property
    def objects(self):
        return self.clients.objects

    def verify(self, **options: object) -> Report:
        given = {
            "table": self.table,
            "staging_schema": self.settings.dbt.view_schema,
            "model": self.settings.embedding.model,
            "max_lag": self.settings.verify.max_lag,
            "encoder": _encoder,
            **options,
        }
        report = verify(self.clients.reader, self.clients.objects, self.clients.database, **given)
        for check in report.checks:
            assert_told(check)
        return report

    def check(self, name: str, **options: object) -> Check:
        """One check of a whole verdict."""
        return next(check for check in self.verify(**options).checks if check.id == name)

    def execute(self, statement: str, *parameters: object) -> int:
        return self.database.execute(statement, parameters)

    def value(self, query: str, *parameters: object) -> object:
        return self.database.value(query, parameters)

    def batches(self) -> list[str]:
        """The batches' keys, in order."""
        return [info.key for info in self.objects.list(self.table.prefix)]

    def generation(self) -> str:
        return self.clients.reader.describe(self.table.topic).id

    def manifest(self, key: str) -> Manifest:
        return Manifest.from_metadata(self.objects.head(key)[1])

    def put(self, key: str, body: bytes, metadata: dict[str, str]) -> None:
        """Overwrites an object, which bictl itself never does."""
        if key in self.batches():
            self.objects.delete(key)
        assert self.objects.put_new(key, body, metadata=metadata)

    def seal(
        self,
        first: int,
        after: int,
        *,
        partition: int = 0,
        generation: str | None = None,
        number: int = 0,
        offsets: Sequence[int] | None = None,
    ) -> str:
        """Seals [first, after) of the topic (or only some of its offsets) as ingest does."""
        wanted = set(range(first, after) if offsets is None else offsets)
        records = [
            record
            for chunk in self.clients.reader.read(
                self.table.topic, partition, first=first, end=after
            )
            for record in chunk.records
            if record.offset in wanted
        ]
        return self.seal_records(
            records,
            first,
            after,
            partition=partition,
            generation=generation or self.generation(),
            number=number,
        )

    def seal_records(self, records, first, after, *, partition, generation, number) -> str:
        return seal(
            self.objects,
            self.table,
            records,
            generation=generation,
            generation_no=number,
            partition=partition,
            first=first,
            next=after,
        )

    def load(self) -> None:
        migrate(self.database, [self.table])
        load(self.objects, self.database, table=self.table, run="test")

    def transform(self) -> None:
        """The staging view as dbt makes it."""
        dbt = Dbt(self.settings.dbt, self.settings.postgres, state_dir=self.settings.state_dir)
        transform(dbt, self.database, tables=[self.table])

    def embed(self) -> None:
        embed(
            self.database,
            _encoder,
            table=self.table,
            staging_schema=self.settings.dbt.view_schema,
        )


@cache
def _encoder():
    from bictl.clients.encoder import open_encoder

    return open_encoder(Embedding())


def records_of(samples, *, one_in: int = 12):
    """A few of the fixture's keys with all of their records, over two partitions."""
    for key, value, headers, _ in samples:
        number = json.loads(key)["payload"]["ID"]
        if number % one_in == 0:
            yield key, value, headers, OLD, number // one_in % PARTITIONS


@pytest.fixture(scope="session")
def shared(stack) -> Settings:
    return configured.load(config=str(stack.configuration), environment={})


@pytest.fixture(scope="session")
def new_settings(shared: Settings, tmp_path_factory) -> Callable[..., Settings]:
    """Settings with a fresh bucket and a database that is a copy of `template`."""

    def make(topic: str, template: str = "template1") -> Settings:
        name = f"v{secrets.token_hex(6)}"
        replaced = replace(shared.s3, bucket=name)
        ObjectStore(replaced).create_bucket()
        administer(shared, f"create database {name} template {template}")
        return replace(
            shared,
            postgres=replace(shared.postgres, dbname=name),
            s3=replaced,
            tables={"product": replace(shared.table("product"), topic=topic)},
            state_dir=Path(tmp_path_factory.mktemp("state")),
        )

    return make


@pytest.fixture(scope="session")
def prepared(shared, new_settings) -> Iterator[Settings]:
    """A database with bictl's tables and the staging view, and nothing in them."""
    settings = new_settings("prepared")
    with Clients(settings) as clients:
        pipeline = Pipeline(settings, clients)
        pipeline.load()
        pipeline.transform()
    yield settings
    drop_database(shared, settings.postgres.dbname)


@pytest.fixture(scope="session")
def healthy(shared, prepared, new_settings, fixture_records) -> Iterator[Settings]:
    """A whole pipeline: two partitions, three batches each, deletes and moved keys among them."""
    topic = f"cord.{secrets.token_hex(6)}.dbo.Product"
    settings = new_settings(topic, prepared.postgres.dbname)
    _write(settings, topic, records_of(fixture_records("product_schema")))
    with Clients(settings) as clients:
        pipeline = Pipeline(settings, clients)
        ends = clients.reader.offsets(topic, range(PARTITIONS))
        for partition, found in ends.items():
            for first, after in pairwise([0, 20, 50, found.high]):
                pipeline.seal(first, after, partition=partition)
        pipeline.load()
        pipeline.embed()
    yield settings
    drop_database(shared, settings.postgres.dbname)


@pytest.fixture
def pipeline(shared, healthy, new_settings) -> Iterator[Pipeline]:
    """A healthy pipeline of the test's own, to be damaged."""
    settings = new_settings(healthy.table("product").topic, healthy.postgres.dbname)
    with Clients(settings) as clients, Clients(healthy) as origin:
        for info in origin.objects.list(""):
            clients.objects.put_new(
                info.key, origin.objects.get(info.key)[0], metadata=origin.objects.head(info.key)[1]
            )
        yield Pipeline(settings, clients)
    drop_database(shared, settings.postgres.dbname)


@pytest.fixture(scope="module")
def new_pipeline(shared, prepared, new_settings) -> Iterator[Callable[[], Pipeline]]:
    """`new_pipeline()`: fresh names and nothing in them but the staging view."""
    with ExitStack() as made:

        def make() -> Pipeline:
            topic = f"cord.{secrets.token_hex(6)}.dbo.Product"
            settings = new_settings(topic, prepared.postgres.dbname)
            made.callback(drop_database, shared, settings.postgres.dbname)
            return Pipeline(settings, made.enter_context(Clients(settings)))

        yield make


@pytest.fixture
def empty_pipeline(new_pipeline) -> Pipeline:
    """A pipeline of the test's own; `write` fills its topic."""
    return new_pipeline()


@pytest.fixture
def write(produce) -> Callable[..., int]:
    """`write(pipeline, [(key, value, timestamp, partition)…], partitions=1)`."""

    def into(pipeline: Pipeline, records, *, partitions: int = 1) -> int:
        rows = [(key, value, [], timestamp, part) for key, value, timestamp, part in records]
        return produce(pipeline.table.topic, rows, partitions)

    return into


def _write(settings: Settings, topic: str, records) -> None:
    """Like the fixture `produce`, for the session's own topic."""
    from kafka import KafkaProducer
    from kafka.admin import KafkaAdminClient

    servers = settings.kafka.bootstrap_servers
    with closing(KafkaAdminClient(bootstrap_servers=servers)) as admin:
        options = {"num_partitions": PARTITIONS, "replication_factor": 1}
        admin.create_topics({topic: options}, wait_for_metadata=True)
    with closing(KafkaProducer(bootstrap_servers=servers, linger_ms=50)) as producer:
        for key, value, headers, timestamp, partition in records:
            producer.send(
                topic,
                key=key,
                value=value,
                headers=headers,
                timestamp_ms=timestamp,
                partition=partition,
            )
        producer.flush(30)
