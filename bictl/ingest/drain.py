"""Draining: a partition's range, read and sealed batch by batch, in order.

Sealing batch k runs beside reading batch k + 1; at most one is being sealed, so a batch is durable
before the next one is. Memory holds one growing batch and one that is being sealed.

The first read of a partition begins with the record that was sealed last, so that nothing is sealed
behind a record that is another one by now.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from bictl.errors import RetentionPassed
from bictl.ingest.batch import Draft, Growing
from bictl.ingest.frontier_object import Anchor
from bictl.ingest.identity import another_record, check_same
from bictl.ingest.seal import Sealed, Sealer
from bictl.records import Range, Record, Stop
from bictl.settings import Ingest, Table
from bictl.wire import LineEncoder

if TYPE_CHECKING:
    from bictl.clients.topics import Chunk, TopicReader

OnRead = Callable[[int, int], None]  # records and bytes of lines, each since the last call


class Drain:
    """Drains ranges of one topic; `left` is how many records it may still read, `anchors` are the
    last sealed records."""

    def __init__(
        self,
        reader: "TopicReader",
        sealer: Sealer,
        pool: ThreadPoolExecutor,
        *,
        table: Table,
        limits: Ingest,
        anchors: Mapping[int, Anchor],
        left: int | None,
        stop: Stop,
        on_read: OnRead,
    ) -> None:
        self._reader, self._sealer, self._pool = reader, sealer, pool
        self._table, self._anchors = table, dict(anchors)
        self._limits, self._stop, self._on_read = limits, stop, on_read
        self.left = left
        self._sealing: tuple[Draft, Future[Sealed]] | None = None
        self._sealed: list[Sealed] = []

    def drain(self, wanted: Range) -> list[Sealed]:
        """Everything in the range that there is, sealed; less when it was stopped or `left` is 0.

        Raises TopicRecreated before a record of another topic is sealed, RetentionPassed after what
        was read is sealed, BatchConflict.
        """
        self._sealed, position = [], wanted.first
        encoder = LineEncoder(self._sealer.topic.name, wanted.partition)
        while position < wanted.next and not self._is_over():
            position = self._stretch(encoder, Range(wanted.partition, position, wanted.next))
        return self._sealed

    def _stretch(self, encoder: LineEncoder, wanted: Range) -> int:
        """Reads on until the end, or until a batch was adopted that ends elsewhere than ours.

        The position to go on from.
        """
        growing = self._begin(encoder, wanted.partition, wanted.first)
        try:
            for chunk in self._chunks(wanted):
                growing, elsewhere = self._take(encoder, growing, chunk)
                if elsewhere is not None:
                    self._give_back(growing.records)
                    return elsewhere
        except RetentionPassed:
            self._hand_over(growing)
            self._settle()
            raise
        elsewhere = self._hand_over(growing)
        if elsewhere is None:
            elsewhere = self._settle()
        return growing.next if elsewhere is None else elsewhere

    def _chunks(self, wanted: Range) -> "Iterator[Chunk]":
        """What Kafka serves of the range, once it has proved to follow what was sealed."""
        anchor = self._anchors.get(wanted.partition)
        if anchor is None or anchor.offset >= wanted.first:  # a hole below it
            yield from self._read(wanted)
            return
        del self._anchors[wanted.partition]
        compared = False
        try:
            for chunk in self._read(replace(wanted, first=anchor.offset)):
                if chunk.records and not compared:
                    self._compare(anchor, wanted.partition, chunk.records[0])
                    compared = True
                if chunk.next > wanted.first:
                    yield _from(chunk, wanted.first)
        except RetentionPassed:
            if compared:
                raise
            yield from self._read(wanted)  # Kafka discarded that record, and perhaps nothing more

    def _read(self, wanted: Range) -> "Iterator[Chunk]":
        return self._reader.read(
            self._sealer.topic.name,
            wanted.partition,
            first=wanted.first,
            end=wanted.next,
            stop=self._is_over,
        )

    def _compare(self, anchor: Anchor, partition: int, record: Record) -> None:
        """TopicRecreated when another record stands where the last sealed one was."""
        if record.offset == anchor.offset and Anchor.of(record) != anchor:
            check_same(self._reader, self._sealer.topic)
            raise another_record(self._table, self._sealer.generation, partition, anchor)

    def _take(
        self, encoder: LineEncoder, growing: Growing, chunk: "Chunk"
    ) -> tuple[Growing, int | None]:
        """Takes a chunk into batches; what grows now, and where to go on if not here."""
        at, records = 0, chunk.records[: self.left]
        whole = len(records) == len(chunk.records)
        while True:
            before = growing.unpacked
            taken = growing.take(records[at:] if at else records)
            at += taken
            self._give_back(-taken)
            self._on_read(taken, growing.unpacked - before)
            if at == len(records) and whole:
                growing.pass_to(chunk.next)
            if not growing.is_full:
                return growing, None
            elsewhere = self._hand_over(growing)
            if elsewhere is not None:
                return growing, elsewhere
            growing = self._begin(encoder, growing.partition, growing.next)
            if at == len(records):
                return growing, None

    def _begin(self, encoder: LineEncoder, partition: int, first: int) -> Growing:
        return Growing(
            encoder,
            partition=partition,
            first=first,
            most_records=self._limits.batch_records,
            most_bytes=self._limits.batch_bytes,
        )

    def _hand_over(self, growing: Growing) -> int | None:
        """Starts sealing once the batch before is durable; where to go on when not behind it."""
        elsewhere = self._settle()
        if elsewhere is not None or growing.next == growing.first:
            return elsewhere
        check_same(self._reader, self._sealer.topic)
        draft = growing.finish()
        self._sealing = draft, self._pool.submit(self._sealer.seal, draft)
        return None

    def _settle(self) -> int | None:
        """Waits for the batch that is being sealed; its end when that is another one than ours."""
        if self._sealing is None:
            return None
        (draft, sealing), self._sealing = self._sealing, None
        sealed = sealing.result()
        self._sealed.append(sealed)
        return None if sealed.manifest.next == draft.next else sealed.manifest.next

    def _is_over(self) -> bool:
        return self.left == 0 or self._stop()

    def _give_back(self, records: int) -> None:
        if self.left is not None:
            self.left += records


def _from(chunk: "Chunk", first: int) -> "Chunk":
    """The chunk without the records below `first`."""
    if not chunk.records or chunk.records[0].offset >= first:
        return chunk
    return replace(chunk, records=[one for one in chunk.records if one.offset >= first])
