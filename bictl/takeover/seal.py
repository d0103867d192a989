"""Old records into sealed batches: only offsets that none covers yet, cut where they have a gap.

A record that Kafka still serves is sealed as Kafka has it, byte by byte and with its headers; the
old words of it only have to say the same.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bictl.errors import BatchConflict, RetentionPassed
from bictl.ingest.acks import without
from bictl.ingest.batch import Growing
from bictl.ingest.frontier import chain, partitions
from bictl.ingest.seal import Sealer
from bictl.records import Manifest, Range, Record
from bictl.settings import Ingest
from bictl.takeover.lines import OldRecord
from bictl.takeover.same import is_same_record
from bictl.wire import Line, LineEncoder, parse_line, read_lines

if TYPE_CHECKING:
    from bictl.clients.topics import Offsets, TopicReader

_AT_ONCE = 5_000  # records that are compared with Kafka in one read
_BATCHES = 4  # sealed batches that are kept in memory for comparisons


@dataclass(frozen=True, kw_only=True)
class Different:
    """An old record that says something else than the record that stands at its offset."""

    old: OldRecord
    standing: str  # the key of the sealed batch

    @property
    def place(self) -> Range:
        """Where it is."""
        return Range(self.old.partition, self.old.offset, self.old.offset + 1)


class Coverage:
    """Which offsets of one generation the sealed batches cover; it grows with what is sealed."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer
        self._batches: dict[int, dict[int, Manifest]] = {}
        self._lines: dict[str, dict[int, Line]] = {}
        for partition in partitions(sealer.objects, sealer.prefix, sealer.generation.name):
            self.refresh(partition)

    def refresh(self, partition: int) -> None:
        """Reads what is sealed of a partition now."""
        found = chain(
            self._sealer.objects, self._sealer.prefix, self._sealer.generation.name, partition
        )
        self._batches[partition] = {manifest.first: manifest for manifest in found}

    def add(self, manifest: Manifest) -> None:
        """A batch was sealed."""
        self._batches.setdefault(manifest.partition, {})[manifest.first] = manifest

    def ranges(self, partition: int) -> list[Range]:
        """What is covered, ascending."""
        batches = self._batches.get(partition, {})
        return [batches[first].range for first in sorted(batches)]

    def split(
        self, records: Sequence[OldRecord]
    ) -> tuple[list[OldRecord], list[tuple[OldRecord, Manifest]]]:
        """Ascending records of one partition: those that nothing covers, and the others with the
        batch that does."""
        batches = self._batches.get(records[0].partition, {}) if records else {}
        ordered = [batches[first] for first in sorted(batches)]
        free, taken, at = list[OldRecord](), list[tuple[OldRecord, Manifest]](), 0
        for record in records:
            while at < len(ordered) and ordered[at].next <= record.offset:
                at += 1
            if at < len(ordered) and ordered[at].first <= record.offset:
                taken.append((record, ordered[at]))
            else:
                free.append(record)
        return free, taken

    def key(self, manifest: Manifest) -> str:
        """The key of a batch's object."""
        return manifest.name.key(self._sealer.prefix)

    def line(self, manifest: Manifest, offset: int) -> Line | None:
        """The sealed record at an offset; None where the batch holds none there."""
        key = self.key(manifest)
        if key not in self._lines:
            while len(self._lines) >= _BATCHES:
                self._lines.pop(next(iter(self._lines)))
            body = self._sealer.objects.get(key)[0]
            lines = (parse_line(text) for text in read_lines(body))
            self._lines[key] = {line.offset: line for line in lines}
        return self._lines[key].get(offset)


@dataclass
class Sealing:
    """Seals old records; counts what it did. `offsets` are Kafka's, empty where it is not asked."""

    sealer: Sealer
    coverage: Coverage
    limits: Ingest
    reader: "TopicReader | None" = None
    offsets: "Mapping[int, Offsets]" = field(default_factory=dict)
    batches: int = 0
    records: int = 0

    def seal(self, records: Sequence[OldRecord]) -> list[Different]:
        """Seals those of ascending records of one partition that stand in no batch; the ones that
        differ from what stands, or is sealed now, at their offsets."""
        free, taken = self.coverage.split(records)
        different, absent = self._compare(taken)
        while free:
            for island in islands(free):
                different += self._seal_island(island)
            free, _ = self.coverage.split(free)  # another run may have cut them elsewhere
        for island in islands(absent):
            different += self._seal_in_gap(island)
        return different

    def _compare(
        self, taken: "Sequence[tuple[OldRecord, Manifest]]"
    ) -> tuple[list[Different], list[OldRecord]]:
        """Those that differ from the sealed record, and those that their batch does not hold:
        Kafka had compacted them before it was read."""
        different, absent = list[Different](), list[OldRecord]()
        for record, manifest in taken:
            line = self.coverage.line(manifest, record.offset)
            if line is None:
                absent.append(record)
            elif not is_same_record(line, record):
                different.append(Different(old=record, standing=self.coverage.key(manifest)))
        return different, absent

    def _seal_in_gap(self, island: Sequence[OldRecord]) -> list[Different]:
        """The same beside a batch that answers for these offsets and holds nothing there."""
        try:
            return self._seal_island(island)
        except BatchConflict:  # a batch begins with this gap, so its name is taken
            _, taken = self.coverage.split(island)
            keys = [(record, self.coverage.key(manifest)) for record, manifest in taken]
            return [Different(old=record, standing=key) for record, key in keys]

    def _seal_island(self, island: Sequence[OldRecord]) -> list[Different]:
        partition, other = island[0].partition, list[OldRecord]()
        encoder = LineEncoder(self.sealer.topic.name, partition)
        growing = self._begin(encoder, partition, island[0].offset)
        for part in _parts(island):
            records, differing = self._as_kafka_has_them(part)
            other, at = other + differing, 0
            while at < len(records):
                at += growing.take(records[at:])
                if growing.is_full:
                    self._finish(growing)
                    growing = self._begin(encoder, partition, growing.next)
        if growing.records:
            self._finish(growing)
        _, sealed = self.coverage.split(other)
        return [Different(old=old, standing=self.coverage.key(batch)) for old, batch in sealed]

    def _begin(self, encoder: LineEncoder, partition: int, first: int) -> Growing:
        return Growing(
            encoder,
            partition=partition,
            first=first,
            most_records=self.limits.batch_records,
            most_bytes=self.limits.batch_bytes,
        )

    def _finish(self, growing: Growing) -> None:
        draft = growing.finish()
        try:
            sealed = self.sealer.seal(draft)
        except BatchConflict:
            self.coverage.refresh(draft.partition)  # ingest on another host may have sealed it
            whole = Range(draft.partition, draft.first, draft.next)
            if without(whole, self.coverage.ranges(draft.partition)):
                raise
            return
        self.coverage.add(sealed.manifest)
        if not sealed.adopted:
            self.batches += 1
            self.records += sealed.manifest.records

    def _as_kafka_has_them(
        self, part: Sequence[OldRecord]
    ) -> tuple[Sequence[Record], list[OldRecord]]:
        """Kafka's own record where it still serves one; the old records that differ from it."""
        found = self.offsets.get(part[0].partition)
        if self.reader is None or found is None:
            return part, []
        first, end = max(part[0].offset, found.start), min(part[-1].offset + 1, found.stable)
        served: dict[int, Record] = {}
        if first < end:
            with suppress(RetentionPassed):  # discarded meanwhile: the old words are all there is
                chunks = self.reader.read(
                    self.sealer.topic.name, part[0].partition, first=first, end=end
                )
                served = {record.offset: record for chunk in chunks for record in chunk.records}
        records = [served.get(old.offset, old) for old in part]
        other = [
            old
            for old, record in zip(part, records, strict=True)
            if record is not old and not is_same_record(record, old)
        ]
        return records, other


def islands(records: Sequence[OldRecord]) -> Iterator[Sequence[OldRecord]]:
    """Ascending records, cut where an offset is missing."""
    start = 0
    for at in range(1, len(records) + 1):
        if at == len(records) or records[at].offset != records[at - 1].offset + 1:
            yield records[start:at]
            start = at


def _parts(records: Sequence[OldRecord]) -> Iterator[Sequence[OldRecord]]:
    for start in range(0, len(records), _AT_ONCE):
        yield records[start : start + _AT_ONCE]
