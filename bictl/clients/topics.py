"""Kafka, read only: topics, ends of partitions, records at read_committed without a group."""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, TypeVar

from bictl.clients.awaited import awaiting
from bictl.clients.backoff import pauses
from bictl.clients.topic_connection import open_admin, open_consumer
from bictl.clients.topic_errors import kafka_errors, translate
from bictl.errors import (
    EndBelowFrontier,
    NotFound,
    RetentionPassed,
    TimedOut,
    Unreachable,
)
from bictl.records import Range, Record, Stop, Topic, never_stop
from bictl.settings import Kafka

_NO_ID = "00000000-0000-0000-0000-000000000000"
_UNKNOWN_TOPIC, _INVALID_TOPIC = 3, 17  # https://kafka.apache.org/protocol#protocol_error_codes
_EARLIEST, _LATEST = -2, -1  # ListOffsets' own timestamps
_NO_TOPIC = (
    "this Kafka has no topic yet: does the connector run (bictl cdc status), "
    "and are these its brokers?"
)
_WAIT_MS = 200  # how long one poll waits, so that a stop is seen soon
_COMMIT = 5.0  # seconds: a cluster's first commit waits for its coordinator to be made
_PAUSE, _LONGEST = 0.2, 2.0  # seconds between two tries of a question
_NOTHING_KNOWN: Mapping[int, int] = MappingProxyType({})

_T = TypeVar("_T")


@dataclass(frozen=True)
class Offsets:
    """A partition's log start, last stable offset (the end at read_committed), high watermark."""

    start: int
    stable: int
    high: int


@dataclass(frozen=True)
class Chunk:
    """Records as one poll gave them, and the consumer's position after it.

    `next` may lie beyond the last record: control records, aborted and compacted ones are passed.
    """

    records: Sequence[Record]
    next: int


class TopicReader:
    """Reads topics by assignment: no group, no rebalance, nothing committed, nothing created.

    `timeout` is how many seconds a question, or a read without progress, may take. Every method
    raises Unreachable or TimedOut without an answer, and AccessDenied.
    """

    def __init__(self, kafka: Kafka, *, timeout: float = 30.0) -> None:
        self._kafka, self._timeout = kafka, timeout

    @cached_property
    def _admin(self) -> Any:
        return open_admin(self._kafka, timeout=self._timeout)

    @cached_property
    def _consumer(self) -> Any:
        return open_consumer(self._kafka, timeout=self._timeout)

    def beside(self) -> "TopicReader":
        """Another reader of the same brokers, for another thread; its caller closes it."""
        return TopicReader(self._kafka, timeout=self._timeout)

    def close(self) -> None:
        """Closes the connections; the reader opens them again when it is used."""
        self._close("_admin")
        self._close("_consumer")

    def topics(self) -> list[str]:
        """All names, without the broker's internal ones."""
        found = self._ask("list the topics", lambda: self._admin.describe_topics(None))
        return sorted(
            topic["name"]
            for topic in found
            if not topic["is_internal"] and not topic["name"].startswith("__")
        )

    def describe(self, topic: str) -> Topic:
        """The topic's cluster, id and partitions; NotFound lists what exists. Creates nothing."""
        answer = self._ask(f"describe topic {topic}", lambda: self._admin.describe_topics([topic]))[
            0
        ]
        if answer["error_code"] in (_UNKNOWN_TOPIC, _INVALID_TOPIC):  # no topic can be called so
            existing = self.topics()
            raise NotFound(
                "topic",
                topic,
                existing=existing,
                where=f"at {self._where}",
                hint=None if existing else _NO_TOPIC,
            )
        self._raise_code(answer["error_code"], f"describe topic {topic}")
        topic_id = str(answer["topic_id"] or _NO_ID)
        return Topic(
            name=topic,
            cluster=self._cluster,
            id=None if topic_id == _NO_ID else topic_id,
            partitions=tuple(sorted(part["partition_index"] for part in answer["partitions"])),
        )

    def offsets(
        self, topic: str, partitions: Iterable[int], *, known: Mapping[int, int] = _NOTHING_KNOWN
    ) -> dict[int, Offsets]:
        """Start and ends of partitions.

        With `kafka.end_offsets = "fetch"` the ends come with a read from `known[partition] - 1`
        (a frontier), else from the log start: such a broker's own answer is too low.
        """
        wanted = sorted(set(partitions))
        if not wanted:
            return {}
        starts = self._list_offsets(topic, wanted, _EARLIEST)
        if self._kafka.end_offsets == "fetch":
            ends = self._fetch_ends(topic, starts, known)
            return {part: Offsets(starts[part], ends[part], ends[part]) for part in wanted}
        stable = self._list_offsets(topic, wanted, _LATEST, isolation="read_committed")
        high = self._list_offsets(topic, wanted, _LATEST)
        return {part: Offsets(starts[part], stable[part], high[part]) for part in wanted}

    def fetched_ends(self, topic: str, known: Mapping[int, int]) -> dict[int, int]:
        """The high watermarks that come with an answer to a fetch from `known[partition] - 1`,
        whatever `kafka.end_offsets` says."""
        starts = self._list_offsets(topic, sorted(known), _EARLIEST)
        return self._fetch_ends(topic, starts, known)

    def configuration(self, topic: str) -> dict[str, str]:
        """The topic's settings, defaults included; empty where the broker does not tell."""
        import kafka

        answer = self._ask(
            f"describe the settings of {topic}",
            lambda: self._admin.describe_configs(
                [kafka.admin.ConfigResource("TOPIC", topic)], config_filter="all"
            ),
        )
        told = answer.get("topic", {}).get(topic, {})
        return {key: str(value["value"]) for key, value in told.items()}

    def read(
        self, topic: str, partition: int, *, first: int, end: int, stop: Stop = never_stop
    ) -> Iterator[Chunk]:
        """Everything from `first` up to `end` (not included), a poll at a time.

        Ends before `end` when `stop` says so. Raises RetentionPassed or EndBelowFrontier with the
        range when the position is outside of the log, TimedOut after `timeout` without progress.
        """
        position = first
        place = self._assign(topic, {partition: first})[0]
        heard = time.monotonic()
        while position < end and not stop():
            records = self._poll(place, position)
            reached = self._consumer.position(place)
            if reached > position:
                heard = time.monotonic()
                position = min(reached, end)
                yield Chunk(_cut(records, end), position)
            elif time.monotonic() - heard > self._timeout:
                self._raise_silence(topic, partition, position, end)

    def record(
        self, topic: str, partition: int, offset: int, *, known: Offsets | None = None
    ) -> Record | None:
        """The record at exactly that offset; None when it is not there, or not any more. Who has
        just asked for the partition's offsets hands them on as `known`."""
        found = self.first_after(topic, partition, offset, known=known)
        return found if found is not None and found.offset == offset else None

    def first_after(
        self, topic: str, partition: int, offset: int, *, known: Offsets | None = None
    ) -> Record | None:
        """The first committed record at or after `offset`; None when there is none yet."""
        if known is None:
            known = self.offsets(topic, [partition], known={partition: offset + 1})[partition]
        first = max(offset, known.start)
        if first >= known.stable:
            return None
        chunks = self.read(topic, partition, first=first, end=known.stable)
        return next((chunk.records[0] for chunk in chunks if chunk.records), None)

    def commit(self, group: str, topic: str, positions: Mapping[int, int]) -> None:
        """Commits positions for other people's lag monitors; bictl never reads them back."""
        import kafka

        offsets = {
            kafka.TopicPartition(topic, part): kafka.structs.OffsetAndMetadata(
                position, "bictl", -1
            )
            for part, position in positions.items()
        }
        doing = f"commit the positions of group {group}"
        answers = self._ask(
            doing, lambda: self._admin.alter_group_offsets(group, offsets), patience=_COMMIT
        )
        for answer in answers.values():
            self._raise_code(answer.errno, doing)

    def ask(self, doing: str, question: Callable[[Any], _T]) -> _T:
        """The answer of the broker to a question that `question` puts to the admin client."""
        return self._ask(doing, lambda: question(self._admin))

    @property
    def _where(self) -> str:
        return f"Kafka at {self._kafka.bootstrap_servers}"

    @cached_property
    def _cluster(self) -> str:
        answer = self._ask(
            "describe the cluster", lambda: self._admin.describe_cluster()["cluster_id"]
        )
        return str(answer or "")

    def _ask(self, doing: str, question: Callable[[], _T], *, patience: float = math.inf) -> _T:
        """The answer; a broker that asks to come again is asked again, for `patience` seconds or
        until the timeout."""
        deadline = time.monotonic() + min(patience, self._timeout)
        with awaiting(self._where):
            for pause in pauses(_PAUSE, _LONGEST):
                try:
                    with kafka_errors(f"{doing} at {self._where}"):
                        return question()
                except Unreachable:
                    if time.monotonic() >= deadline or "_admin" not in self.__dict__:
                        raise
                time.sleep(pause)
        raise AssertionError("the pauses do not end")

    def _list_offsets(
        self, topic: str, partitions: list[int], spec: int, isolation: str = "read_uncommitted"
    ) -> dict[int, int]:
        import kafka

        answers = self._ask(
            f"list the offsets of {topic}",
            lambda: self._admin.list_partition_offsets(
                {kafka.TopicPartition(topic, part): spec for part in partitions},
                isolation_level=isolation,
                timeout_ms=self._milliseconds,
            ),
        )
        return {place.partition: int(found.offset) for place, found in answers.items()}

    def _close(self, name: str) -> None:
        if name in self.__dict__:
            self.__dict__.pop(name).close()

    def _fetch_ends(
        self, topic: str, starts: Mapping[int, int], known: Mapping[int, int]
    ) -> dict[int, int]:
        """High watermarks as they come with the answer to a fetch."""
        firsts = {part: max(start, known.get(part, 0) - 1) for part, start in starts.items()}
        self._close("_consumer")  # an answer still on its way says what the end was, not what it is
        places = self._assign(topic, firsts)
        deadline = time.monotonic() + self._timeout
        with awaiting(self._where), kafka_errors(f"fetch the ends of {topic} at {self._where}"):
            while waiting := [p for p in places if self._consumer.highwater(p) is None]:
                if time.monotonic() > deadline:
                    raise TimedOut(
                        f"{self._where} did not answer {len(waiting)} fetches of {topic}"
                        f" within {self._timeout:g} s"
                    )
                self._consumer.poll(_WAIT_MS)
            return {place.partition: int(self._consumer.highwater(place)) for place in places}

    def _assign(self, topic: str, positions: Mapping[int, int]) -> list[Any]:
        import kafka

        places = [kafka.TopicPartition(topic, part) for part in positions]
        self._consumer.assign([])  # forgets what was fetched for an earlier position
        self._consumer.assign(places)
        for place in places:
            self._consumer.seek(place, positions[place.partition])
        return places

    def _poll(self, place: Any, position: int) -> list[Record]:
        import kafka

        doing = f"read {place.topic} {place.partition}:{position} at {self._where}"
        with awaiting(self._where), kafka_errors(doing):
            try:
                records: list[Record] = self._consumer.poll(_WAIT_MS).get(place, [])
            except kafka.errors.OffsetOutOfRangeError:
                self._raise_out_of_range(place.topic, place.partition, position)
                self._assign(place.topic, {place.partition: position})
                records = []
            except RuntimeError as error:  # a codec's library that is not installed
                raise translate(kafka.errors.UnsupportedCodecError(), doing=doing) from error
        return records

    def _raise_out_of_range(self, topic: str, partition: int, position: int) -> None:
        """Says what is gone; nothing when the log holds the position again (it just grew)."""
        found = self.offsets(topic, [partition], known={partition: position})[partition]
        if found.start > position:
            gone = Range(partition, position, found.start)
            raise RetentionPassed(
                f"{topic}: Kafka discarded {gone} ({len(gone)} offsets) before they were read",
                hint=f"bictl ack --topic {topic} --range '{gone}' --reason …",
            )
        if found.high < position:
            raise EndBelowFrontier(
                f"{topic}: partition {partition} ends at {found.high}, below {position},"
                " which was read before",
                hint="was the topic recreated? bictl verify, then bictl ack",
            )

    def _raise_silence(self, topic: str, partition: int, position: int, end: int) -> None:
        """An idle poll looks like a dead broker's: ask before saying which it is."""
        self.offsets(topic, [partition], known={partition: position})
        raise TimedOut(
            f"{self._where} answers, but gave nothing of {Range(partition, position, end)}"
            f" of {topic} within {self._timeout:g} s",
            hint="run the same command again; if it stays, look at the partition's leader",
        )

    def _raise_code(self, code: int, doing: str) -> None:
        import kafka

        if code:
            raise translate(kafka.errors.for_code(code)(), doing=f"{doing} at {self._where}")

    @property
    def _milliseconds(self) -> int:
        return int(self._timeout * 1000)


def _cut(records: Sequence[Record], end: int) -> Sequence[Record]:
    if not records or records[-1].offset < end:
        return records
    return [record for record in records if record.offset < end]
