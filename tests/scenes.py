"""A table's life, made up step by step: what its source writes, and what each stage does then.

A scene keeps what the source holds, in plain Python: staging has to show just that.
"""

import json
import random
import secrets
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

from databases import drop_database
from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient
from kafka.errors import TopicAlreadyExistsError
from pipelines import OLD, Pipeline, _encoder

from bictl import pipeline as stages
from bictl.bronze import Wish
from bictl.bronze import load as load_objects
from bictl.clients import Clients
from bictl.embeddings import embed as embed_rows
from bictl.ingest import IngestResult, ingest
from bictl.pipeline import Work
from bictl.settings import Ingest, Settings
from bictl.verify import Report

BRONZE = "bronze.product_cdc"
STAGING = "staging_staging.stg_product"
VECTORS = "analytics_features.product_embeddings"
Written = tuple[bytes | None, bytes | None, int, int]  # key, value, milliseconds, partition


def now_ms() -> int:
    """The clock of a producer that is right."""
    return int(time.time() * 1000)


@dataclass
class Scene:
    """One pipeline, its source, and chance; `partitions` is how many its topic has."""

    pipeline: Pipeline
    chance: random.Random
    encoder: Callable[[], object]
    partitions: int = 2
    batch_records: int = 7
    lsn: int = 0
    rows: dict[int, str | None] = field(default_factory=dict)  # what the source holds: id, name
    homes: dict[int, int] = field(default_factory=dict)  # id, partition
    in_flight: bool = False  # what is built is on its way still, so nothing may be complete
    seconds_ahead: int = 0  # of this source's clock
    samples: Callable[[str], list] | None = None  # the fixtures' records
    is_others: bool = False  # its rows are not those that `change` made
    beside: list[Callable[[Clients], None]] = field(default_factory=list)  # goes on with writers

    @property
    def topic(self) -> str:
        """The topic's name."""
        return self.pipeline.table.topic

    # The source -----------------------------------------------------------------------------------

    def create(self, partitions: int | None = None, **configs: object) -> None:
        """Makes the topic."""
        self.partitions = partitions or self.partitions
        options = {
            "num_partitions": self.partitions,
            "replication_factor": 1,
            "configs": {name.replace("_", "."): str(value) for name, value in configs.items()},
        }
        with self.admin() as admin, suppress(TopicAlreadyExistsError):
            admin.create_topics({self.topic: options}, wait_for_metadata=True)

    @contextmanager
    def admin(self) -> Iterator[KafkaAdminClient]:
        """What is done to topics."""
        servers = self.pipeline.settings.kafka.bootstrap_servers
        with closing(KafkaAdminClient(bootstrap_servers=servers)) as admin:
            yield admin

    @cached_property
    def producer(self) -> KafkaProducer:
        """One connection for all that the source writes."""
        servers = self.pipeline.settings.kafka.bootstrap_servers
        return KafkaProducer(bootstrap_servers=servers, linger_ms=5, max_request_size=64 << 20)

    def close(self) -> None:
        """Ends the source's connection."""
        if "producer" in self.__dict__:
            self.__dict__.pop("producer").close()

    def send(self, records: Iterable[Written]) -> int:
        """Writes records in their order; how many."""
        sent = [
            self.producer.send(
                self.topic, key=key, value=value, timestamp_ms=at, partition=partition
            )
            for key, value, at, partition in records
        ]
        self.producer.flush(30)
        for future in sent:
            future.get(timeout=30)
        return len(sent)

    def change(
        self,
        number: int,
        op: str,
        *,
        name: str | None = "",
        at: int = OLD,
        partition: int | None = None,
        snapshot: str = "false",
        **columns: object,
    ) -> list[Written]:
        """One change as the connector writes it: a deletion brings its tombstone."""
        self.lsn += 1
        home = self.homes.setdefault(number, number % self.partitions)
        home = home if partition is None else partition
        self.homes[number] = home
        key = b'{"ID":%d}' % number
        told = self.chance.choice(WORDS) if name == "" else name
        row = {"ID": number, "Name": told, "VendorCode": f"V-{number}", "Description": None}
        event = envelope({**row, **columns}, op, lsn=self.lsn, snapshot=snapshot)
        if op == "d":
            self.rows.pop(number, None)
            return [(key, event, at, home), (key, None, at, home)]
        self.rows[number] = told
        return [(key, event, at, home)]

    def traffic(self, count: int, *, at: int | None = OLD, keys: int = 40) -> list[Written]:
        """`count` changes by chance: inserts, updates, deletes and inserts again; with `at` None
        they are of this moment."""
        written: list[Written] = []
        for _ in range(count):
            number = self.chance.randrange(keys)
            there = number in self.rows
            op = self.chance.choice("uuud") if there else "c"
            when = now_ms() + self.seconds_ahead * 1000 if at is None else at
            written += self.change(number, op, at=when)
        return written

    # The stages -----------------------------------------------------------------------------------

    @property
    def work(self) -> Work:
        """A run of its own, as the commands make it."""
        return self.work_of(self.pipeline.clients)

    def work_of(self, clients: Clients) -> Work:
        """The same with other clients."""
        settings = self.pipeline.settings
        return Work(clients=clients, settings=settings, run=str(uuid.uuid4()), lock_wait=30)

    def ingest(
        self, *, batch_records: int | None = None, clients: Clients | None = None, **options: object
    ) -> IngestResult:
        """Kafka → objects, cut small."""
        with_ = clients or self.pipeline.clients
        return ingest(
            with_.reader,
            with_.objects,
            table=self.pipeline.table,
            limits=Ingest(batch_records=batch_records or self.batch_records),
            run="test",
            **options,
        )

    def load(self, clients: Clients | None = None, **options: object) -> None:
        """Objects → bronze."""
        with_ = clients or self.pipeline.clients
        load_objects(
            with_.objects, with_.database, table=self.pipeline.table, run="test", **options
        )

    def embed(self, clients: Clients | None = None) -> None:
        """Staging → vectors."""
        with_ = clients or self.pipeline.clients
        embed_rows(
            with_.database,
            self.encoder,
            table=self.pipeline.table,
            staging_schema=self.pipeline.settings.dbt.view_schema,
        )

    def settle(self) -> None:
        """Every stage, until there is nothing more to do."""
        self.ingest()
        self.load()
        self.embed()

    def live(self, count: int = 40) -> None:
        """The usual beginning: a topic with some history, carried all the way."""
        self.create()
        self.send(self.traffic(count))
        self.settle()

    # The verdict ----------------------------------------------------------------------------------

    def verify(self, level: str = "default") -> Report:
        """The verdict as `bictl verify` comes to it; it stands in the ledger of runs."""
        return stages.verify(self.work, self.pipeline.table, level=level)

    def shown(self) -> dict[int, str | None]:
        """What staging shows: id, name."""
        return dict(self.pipeline.database.rows(f"select product_id, name from {STAGING}"))


@contextmanager
def making(
    shared: Settings,
    prepared: Settings,
    new_settings: Callable[[str, str], Settings],
    samples: Callable[[str], list],
    *,
    kind: type[Scene] = Scene,
    change: Callable[[Settings], Settings] = lambda settings: settings,
) -> Iterator[Callable[[random.Random], Scene]]:
    """`make(chance)`: a scene of that kind in a fresh pipeline, dropped afterwards; `change` is
    what its settings have otherwise."""
    with ExitStack() as made:

        def make(chance: random.Random) -> Scene:
            topic = f"cord.{secrets.token_hex(6)}.dbo.Product"
            settings = change(new_settings(topic, prepared.postgres.dbname))
            made.callback(drop_database, shared, settings.postgres.dbname)
            clients = made.enter_context(Clients(settings))
            scene = kind(Pipeline(settings, clients), chance, _encoder, samples=samples)
            made.callback(scene.close)
            return scene

        yield make


@dataclass
class Writers:
    """Producers and stages at work beside a verdict, each in a thread with clients of its own."""

    scene: Scene
    errors: list[BaseException] = field(default_factory=list)
    rounds: int = 0

    def __enter__(self) -> "Writers":
        self._ended = threading.Event()
        jobs = [self._produce, self._carry, *map(self._again, self.scene.beside)]
        self._threads = [threading.Thread(target=self._guard, args=(job,)) for job in jobs]
        for thread in self._threads:
            thread.start()
        self._begun()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(60)
        if self.errors and error[0] is None:
            raise self.errors[0]

    def _guard(self, job: Callable[[], None]) -> None:
        try:
            while not self._ended.is_set():
                job()
        except BaseException as error:
            self.errors.append(error)

    def _again(self, job: Callable[[Clients], None]) -> Callable[[], None]:
        def repeat() -> None:
            with Clients(self.scene.pipeline.settings) as own:
                while not self._ended.is_set():
                    job(own)
                    self._ended.wait(0.02)

        return repeat

    def _begun(self) -> None:
        deadline = time.monotonic() + 60
        while not self.rounds and not self.errors:
            assert time.monotonic() < deadline, "the writers did not begin"
            self._ended.wait(0.02)

    def _produce(self) -> None:
        self.scene.send(self.scene.traffic(self.scene.chance.randint(1, 4), at=None))
        self._ended.wait(0.1)

    def _carry(self) -> None:
        with Clients(self.scene.pipeline.settings) as own:
            while not self._ended.is_set():
                self.scene.ingest(clients=own, batch_records=100)
                self.scene.load(own)
                self.scene.embed(own)
                self.rounds += 1
                self._ended.wait(0.1)


def everything() -> Wish:
    """Whatever newer records have replaced."""
    return Wish(before=datetime(9999, 1, 1, tzinfo=UTC))


def prune(scene: Scene) -> int:
    """Prunes below a full verdict; how many rows."""
    assert scene.verify().complete
    return stages.prune(scene.work, scene.pipeline.table, wish=everything()).removed


def envelope(row: dict[str, object], op: str, *, lsn: int, snapshot: str = "false") -> bytes:
    """A Debezium event without schemas; `lsn` orders them in the source."""
    before, after = (row, None) if op == "d" else (None, row)
    source = {
        "snapshot": snapshot,
        "ts_ms": OLD + lsn,
        "commit_lsn": f"{lsn:08x}:00000000:0001",
        "change_lsn": f"{lsn:08x}:00000000:0002",
    }
    event = {"before": before, "after": after, "source": source, "op": op, "ts_ms": OLD}
    return json.dumps(event).encode()


WORDS: Sequence[str] = (
    "kettle",
    "lamp with a green shade",
    "oak table",
    "teapot",
    "garden hose, 20 m",
    "wool blanket",
    "bicycle bell",
    "pencil",
)
