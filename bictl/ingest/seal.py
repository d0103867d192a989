"""Sealing: one conditional PUT makes a batch durable; a taken key is compared, not overwritten.

The partition's frontier object follows each batch: killed between the two, it lags behind, and the
next run writes it.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bictl.errors import BatchConflict, BictlError
from bictl.ingest.anchor import last_line
from bictl.ingest.batch import Draft
from bictl.ingest.frontier_object import Anchor, FrontierObject, frontier_key, write_kept
from bictl.records import Manifest
from bictl.wire import Line, parse_line, read_lines

if TYPE_CHECKING:
    from bictl.clients.objects import ObjectStore
    from bictl.ingest.frontier import Generation
    from bictl.records import Topic

CONTENT_TYPE = "application/gzip"


@dataclass(frozen=True, kw_only=True)
class Sealed:
    """A batch that is durable; `adopted` when another run had sealed it. Sizes in bytes."""

    manifest: Manifest
    adopted: bool
    unpacked: int
    packed: int


@dataclass(frozen=True, kw_only=True)
class Sealer:
    """Writes the batches of one topic and generation under one prefix.

    `places` says what was known of each partition; it goes on with each batch. `notes` are what a
    person should know and what stops nothing.
    """

    objects: "ObjectStore"
    prefix: str
    topic: "Topic"
    generation: "Generation"
    run: str
    places: dict[int, FrontierObject] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def seal(self, draft: Draft) -> Sealed:
        """Makes the batch durable, or adopts the one that holds the same records already.

        BatchConflict when other records stand under the key; nothing is changed then.
        """
        manifest = self.manifest(draft)
        key = manifest.name.key(self.prefix)
        metadata = manifest.to_metadata()
        if self.objects.put_new(key, draft.body, metadata=metadata, content_type=CONTENT_TYPE):
            self._remember(manifest, draft.last)
            return Sealed(
                manifest=manifest, adopted=False, unpacked=draft.unpacked, packed=len(draft.body)
            )
        other, last = self._adopt(key, manifest, draft.body)
        self._remember(other, last)
        return Sealed(manifest=other, adopted=True, unpacked=0, packed=0)

    def keep(self, known: FrontierObject) -> None:
        """Writes a partition's frontier object. Where that fails the batches still say it all, so
        it is noted, once, and stops nothing."""
        self.places[known.newest.partition] = known
        try:
            write_kept(self.objects, self.prefix, known)
        except BictlError as error:
            note = f"{frontier_key(self.prefix, *known.place)} was not written: {error.message}"
            self.notes.extend([note] if not self.notes else [])

    def manifest(self, draft: Draft) -> Manifest:
        """What travels as the object's metadata."""
        return Manifest(
            cluster=self.topic.cluster,
            topic=self.topic.name,
            generation=self.generation.name,
            generation_no=self.generation.number,
            partition=draft.partition,
            first=draft.first,
            next=draft.next,
            records=draft.records,
            tombstones=draft.tombstones,
            sha256=draft.sha256,
            min_timestamp=draft.min_timestamp,
            max_timestamp=draft.max_timestamp,
            run=self.run,
        )

    def _remember(self, manifest: Manifest, last: Anchor | None) -> None:
        known = self.places.get(manifest.partition)
        if known is None:
            known = FrontierObject(newest=manifest, baseline=manifest.first, anchor=last)
        self.keep(known.with_batch(manifest, last))

    def _adopt(self, key: str, ours: Manifest, body: bytes) -> tuple[Manifest, Anchor | None]:
        """The other batch's manifest and last record, once its records have proved to be ours."""
        other_body, metadata = self.objects.get(key)
        try:
            other = Manifest.from_metadata(metadata)
            _check_other(other, ours, other_body)
            if other.sha256 != ours.sha256:
                _compare(ours, body, other, other_body)
            last = last_line(other_body)
        except ValueError as error:
            raise BatchConflict(
                f"another object stands where batch {ours.range} belongs: {key}: {error}",
                hint="nothing was overwritten; look at both (bictl verify), move the wrong one"
                " away, then run bictl ingest again",
            ) from None
        return other, None if last is None else Anchor.of(last)


def _check_other(other: Manifest, ours: Manifest, body: bytes) -> None:
    """ValueError when the object is not a whole batch of the same place."""
    place = (ours.topic, ours.name)
    if (other.topic, other.name) != place:
        raise ValueError(f"it is a batch of {other.topic} {other.generation} {other.range}")
    digest = hashlib.sha256(body).hexdigest()
    if digest != other.sha256:
        raise ValueError("its bytes are not those that it was sealed with")


def _compare(ours: Manifest, body: bytes, other: Manifest, other_body: bytes) -> None:
    """ValueError when one of our records is not in the other batch, where both could hold it.

    The other may hold records that we do not see: compaction removed them after it was sealed.
    """
    end = min(ours.next, other.next)
    theirs = _records(other_body, end)
    for record in _records(body, end):
        found = next((line for line in theirs if line.offset >= record.offset), None)
        if found is None or found.offset != record.offset:
            raise ValueError(f"it does not hold record {record.partition}:{record.offset}")
        if found != record:
            raise ValueError(f"record {record.partition}:{record.offset} is another one there")


def _records(body: bytes, end: int) -> Iterator[Line]:
    for text in read_lines(body):
        line = parse_line(text)
        if line.offset >= end:
            return
        yield line
