"""Kafka: the brokers, and of each table's topic its id, its ends and how long it keeps records."""

import time
from collections.abc import Generator
from functools import partial
from typing import TYPE_CHECKING

from bictl.bronze.prepare import MAX_RECORD_BYTES
from bictl.counted import counted
from bictl.doctor.probe import Answer, Probe
from bictl.errors import BictlError
from bictl.ingest.frontier import frontier
from bictl.ingest.frontier_object import read_kept
from bictl.ingest.keeping import Keeping, left, span
from bictl.records import Topic

if TYPE_CHECKING:
    from bictl.clients import Clients
    from bictl.clients.topics import TopicReader
    from bictl.settings import Table


def kafka(clients: "Clients") -> Generator[Probe, None, None]:
    """The brokers, and each table's topic; of a topic that is not there nothing else is asked."""
    reader, listed = clients.reader, clients.settings.kafka.end_offsets == "list"
    yield Probe("brokers", lambda: _brokers(reader), door=True)
    for table in clients.settings.tables.values():
        described: list[Topic] = []
        yield Probe(f"topic {table.topic}", partial(_topic, reader, table.topic, described))
        for topic in described:
            yield Probe(f"ends of {table.topic}", partial(_ends, reader, topic, listed=listed))
            yield Probe(f"keeping of {table.topic}", partial(_keeping, clients, table, topic))


def _brokers(reader: "TopicReader") -> Answer:
    names = reader.topics()
    return Answer("ok", counted(len(names), "topic"))


def _topic(reader: "TopicReader", name: str, described: list[Topic]) -> Answer:
    topic = reader.describe(name)
    described.append(topic)
    partitions = counted(len(topic.partitions), "partition")
    if topic.id is None:
        return Answer(
            "warn",
            f"{partitions}; the broker gives topics no id, so a recreated one is recognised only "
            "by its last sealed record",
            "Kafka 2.8 and later have topic ids",
        )
    return Answer("ok", f"{partitions}, id {topic.id}, cluster {topic.cluster or 'without an id'}")


def _ends(reader: "TopicReader", topic: Topic, *, listed: bool) -> Answer:
    """The ends at read_committed; where the broker is asked for them, a fetch must agree."""
    found = reader.offsets(topic.name, topic.partitions)
    count = sum(one.stable - one.start for one in found.values())
    if not listed:
        return Answer("ok", f"{counted(count, 'offset')}, by fetching")
    fetched = reader.fetched_ends(topic.name, {part: one.high for part, one in found.items()})
    again = reader.offsets(topic.name, topic.partitions)  # what came meanwhile is no fault
    low = [part for part in topic.partitions if again[part].high < fetched[part]]
    if low:
        part = low[0]
        return Answer(
            "fail",
            f"asked for the end of partition {part} the broker says {again[part].high}, "
            f"but it serves records up to {fetched[part]}: they would never be read",
            'set kafka.end_offsets = "fetch"',
        )
    return Answer("ok", f"{counted(count, 'offset')}; a fetch says the same")


def _keeping(clients: "Clients", table: "Table", topic: Topic) -> Answer:
    """Whether Kafka keeps records until they are read, and no larger ones than bronze takes."""
    keeping = Keeping.of(clients.reader.configuration(topic.name))
    if keeping is None:
        return Answer("skipped", "the broker does not tell its topics' settings")
    if (keeping.largest or 0) > MAX_RECORD_BYTES:
        return Answer(
            "warn",
            f"records of up to {keeping.largest} bytes are allowed, bronze takes"
            f" {MAX_RECORD_BYTES}",
            f"larger ones go to quarantine: set max.message.bytes to {MAX_RECORD_BYTES} or less",
        )
    if keeping.seconds is None:
        text = f"cleanup.policy {keeping.policy}, no record is discarded by its age"
        return Answer("ok", text)
    return _headroom(keeping.seconds, _oldest_unread(clients, table, topic), table.name)


def _headroom(kept: float, age: float | None, table: str) -> Answer:
    """`kept` and `age` in seconds; None where nothing is unread."""
    detail = f"kept for {span(kept)}, " + (
        "nothing unread" if age is None else f"the oldest unread record is {span(age)} old"
    )
    state = "ok" if age is None else left(kept, age)
    if state == "ok":
        return Answer("ok", detail)
    hint = f"bictl ingest --table {table}, and more often; or raise the topic's retention.ms"
    return Answer(state, detail, hint)


def _oldest_unread(clients: "Clients", table: "Table", topic: Topic) -> float | None:
    """Its age in seconds, in any partition; None when all was read, or nobody knows what was."""
    try:
        kept = read_kept(clients.objects, table.prefix)
        read = {
            part: frontier(clients.objects, table.prefix, topic.id or "0", part, kept=kept)
            for part in topic.partitions
        }
    except BictlError:  # the objects' own area says what is wrong with them
        return None
    found = (
        clients.reader.first_after(topic.name, part, first or 0) for part, first in read.items()
    )
    times = [record.timestamp for record in found if record is not None]
    return max(0.0, time.time() - min(times) / 1000) if times else None
