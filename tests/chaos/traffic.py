"""Traffic into a topic: a snapshot, then inserts, updates, deletes, re-inserts and changed keys.

A send whose outcome is unknown (the broker died) is settled by reading the topic's end: what has
arrived is not sent again, so that the records that were wanted are there once, in their order.
"""

import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from zlib import crc32

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError, TopicAlreadyExistsError

from bictl.local.catalogue import Catalogue
from bictl.local.changes import Round, snapshot, stream
from bictl.local.events import Event, events

PARTITIONS = 2
PRODUCTS = 120
_NOT_FOR_POSTGRES = Event(b'{"ID":0}', rb'{"a":"\u0000"}', [], 0)
_BAD, _ABORTED = 0.1, 0.2  # of the rounds: with a record that is no jsonb, rolled back
_PATIENCE_MS = 8_000


class Traffic(threading.Thread):
    """Produces until it is stopped; `sent` counts what is in the topic for certain."""

    def __init__(self, servers: str, topic: str, *, seed: int, transactional: bool) -> None:
        super().__init__(daemon=True)
        self._servers, self._topic = servers, topic
        self._chance = random.Random(f"{seed} traffic")
        self._catalogue, self._transactional = Catalogue(seed), transactional
        self._stopped = threading.Event()
        self._next = dict.fromkeys(range(PARTITIONS), 0)
        self.sent = self.aborted = self.unknown = 0
        self.stamps: dict[tuple[int, int], tuple[int, str]] = {}  # place to milliseconds and key
        self.error: BaseException | None = None

    def stop(self) -> None:
        """No further round; returns when the last one is in the topic."""
        self._stopped.set()
        self.join()

    def run(self) -> None:
        try:
            self._create()
            for round in self._rounds():
                self._publish(round)
                if self._stopped.wait(self._chance.uniform(0, 1.5)):
                    return
        except BaseException as error:
            self.error = error

    def _rounds(self) -> Iterator[list[Event]]:
        begun = int(time.time() * 1000)
        rounds = [Round(begun, PRODUCTS, self._chance.randrange(1, 30)) for _ in range(100_000)]
        yield [e for c in snapshot(self._catalogue, rounds[0]) for e in events(c, self._topic)]
        for changes in stream(self._catalogue, rounds):
            made = [event for change in changes for event in events(change, self._topic)]
            if self._chance.random() < _BAD:
                made.insert(self._chance.randrange(len(made) + 1), _NOT_FOR_POSTGRES)
            yield made

    def _create(self) -> None:
        with (
            closing(KafkaAdminClient(bootstrap_servers=self._servers)) as admin,
            suppress(TopicAlreadyExistsError),
        ):
            options = {"num_partitions": PARTITIONS, "replication_factor": 1}
            admin.create_topics({self._topic: options}, wait_for_metadata=True)

    def _publish(self, made: list[Event]) -> None:
        """Until all of it is there."""
        waiting: dict[int, list[Event]] = {partition: [] for partition in range(PARTITIONS)}
        for event in made:
            waiting[crc32(event.key) % PARTITIONS].append(event)
        abort = self._transactional and self._chance.random() < _ABORTED
        while any(waiting.values()):
            failed = False
            try:
                if abort:
                    self._send(waiting, abort=True)
                    self.aborted += 1
                    abort = False
                self._send(waiting, abort=False)
            except (KafkaError, OSError):
                failed = True
                self.unknown += 1
            self._settle(waiting, failed=failed)
        self.sent += len(made)

    def _send(self, waiting: dict[int, list[Event]], *, abort: bool) -> None:
        now = int(time.time() * 1000)
        with closing(self._producer()) as producer:
            if self._transactional:
                producer.init_transactions()
                producer.begin_transaction()
            futures = [
                producer.send(
                    self._topic,
                    key=event.key,
                    value=event.value,
                    headers=event.headers,
                    timestamp_ms=now,
                    partition=partition,
                )
                for partition, some in waiting.items()
                for event in some
            ]
            producer.flush(timeout=_PATIENCE_MS / 1000)
            for future in futures:
                future.get(timeout=_PATIENCE_MS / 1000)
            if abort:
                producer.abort_transaction()
            elif self._transactional:
                producer.commit_transaction()

    def _producer(self) -> KafkaProducer:
        given = {"transactional_id": f"soak {self._topic}"} if self._transactional else {
            "enable_idempotence": False, "retries": 0
        }  # fmt: skip
        return KafkaProducer(
            bootstrap_servers=self._servers,
            acks="all",
            max_block_ms=_PATIENCE_MS,
            request_timeout_ms=_PATIENCE_MS,
            delivery_timeout_ms=_PATIENCE_MS + 1_000,
            linger_ms=20,
            **given,
        )

    def _settle(self, waiting: dict[int, list[Event]], *, failed: bool) -> None:
        """Takes out of `waiting` what the topic holds, however long it takes to learn that."""
        while True:
            try:
                if failed and self._transactional:  # ends the transaction that was left open
                    with closing(self._producer()) as producer:
                        producer.init_transactions()
                for record in arrived(self._servers, self._topic, self._next):
                    place, some = (record.partition, record.offset), waiting[record.partition]
                    self.stamps[place] = record.timestamp, _id_of(record.key)
                    if some and (some[0].key, some[0].value) == (record.key, record.value):
                        some.pop(0)
                    self._next[record.partition] = record.offset + 1
                return
            except (KafkaError, OSError):
                time.sleep(0.5)


def _id_of(key: bytes) -> str:
    parsed = json.loads(key)
    return str(parsed.get("payload", parsed)["ID"])


def arrived(servers: str, topic: str, firsts: dict[int, int]) -> Iterator:
    """The committed records from the offsets on, up to the ends as they are now."""
    consumer = KafkaConsumer(
        bootstrap_servers=servers,
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed",
        request_timeout_ms=_PATIENCE_MS,
    )
    with closing(consumer):
        places = [TopicPartition(topic, partition) for partition in firsts]
        consumer.assign(places)
        for place in places:
            consumer.seek(place, firsts[place.partition])
        silent = time.monotonic() + _PATIENCE_MS / 1000
        while behind := [place for place in places if _is_behind(consumer, place)]:
            found = consumer.poll(200)
            for records in found.values():
                yield from records
            if found:
                silent = time.monotonic() + _PATIENCE_MS / 1000
            elif time.monotonic() > silent:
                raise KafkaError(f"no answer about {behind}")


def _is_behind(consumer: KafkaConsumer, place: TopicPartition) -> bool:
    end = consumer.highwater(place)
    return end is None or consumer.position(place) < end


def folded(produced: dict) -> dict[int, dict]:
    """The table as its records leave it: the newest `after` of each key."""
    table: dict[int, dict] = {}
    for _, (key, value) in sorted(produced.items()):
        if value == _NOT_FOR_POSTGRES.value:
            continue
        id = json.loads(key)["payload"]["ID"]
        after = None if value is None else json.loads(value)["payload"]["after"]
        if after is None:
            table.pop(id, None)
        else:
            table[id] = after
    return table
