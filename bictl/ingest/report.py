"""What a run of ingest did."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bictl.counted import counted
from bictl.records import Range


@dataclass(frozen=True, kw_only=True)
class PartitionResult:
    """One partition: read from `first`, the frontier is `next` now, the log ended at `end`.

    `batches` were written by this run, `adopted` ones by another; `unpacked` and `packed` are
    bytes of lines and of objects. `open_offsets` wait for a transaction to end.
    """

    partition: int
    first: int
    next: int
    end: int
    records: int = 0
    batches: int = 0
    adopted: int = 0
    unpacked: int = 0
    packed: int = 0
    open_offsets: int = 0

    @property
    def waiting(self) -> Range:
        """What there was and was not read."""
        return Range(self.partition, self.next, max(self.next, self.end))


@dataclass(frozen=True, kw_only=True)
class IngestResult:
    """A run over one table; `notes` are for a person and change nothing, `warnings` are what one
    should look at."""

    table: str
    topic: str
    generation: str
    partitions: tuple[PartitionResult, ...]
    interrupted: bool = False
    dry_run: bool = False
    notes: tuple[str, ...] = field(default=())
    warnings: tuple[str, ...] = field(default=())
    exit_code: int = 0

    @property
    def records(self) -> int:
        """Records that this run sealed."""
        return self._sum("records")

    @property
    def batches(self) -> int:
        """Batches that this run sealed."""
        return self._sum("batches")

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One row a partition."""
        return [self._row(part) for part in self.partitions]

    @property
    def summary(self) -> str:
        """One line: what happened, and where the frontier is."""
        parts = [*self._done(), *self.notes]
        waiting = sum(part.open_offsets for part in self.partitions)
        if waiting:
            parts.append(f"{waiting} offsets wait for open transactions")
        return "; ".join(parts)

    def _done(self) -> Sequence[str]:
        frontier = ", ".join(f"{part.partition}:{part.next}" for part in self.partitions)
        left = sum(len(part.waiting) for part in self.partitions)
        if self.dry_run:
            would = f"would read at most {counted(left, 'record')}" if left else "nothing to do"
            return would, f"frontier {frontier}"
        adopted = self._sum("adopted")
        if not self.batches and not adopted:
            return "nothing to do" if not left else "nothing was read", f"frontier {frontier}"
        said = [f"wrote {counted(self.batches, 'batch')}, {counted(self.records, 'record')}"]
        if adopted:
            said.append(f"adopted {counted(adopted, 'batch')} of another run")
        said.append(f"frontier {frontier}")
        if left:
            said.append(f"{left} offsets are left")
        return said

    def _row(self, part: PartitionResult) -> dict[str, Any]:
        return {
            "table": self.table,
            "topic": self.topic,
            "generation": self.generation,
            "partition": part.partition,
            "first": part.first,
            "next": part.next,
            "end": part.end,
            "records": len(part.waiting) if self.dry_run else part.records,
            "batches": part.batches,
            "adopted": part.adopted,
            "bytes": part.packed,
            "bytes_unpacked": part.unpacked,
            "open_offsets": part.open_offsets,
            "dry_run": self.dry_run,
            "interrupted": self.interrupted,
        }

    def _sum(self, name: str) -> int:
        return sum(getattr(part, name) for part in self.partitions)
