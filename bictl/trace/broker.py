"""Kafka's side of a trace: the partition's ends, and what stands at one offset."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bictl.records import OnProgress, Progress, Range, Record, Stop, Topic
from bictl.trace.key import Key
from bictl.trace.report import Place

if TYPE_CHECKING:
    from bictl.clients.topics import Offsets, TopicReader


@dataclass(frozen=True, kw_only=True)
class Broker:
    """The topic, its life now, and one place in it.

    `ends` is None for a partition that the topic has not. `record` stands at the very offset,
    `after` is the next one where nothing does.
    """

    topic: Topic
    life: str | None
    ends: "Offsets | None" = None
    record: Record | None = None
    after: Record | None = None


def look(
    reader: "TopicReader", topic: Topic, *, place: Place, life: str | None, frontier: int | None
) -> Broker:
    """What Kafka serves at a place; nothing is read where the topic is in another life.

    `frontier` spares a broker that tells ends by a fetch a long one.
    """
    if life != place.generation or place.partition not in topic.partitions:
        return Broker(topic=topic, life=life)
    known = place.offset + 1 if frontier is None else frontier
    ends = reader.offsets(topic.name, [place.partition], known={place.partition: known})
    found = ends[place.partition]
    after = None
    if found.start <= place.offset < found.stable:
        chunks = reader.read(topic.name, place.partition, first=place.offset, end=found.stable)
        after = next((chunk.records[0] for chunk in chunks if chunk.records), None)
    is_it = after is not None and after.offset == place.offset
    return Broker(
        topic=topic,
        life=life,
        ends=found,
        record=after if is_it else None,
        after=None if is_it else after,
    )


def above(reader: "TopicReader", topic: Topic, frontiers: dict[int, int]) -> list[Range]:
    """What every partition holds above its frontier."""
    ends = reader.offsets(topic.name, topic.partitions, known=frontiers)
    found = [
        Range(partition, max(frontiers.get(partition, 0), one.start), one.stable)
        for partition, one in sorted(ends.items())
    ]
    return [waiting for waiting in found if waiting.next > waiting.first]


def scan(
    reader: "TopicReader",
    topic: Topic,
    ranges: list[Range],
    *,
    key: Key,
    on_progress: OnProgress,
    stop: Stop,
) -> Iterator[tuple[int, Record]]:
    """Every record of a key in the ranges, with its partition; reads all that lies in them."""
    total, done = sum(map(len, ranges)), 0
    for span in ranges:
        for chunk in reader.read(
            topic.name, span.partition, first=span.first, end=span.next, stop=stop
        ):
            for record in chunk.records:
                if key.matches(record.key, record.value):
                    yield span.partition, record
            on_progress(
                Progress(stage="scan Kafka", done=done + chunk.next - span.first, total=total)
            )
        done += len(span)
