"""A slice of a deep look: one part in so many of the batches, so that a night need not read all.

A batch is in exactly one slice, by a hash of its key: where it is does not change while others come
and go. What looks at contents looks at the slice alone; every set is still compared whole.
"""

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bictl.counted import counted
from bictl.errors import UsageError

if TYPE_CHECKING:
    from bictl.verify.shelf import Batch, Shelf

_MOST = 1000  # more parts than that are a typing error


@dataclass(frozen=True)
class Slice:
    """The `part`th of `parts`, counted from 1."""

    part: int
    parts: int

    def __str__(self) -> str:
        return f"{self.part}/{self.parts}"

    def holds(self, key: str) -> bool:
        """Whether the object of that key is in this slice."""
        return zlib.crc32(key.encode()) % self.parts == self.part - 1


WHOLE = Slice(1, 1)


@dataclass(frozen=True, kw_only=True)
class Looked:
    """Which slice was looked at, and how much of everything that was."""

    slice: Slice
    batches: int
    of_batches: int
    records: int
    of_records: int

    @property
    def words(self) -> str:
        """`slice 3/7 (2 of 14 batches, 9000 of 61443 records)`."""
        return (
            f"slice {self.slice} ({self.batches} of {counted(self.of_batches, 'batch')}, "
            f"{self.records} of {counted(self.of_records, 'record')})"
        )

    @property
    def rest(self) -> str:
        """What it leaves out: `the contents of 12 of 14 batches (those outside of slice 3/7)`; ""
        where that is nothing."""
        left = self.of_batches - self.batches
        if not left:
            return ""
        all_ = counted(self.of_batches, "batch")
        return f"the contents of {left} of {all_} (those outside of slice {self.slice})"


def parse_slice(text: str) -> Slice:
    """`3/7`; UsageError for anything else."""
    part, _, parts = text.partition("/")
    if part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts) <= _MOST:
        return Slice(int(part), int(parts))
    raise UsageError(
        f"expected a slice like 3/7 (the third of seven, at most {_MOST}), got {text!r}",
        hint="from cron, another one each weekday: --slice $(date +\\%u)/7",
    )


def looked(slice_: Slice, shelf: "Shelf") -> Looked:
    """How much of the shelf the slice is."""
    inside = in_slice(shelf.batches, slice_)
    return Looked(
        slice=slice_,
        batches=len(inside),
        of_batches=len(shelf.batches),
        records=sum(batch.records for batch in inside),
        of_records=sum(batch.records for batch in shelf.batches),
    )


def in_slice(batches: "tuple[Batch, ...]", slice_: Slice) -> "tuple[Batch, ...]":
    """The batches of the slice, in their order."""
    return tuple(batch for batch in batches if slice_.holds(batch.key))
