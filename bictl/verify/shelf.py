"""The shelf: every object under a table's prefix as it was listed, and what its own bytes say.

`Batch.held` is the exact set of offsets that an object holds. A manifest that counts as many
records as its range has offsets says it alone; where the range has legal gaps, the body is read.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from bictl.records import LEGACY, BatchName, Manifest, Range
from bictl.verify.ranges import Ranges, in_words, merged, subtract, total

if TYPE_CHECKING:
    from bictl.clients.objects import ObjectInfo
    from bictl.ingest.frontier_object import FrontierObject


@dataclass(frozen=True, kw_only=True)
class Batch:
    """One sealed object. `damage` says why it is not to be trusted; `held` is None when unread."""

    key: str
    size: int
    name: BatchName
    manifest: Manifest | None = None
    damage: str = ""
    held: Ranges | None = None
    modified: datetime | None = None  # when the store says it was written

    @property
    def sound(self) -> bool:
        """Whether its manifest may be believed."""
        return self.manifest is not None and not self.damage

    @property
    def own_manifest(self) -> Manifest | None:
        """The manifest that says it belongs here; another one tells nothing of this place."""
        manifest = self.manifest
        return manifest if manifest is not None and manifest.name == self.name else None

    @property
    def records(self) -> int:
        """How many records it holds, as far as it can be trusted."""
        if not self.sound or self.manifest is None:
            return 0
        return self.manifest.records if self.held is None else total(self.held)


@dataclass(frozen=True, kw_only=True)
class Acked:
    """A range, a whole generation's arrival or a reason of quarantine that a person acknowledged.

    `void` are the offsets of the range that Kafka still serves: nobody can acknowledge those.
    """

    generation: str
    range: Range | None
    words: str
    key: str = ""
    sqlstate: str = ""  # of a reason of quarantine
    expired: bool = False
    void: Ranges = ()

    @property
    def accepts_generation(self) -> bool:
        """Whether it is about a generation's arrival."""
        return self.range is None and not self.sqlstate

    @property
    def lost(self) -> Ranges:
        """The offsets that it takes for lost."""
        return () if self.range is None else subtract([self.range], self.void)

    @property
    def said(self) -> str:
        """Its words, and whether it counts."""
        if self.void:
            return f"{self.words} (void where Kafka still serves it: {in_words(self.void)})"
        return f"{self.words} (expired)" if self.expired else self.words


Chain = tuple[Batch, ...]
Place = tuple[str, int]  # generation, partition


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """All batches in the order of their keys; `since` is where a quick look starts.

    `kept` are the frontier objects, read before the batches were listed, so that they are never
    ahead of them by a race; `damaged` says of the key of another one why it is not believed.
    """

    batches: tuple[Batch, ...] = ()
    foreign: tuple[str, ...] = ()
    old: "tuple[ObjectInfo, ...]" = ()  # of the scripts that were here before
    acked: tuple[Acked, ...] = ()
    since: dict[Place, int] = field(default_factory=dict)
    kept: "Mapping[Place, FrontierObject]" = field(default_factory=dict)
    damaged: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """Every partition that a batch ever stood for."""
        return tuple(sorted({*self.chains, *self.kept}))

    @cached_property
    def chains(self) -> dict[Place, Chain]:
        """Each partition's batches by their first offset."""
        found: dict[Place, list[Batch]] = {}
        for batch in self.batches:
            found.setdefault((batch.name.generation, batch.name.partition), []).append(batch)
        return {
            place: tuple(sorted(chain, key=lambda batch: batch.name.first))
            for place, chain in sorted(found.items())
        }

    @cached_property
    def generations(self) -> tuple[tuple[int, str], ...]:
        """(number, name) of each generation in their order, which only the manifests know."""
        numbers = {place[0]: one.newest.generation_no for place, one in self.kept.items()}
        for batch in self.batches:
            if (manifest := batch.own_manifest) is not None:
                name, number = batch.name.generation, manifest.generation_no
                numbers[name] = max(number, numbers.get(name, number))
        return tuple(sorted((number, name) for name, number in numbers.items()))

    def frontier(self, place: Place) -> int | None:
        """The next offset to read; None where nothing was ever sealed."""
        nexts = [end_of(batch) for batch in self.chains.get(place, ())]
        nexts += [self.kept[place].newest.next] if place in self.kept else []
        return max(nexts, default=self.since.get(place))

    def baseline(self, place: Place) -> int | None:
        """The first offset that a batch ever answered for."""
        firsts = [batch.name.first for batch in self.chains.get(place, ())[:1]]
        firsts += [self.kept[place].baseline] if place in self.kept else []
        return self.since.get(place, min(firsts, default=None))

    def acked_ranges(self, generation: str) -> Ranges:
        """Offsets of a generation that a person acknowledged as lost."""
        return merged(
            lost for item in self.acked if item.generation == generation for lost in item.lost
        )

    def held(self, place: Place) -> Ranges:
        """The exact offsets in the sound batches of one partition."""
        return merged(
            item for batch in self.chains.get(place, ()) if batch.sound for item in batch.held or ()
        )

    def claimed(self, place: Place) -> Ranges:
        """The ranges that the sound batches of one partition answer for, gaps included."""
        return merged(
            batch.manifest.range
            for batch in self.chains.get(place, ())
            if batch.sound and batch.manifest is not None
        )

    @property
    def legacy_records(self) -> int:
        """Records that were taken over and are of no life of the topic that is known."""
        return sum(batch.records for batch in self.batches if batch.name.generation == LEGACY)

    @property
    def sparse(self) -> bool:
        """Whether any batch has gaps: then offsets are only an upper bound of records."""
        return any(
            batch.manifest.records < len(batch.manifest.range)
            for batch in self.batches
            if batch.manifest is not None
        )


def end_of(batch: Batch) -> int:
    """Where the batch ends as far as it says itself: at least one offset behind its start."""
    manifest = batch.own_manifest
    return batch.name.first + 1 if manifest is None else manifest.next


def unclaimed(shelf: Shelf, place: Place) -> Ranges:
    """Offsets between baseline and frontier that no sound batch answers for, acks taken out.

    What legacy held beside its batches nobody can know.
    """
    first, frontier = shelf.baseline(place), shelf.frontier(place)
    generation, partition = place
    if first is None or frontier is None or generation == LEGACY:
        return ()
    return subtract(
        subtract([Range(partition, first, frontier)], shelf.claimed(place)),
        shelf.acked_ranges(generation),
    )


def overlaps(chain: Iterable[Batch]) -> list[tuple[Batch, Batch, Range]]:
    """Neighbours that answer for the same offsets."""
    found, reach = [], None
    for batch in chain:
        if reach is not None and batch.name.first < end_of(reach):
            shared = Range(
                batch.name.partition, batch.name.first, min(end_of(batch), end_of(reach))
            )
            found.append((reach, batch, shared))
        reach = batch if reach is None or end_of(batch) > end_of(reach) else reach
    return found
