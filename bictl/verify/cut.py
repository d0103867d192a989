"""The cut: where every partition ended at one moment, fixed before anything downstream is read."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from bictl.records import Range, Topic
from bictl.verify.shelf import Shelf

if TYPE_CHECKING:
    from bictl.clients.topics import TopicReader
    from bictl.ingest.frontier_object import Anchor as LastSealed


@dataclass(frozen=True, kw_only=True)
class Anchor:
    """Whether the last sealed record still stands in Kafka; None when nothing stands there."""

    partition: int
    offset: int
    same: bool | None


@dataclass(frozen=True, kw_only=True)
class Part:
    """One partition at the cut. `frontier_then` was read before the ends, `frontier` after them.

    `oldest` is the timestamp in milliseconds of the first record at or above the frontier.
    """

    partition: int
    start: int
    end: int  # read_committed: the last stable offset
    high: int
    frontier_then: int = 0
    frontier: int | None = None
    oldest: int | None = None

    @property
    def waiting(self) -> Range:
        """Offsets above the frontier that can be read; empty where no record stands there."""
        first = max(self.start, self.start if self.frontier is None else self.frontier)
        return Range(
            self.partition, first, max(first, self.end) if self.oldest is not None else first
        )


@dataclass(frozen=True, kw_only=True)
class Life:
    """The generation that a topic's records belong to now.

    `accepted` is False for a topic that is another one than was read; `next` is the name that a
    person accepts then.
    """

    name: str
    accepted: bool
    next: str


@dataclass(frozen=True, kw_only=True)
class Cut:
    """The topic at one moment."""

    topic: Topic
    life: Life
    at: datetime
    parts: tuple[Part, ...]

    @property
    def generation(self) -> str:
        """The generation that its offsets belong to."""
        return self.life.name

    @property
    def partitions(self) -> set[int]:
        """The partitions that the topic has."""
        return set(self.topic.partitions)

    @property
    def has_records(self) -> bool:
        """Whether anything was ever written to the topic, as far as its offsets tell."""
        return any(part.end > 0 for part in self.parts)

    def age(self, part: Part) -> int | None:
        """Seconds since the oldest waiting record was written."""
        if part.oldest is None:
            return None
        return int(self.at.timestamp() - part.oldest / 1000)

    def is_ahead(self, part: Part, max_lag: int) -> bool:
        """Whether the timestamp lies so far in the future that it says nothing about age."""
        age = self.age(part)
        return age is not None and age < -max_lag

    def is_late(self, part: Part, max_lag: int) -> bool:
        """Whether a record above the frontier is older than what may be in flight."""
        age = self.age(part)
        return age is not None and age > max_lag and len(part.waiting) > 0

    @property
    def words(self) -> tuple[str, ...]:
        """`0:61443` a partition."""
        return tuple(f"{part.partition}:{part.end}" for part in self.parts)


@dataclass(frozen=True, kw_only=True)
class Ends:
    """What the broker said at t0, before the shelf was read."""

    topic: Topic
    at: datetime
    parts: tuple[Part, ...]


def read_ends(
    reader: "TopicReader", topic: Topic, *, frontiers: Mapping[int, int], at: datetime
) -> Ends:
    """The stable end of each partition; `frontiers` are what was known just before."""
    known = {part: frontiers[part] for part in topic.partitions if part in frontiers}
    offsets = reader.offsets(topic.name, topic.partitions, known=known)
    return Ends(
        topic=topic,
        at=at,
        parts=tuple(
            Part(
                partition=partition,
                start=found.start,
                end=found.stable,
                high=found.high,
                frontier_then=known.get(partition, 0),
            )
            for partition, found in sorted(offsets.items())
        ),
    )


def fix(reader: "TopicReader", ends: Ends, shelf: Shelf, life: Life) -> Cut:
    """The cut: the ends at t0 beside the frontiers that the objects give after it."""
    return Cut(
        topic=ends.topic,
        life=life,
        at=ends.at,
        parts=tuple(_waiting(reader, ends.topic, part, shelf, life) for part in ends.parts),
    )


def _waiting(reader: "TopicReader", topic: Topic, part: Part, shelf: Shelf, life: Life) -> Part:
    """The partition with its frontier and the first record above it."""
    frontier = shelf.frontier((life.name, part.partition)) if life.accepted else None
    first = max(part.start, frontier or 0)
    record = reader.first_after(topic.name, part.partition, first) if first < part.end else None
    inside = record is not None and record.offset < part.end
    return replace(
        part,
        frontier=frontier,
        oldest=record.timestamp if record is not None and inside else None,
    )


def choose_life(topic: Topic, shelf: Shelf) -> Life:
    """Which generation the topic's records belong to, by the rule that ingest follows too."""
    from bictl.ingest.acks import Ack
    from bictl.ingest.frontier import Generation
    from bictl.ingest.identity import choose_generation, next_name

    known = [Generation(number, name, topic.name) for number, name in shelf.generations]
    acks = [
        Ack(kind="generation", generation=item.generation, reason="", person="", at="")
        for item in shelf.acked
        if item.accepts_generation
    ]
    found = choose_generation(topic, known=known, acks=acks)
    if found is None:
        return Life(name=known[-1].name, accepted=False, next=str(topic.id))
    return Life(name=found.name, accepted=True, next=next_name(found))


def compare_anchors(
    reader: "TopicReader", cut: Cut, last_sealed: "Mapping[int, LastSealed]"
) -> tuple[Anchor, ...]:
    """Reads the last sealed record of each partition again."""
    from bictl.ingest.anchor import still_there

    return tuple(
        Anchor(
            partition=partition,
            offset=sealed.offset,
            same=still_there(reader, cut.topic.name, partition, sealed),
        )
        for partition, sealed in last_sealed.items()
    )
