"""A batch while it grows: lines packed as they come, counted, and cut at whichever limit is met."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from bictl.ingest.frontier_object import Anchor
from bictl.records import Record
from bictl.wire import LineEncoder, LinePacker

_PORTION = 1 << 20  # bytes of lines that are packed at once


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A batch that is complete but not sealed; the fields are those of its manifest, and `last` is
    its last record."""

    partition: int
    first: int
    next: int
    records: int
    tombstones: int
    min_timestamp: int | None
    max_timestamp: int | None
    unpacked: int
    body: bytes
    sha256: str
    last: Anchor | None = None


class Growing:
    """Takes the records of one partition from `first` on, until a limit is met.

    `next` is the consumer position behind what it took; bytes are those of the lines.
    """

    def __init__(
        self,
        encoder: LineEncoder,
        *,
        partition: int,
        first: int,
        most_records: int,
        most_bytes: int,
    ) -> None:
        self._encoder, self._packer = encoder, LinePacker()
        self._most_records, self._most_bytes = most_records, most_bytes
        self.partition, self.first, self.next = partition, first, first
        self.records = self._tombstones = 0
        self._span: tuple[int, int] | None = None  # of timestamps
        self._last: Record | None = None

    @property
    def unpacked(self) -> int:
        """Bytes of lines so far."""
        return self._packer.unpacked

    @property
    def is_full(self) -> bool:
        """Whether a limit is met."""
        return self.records >= self._most_records or self.unpacked >= self._most_bytes

    def take(self, records: Sequence[Record]) -> int:
        """Takes records up to the limits; how many it took."""
        offered = records[: self._most_records - self.records]
        at = 0
        while at < len(offered) and self.unpacked < self._most_bytes:
            at += self._pack(offered, at)
        self._count(offered[:at])
        return at

    def pass_to(self, position: int) -> None:
        """The consumer went on to `position` without a record: control records, compaction."""
        self.next = max(self.next, position)

    def finish(self) -> Draft:
        """The complete batch."""
        body = self._packer.finish()
        return Draft(
            partition=self.partition,
            first=self.first,
            next=self.next,
            records=self.records,
            tombstones=self._tombstones,
            min_timestamp=self._span[0] if self._span else None,
            max_timestamp=self._span[1] if self._span else None,
            unpacked=self.unpacked,
            body=body,
            sha256=hashlib.sha256(body).hexdigest(),
            last=None if self._last is None else Anchor.of(self._last),
        )

    def _pack(self, records: Sequence[Record], start: int) -> int:
        """Packs one portion of lines; how many."""
        room = min(_PORTION, self._most_bytes - self.unpacked)
        encode, lines, size = self._encoder.encode, [], 0
        for record in islice(records, start, None):
            line = encode(record)
            lines.append(line)
            size += len(line)
            if size >= room:
                break
        self._packer.add(b"".join(lines))
        return len(lines)

    def _count(self, taken: Sequence[Record]) -> None:
        if not taken:
            return
        times = [record.timestamp for record in taken] + list(self._span or ())
        self._span = min(times), max(times)
        self._tombstones += sum(record.value is None for record in taken)
        self.records += len(taken)
        self._last = taken[-1]
        self.next = self._last.offset + 1
