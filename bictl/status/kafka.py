"""Kafka's side: where each partition ends, and since when its next record has been waiting."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bictl.ingest.frontier import Generation
from bictl.ingest.identity import choose_generation
from bictl.status.objects import Objects
from bictl.status.report import (
    DISCARDED,
    IN_FLIGHT,
    LATE,
    NO_LAG,
    RECREATED,
    UNKNOWN,
    Partition,
)

if TYPE_CHECKING:
    from bictl.clients.topics import Offsets, TopicReader
    from bictl.records import Topic


@dataclass(frozen=True, kw_only=True)
class Ends:
    """A topic as the broker tells it, beside the frontiers."""

    generation: str
    partitions: tuple[Partition, ...]


def read_ends(
    reader: "TopicReader", topic: "Topic", objects: Objects | None, *, max_lag: int, now: datetime
) -> Ends:
    """Each partition of the topic; `objects` is None where the object store did not answer.

    What was read of a topic that is another one now says nothing about this one.
    """
    generation = _generation(topic, objects)
    frontiers = objects.frontiers.get(generation.name, {}) if objects and generation else {}
    offsets = sorted(reader.offsets(topic.name, topic.partitions, known=frontiers).items())
    if objects is None or generation is None:
        state = UNKNOWN if objects is None else RECREATED
        found = [_only_end(number, ends, state) for number, ends in offsets]
    else:
        found = [
            _partition(reader, topic, number, ends, frontiers.get(number), max_lag=max_lag, now=now)
            for number, ends in offsets
        ]
    name = generation.name if generation else str(topic.id or "unknown")
    return Ends(generation=name, partitions=tuple(found))


def without_kafka(objects: Objects) -> Ends:
    """What the objects alone know: the frontiers of the newest generation."""
    generation = objects.generations[-1].name if objects.generations else "unknown"
    return Ends(
        generation=generation,
        partitions=tuple(
            Partition(
                partition=number, frontier=frontier, end=None, lag=None, oldest=None, state=UNKNOWN
            )
            for number, frontier in sorted(objects.frontiers.get(generation, {}).items())
        ),
    )


def _generation(topic: "Topic", objects: Objects | None) -> Generation | None:
    """By the rule that ingest follows; None for a topic that nobody accepted yet."""
    if objects is None:
        return None
    return choose_generation(topic, known=objects.generations, acks=objects.acks)


def _only_end(number: int, ends: "Offsets", state: str) -> Partition:
    return Partition(
        partition=number, frontier=None, end=ends.stable, lag=None, oldest=None, state=state
    )


def _partition(
    reader: "TopicReader",
    topic: "Topic",
    number: int,
    found: "Offsets",
    frontier: int | None,
    *,
    max_lag: int,
    now: datetime,
) -> Partition:
    first = max(found.start, frontier or 0)
    record = reader.first_after(topic.name, number, first) if first < found.stable else None
    oldest = None if record is None else datetime.fromtimestamp(record.timestamp / 1000, UTC)
    state = NO_LAG
    if frontier is not None and frontier < found.start:
        state = DISCARDED
    elif oldest is not None:
        state = LATE if (now - oldest).total_seconds() > max_lag else IN_FLIGHT
    return Partition(
        partition=number,
        frontier=frontier,
        end=found.stable,
        lag=0 if oldest is None else found.stable - first,
        oldest=oldest,
        state=state,
    )
