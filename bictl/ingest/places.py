"""What is known of each partition when a run begins: how far it was sealed, and its last record."""

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bictl.errors import NotFound
from bictl.ingest.anchor import last_line
from bictl.ingest.frontier import Generation, names, partitions, read_manifest
from bictl.ingest.frontier_object import Anchor, FrontierObject, Kept
from bictl.records import BatchName, Manifest, Range

if TYPE_CHECKING:
    from bictl.clients.objects import ObjectStore


@dataclass(frozen=True, kw_only=True)
class Place:
    """A partition: what its frontier object has to say, by the batches that are there and by what
    it says itself. `standing` is where the newest batch ends that is there; None when none is."""

    known: FrontierObject
    standing: int | None

    @property
    def frontier(self) -> int:
        """The next offset to read."""
        return self.known.newest.next

    @property
    def lost(self) -> Range:
        """What was sealed behind batches that are still there, and is gone: it did not expire."""
        first = self.frontier if self.standing is None else self.standing
        return Range(self.known.newest.partition, first, self.frontier)


def known_places(
    objects: "ObjectStore", prefix: str, generation: Generation, *, kept: Kept
) -> dict[int, Place]:
    """Every partition of the generation that was ever sealed."""
    found = {
        partition: _known(objects, prefix, generation.name, partition, kept)
        for partition in partitions(objects, prefix, generation.name, kept=kept)
    }
    return {partition: known for partition, known in found.items() if known is not None}


def _known(
    objects: "ObjectStore", prefix: str, generation: str, partition: int, kept: Kept
) -> Place | None:
    listed = names(objects, prefix, generation, partition)
    remembered = kept.found.get((generation, partition))
    standing = (read_manifest(objects, prefix, name) for name in reversed(listed))
    newest = next((manifest for manifest in standing if manifest is not None), None)
    if newest is None:
        return None if remembered is None else Place(known=remembered, standing=None)
    first = _first(objects, prefix, listed, newest, remembered)
    if remembered is not None and remembered.newest.next >= newest.next:
        known = replace(remembered, baseline=min(first, remembered.baseline))
    else:
        anchor = _last(objects, prefix, listed) or (remembered.anchor if remembered else None)
        known = FrontierObject(newest=newest, baseline=first, anchor=anchor)
    return Place(known=known, standing=newest.next)


def _first(
    objects: "ObjectStore",
    prefix: str,
    listed: list[BatchName],
    newest: Manifest,
    remembered: FrontierObject | None,
) -> int:
    """The first offset that a batch ever answered for, as far as that is known."""
    bound = newest.first if remembered is None else min(newest.first, remembered.baseline)
    for name in listed:
        if name.first >= bound:
            return bound
        if read_manifest(objects, prefix, name) is not None:
            return name.first
    return bound


def _last(objects: "ObjectStore", prefix: str, listed: list[BatchName]) -> Anchor | None:
    """The last sealed record; None where its object cannot be read, which verify reports."""
    for name in reversed(listed):
        manifest = read_manifest(objects, prefix, name)
        if manifest is not None and manifest.records:
            with suppress(ValueError, NotFound):
                line = last_line(objects.get(name.key(prefix))[0])
                return None if line is None else Anchor.of(line)
            return None
    return None
