"""Draining: a partition's range, read and sealed batch by batch, in order.

Sealing batch k runs beside reading batch k + 1; at most one is being sealed, so a batch is durable
before the next one is. Memory holds one growing batch and one that is being sealed.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from bictl.errors import RetentionPassed
from bictl.ingest.batch import Draft, Growing
from bictl.ingest.identity import check_same
from bictl.ingest.seal import Sealed, Sealer
from bictl.records import Range, Stop
from bictl.settings import Ingest
from bictl.wire import LineEncoder

if TYPE_CHECKING:
    from bictl.clients.topics import Chunk, TopicReader

OnRead = Callable[[int, int], None]  # records and bytes of lines, each since the last call


class Drain:
    """Drains ranges of one topic; `left` is how many records it may still read."""

    def __init__(
        self,
        reader: "TopicReader",
        sealer: Sealer,
        pool: ThreadPoolExecutor,
        *,
        limits: Ingest,
        left: int | None,
        stop: Stop,
        on_read: OnRead,
    ) -> None:
        self._reader, self._sealer, self._pool = reader, sealer, pool
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
            for chunk in self._reader.read(
                self._sealer.topic.name,
                wanted.partition,
                first=wanted.first,
                end=wanted.next,
                stop=self._is_over,
            ):
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
