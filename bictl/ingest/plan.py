"""What a run has to read: each partition from its frontier to its end, or why that cannot be."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bictl.errors import EndBelowFrontier, RetentionPassed, TopicRecreated
from bictl.ingest.acks import Ack, acked_ranges, without
from bictl.ingest.identity import ack_generation_hint, in_words, next_name
from bictl.records import Manifest, Range
from bictl.settings import Table

if TYPE_CHECKING:
    from bictl.clients.topics import Offsets
    from bictl.ingest.frontier import Generation


@dataclass(frozen=True, kw_only=True)
class Span:
    """One partition's work: read `[first, end)`. `frontier` is None where nothing is sealed yet,
    `high` the end with the records of open transactions."""

    partition: int
    frontier: int | None
    first: int
    end: int
    high: int

    @property
    def range(self) -> Range:
        """The offsets to read."""
        return Range(self.partition, self.first, max(self.first, self.end))


def plan(
    offsets: Mapping[int, "Offsets"],
    *,
    frontiers: Mapping[int, int],
    acks: Sequence[Ack],
    generation: "Generation",
    table: Table,
) -> list[Span]:
    """Each partition's work, ascending; a partition without a batch begins at its log's start.

    Raises TopicRecreated for a partition that is gone, EndBelowFrontier for a log that ends too
    early, and RetentionPassed for offsets that are gone and that nobody acknowledged: with all
    ranges of all partitions.
    """
    gone = sorted(set(frontiers) - set(offsets))
    if gone:
        raise TopicRecreated(
            f"{table.topic} has {len(offsets)} partitions; partitions {gone} were read before",
            hint=ack_generation_hint(table, next_name(generation)),
        )
    _check_ends(offsets, frontiers, generation, table)
    _check_starts(offsets, frontiers, acks, generation, table)
    return [
        Span(
            partition=partition,
            frontier=frontiers.get(partition),
            first=max(found.start, frontiers.get(partition, 0)),
            end=found.stable,
            high=found.high,
        )
        for partition, found in sorted(offsets.items())
    ]


def late_starts(
    spans: Sequence[Span], *, acks: Sequence[Ack], generation: "Generation"
) -> list[str]:
    """Sentences about partitions whose reading begins above offset 0 and that nobody acknowledged:
    a snapshot may hold what was gone by then, which only verify can tell."""
    new = {span.partition: span.first for span in spans if span.frontier is None}
    below = [Range(partition, 0, first) for partition, first in new.items()]
    late = not_acked(below, acks, generation, new)
    return [f"{in_words(late)} gone before the first run (bictl verify, K11)"] if late else []


def not_acked(
    ranges: Iterable[Range],
    acks: Sequence[Ack],
    generation: "Generation",
    starts: Mapping[int, int],
) -> list[Range]:
    """What nobody acknowledged of the ranges; nobody can what stands above the log's start."""
    found: list[Range] = []
    for one in ranges:
        below = starts[one.partition]
        acked = acked_ranges(acks, generation.name, one.partition, below=below)
        found += without(one, acked)
    return found


def still_served(ranges: Iterable[Range], starts: Mapping[int, int]) -> list[Range]:
    """What Kafka still has of the ranges."""
    found = [
        Range(one.partition, max(one.first, starts[one.partition]), one.next) for one in ranges
    ]
    return [one for one in found if one.first < one.next]


def gone_twice(ranges: Iterable[Range], starts: Mapping[int, int]) -> list[str]:
    """Sentences about ranges that were sealed, are in no object, and are not in Kafka any more."""
    below = [
        Range(one.partition, one.first, min(one.next, starts[one.partition])) for one in ranges
    ]
    gone = [one for one in below if one.first < one.next]
    said = f"{in_words(gone)} sealed once, in no object and not in Kafka any more (bictl verify)"
    return [said] if gone else []


def holes(
    chain: Sequence[Manifest],
    *,
    partition: int,
    start: int,
    end: int,
    acks: Sequence[Ack],
    generation: "Generation",
    table: Table,
) -> list[Range]:
    """Ranges below a partition's frontier `end` that no batch answers for and nobody acknowledged.

    Before the first batch and behind the last one too, as far as Kafka still has them (its log
    begins at `start`): they were sealed and are gone, expired perhaps. RetentionPassed for holes
    between batches that Kafka does not have any more.
    """
    acked = acked_ranges(acks, generation.name, partition, below=start)
    found, position = [], min(start, chain[0].first) if chain else start
    for manifest in chain:
        if manifest.first > position:
            found += without(Range(partition, position, manifest.first), acked)
        position = max(position, manifest.next)
    lost = [Range(hole.partition, hole.first, min(hole.next, start)) for hole in found]
    _raise_lost([hole for hole in lost if hole.first < hole.next], table)
    behind = Range(partition, max(position, start), end)
    return [*found, *without(behind, acked)]


def _check_ends(
    offsets: Mapping[int, "Offsets"],
    frontiers: Mapping[int, int],
    generation: "Generation",
    table: Table,
) -> None:
    short = [
        Range(partition, offsets[partition].high, frontier)
        for partition, frontier in sorted(frontiers.items())
        if offsets[partition].high < frontier
    ]
    if short:
        raise EndBelowFrontier(
            f"{table.topic} ends before what was read: {in_words(short)} are sealed, and are not in"
            " Kafka any more",
            hint="the topic was restored or recreated, or an unclean election truncated it;"
            f" {ack_generation_hint(table, next_name(generation))}",
        )


def _check_starts(
    offsets: Mapping[int, "Offsets"],
    frontiers: Mapping[int, int],
    acks: Sequence[Ack],
    generation: "Generation",
    table: Table,
) -> None:
    lost: list[Range] = []
    for partition, frontier in sorted(frontiers.items()):
        start = offsets[partition].start
        if start > frontier:
            acked = acked_ranges(acks, generation.name, partition, below=start)
            lost += without(Range(partition, frontier, start), acked)
    _raise_lost(lost, table)


def _raise_lost(lost: Sequence[Range], table: Table) -> None:
    if not lost:
        return
    ranges = " ".join(f"--range '{gone}'" for gone in lost)
    raise RetentionPassed(
        f"{table.topic}: Kafka discarded {in_words(lost)} ({sum(map(len, lost))} offsets) before"
        " they were read",
        hint=f"when nobody can bring them back: bictl ack --table {table.name} {ranges} --reason …,"
        " then run bictl ingest again",
    )
