"""The frozen values that cross stages: records, batches and their manifests, progress."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

_UUID = 36  # characters of an id


class BareRecord(Protocol):
    """A record without its headers: one of Kafka's, a line of a batch, or one that scripts wrote
    down; a tombstone's value is None."""

    @property
    def offset(self) -> int:
        """Its place in the partition."""
        ...

    @property
    def timestamp(self) -> int:
        """Milliseconds since the epoch, as the producer or the broker wrote it."""
        ...

    @property
    def key(self) -> bytes | None:
        """The key's bytes."""
        ...

    @property
    def value(self) -> bytes | None:
        """The value's bytes; None is a tombstone."""
        ...


class Record(BareRecord, Protocol):
    """One Kafka record, as a consumer delivers it."""

    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]:
        """Names and bytes, in the order of the record."""
        ...


@dataclass(frozen=True)
class Topic:
    """A topic as the broker describes it; `id` is None where the broker has no topic ids."""

    name: str
    cluster: str
    id: str | None
    partitions: tuple[int, ...]


@dataclass(frozen=True, order=True, slots=True)
class Range:
    """Offsets of one partition, `first` included, `next` not: `0:[115,61443)`."""

    partition: int
    first: int
    next: int

    def __len__(self) -> int:
        return self.next - self.first

    def __str__(self) -> str:
        return f"{self.partition}:[{self.first},{self.next})"


@dataclass(frozen=True)
class BatchName:
    """What a batch's object key says: generation, partition and the first offset."""

    generation: str
    partition: int
    first: int

    def key(self, prefix: str) -> str:
        """The object key; it depends on the range's start and never on the clock."""
        folder = partition_prefix(prefix, self.generation, self.partition)
        return f"{folder}batch={self.first:020d}.jsonl.gz"


def generation_prefix(prefix: str, generation: str) -> str:
    """Where a generation's batches are."""
    return f"{prefix}generation={generation}/"


def partition_prefix(prefix: str, generation: str, partition: int) -> str:
    """Where a partition's batches are, in the order of their offsets."""
    return f"{generation_prefix(prefix, generation)}partition={partition:05d}/"


def state_prefix(prefix: str) -> str:
    """Where bictl keeps what must outlive a table's batches: no lifecycle rule on the table's own
    prefix covers it."""
    return f"_bictl/{prefix}"


def ack_prefix(prefix: str) -> str:
    """Where a table's acknowledgements are: they outlive its batches."""
    return f"{state_prefix(prefix)}ack/"


def old_ack_prefix(prefix: str) -> str:
    """Where they were written first, beside the batches; what stands there still counts."""
    return f"{prefix}ack/"


_BATCH_KEY = re.compile(
    r"generation=([A-Za-z0-9_-]{1,64})/partition=(\d{5,10})/batch=(\d{20})\.jsonl\.gz"
)


def parse_batch_key(prefix: str, key: str) -> BatchName | None:
    """The name of the batch behind an object key, or None when the key is not one of ours."""
    found = _BATCH_KEY.fullmatch(key.removeprefix(prefix)) if key.startswith(prefix) else None
    if found is None:
        return None
    name = BatchName(found[1], int(found[2]), int(found[3]))
    return name if name.key(prefix) == key else None


_OLD_KEY = re.compile(r"batch=\d{8}T\d{6}Z\.jsonl")


def is_old_batch(prefix: str, key: str) -> bool:
    """Whether the key is that of an object of the scripts that were here before: no manifest, its
    name says when it was written, directly under the prefix."""
    return key.startswith(prefix) and bool(_OLD_KEY.fullmatch(key.removeprefix(prefix)))


def is_elsewhere(prefix: str, key: str) -> bool:
    """Whether the key is that of a batch of a table whose prefix lies inside this one."""
    folder, mark, _ = key.removeprefix(prefix).partition("/generation=")
    return bool(mark) and parse_batch_key(f"{prefix}{folder}/", key) is not None


# What was taken over and cannot be told to be of the topic as it is now: before every generation
# that bictl read itself.
LEGACY, LEGACY_NUMBER = "legacy", -1

FORMAT = "jsonl.gz/1"
_WORDS = re.compile(r"[A-Za-z0-9._-]{1,249}\n[A-Za-z0-9_-]{1,64}\n[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a batch covers; it travels as user metadata of the PUT that seals the object.

    `first` and `next` are consumer positions, so legal gaps leave no hole between batches.
    `sha256` is the hex digest of the object's bytes; timestamps are milliseconds, None when the
    batch holds no record. `generation_no` orders the generations, whose ids are random.
    """

    cluster: str
    topic: str
    generation: str
    generation_no: int
    partition: int
    first: int
    next: int
    records: int
    tombstones: int
    sha256: str
    min_timestamp: int | None
    max_timestamp: int | None
    run: str
    format: str = FORMAT

    @property
    def range(self) -> Range:
        """The offsets that the batch answers for."""
        return Range(self.partition, self.first, self.next)

    @property
    def name(self) -> BatchName:
        """The batch's name in the object store."""
        return BatchName(self.generation, self.partition, self.first)

    def to_metadata(self) -> dict[str, str]:
        """S3 user metadata: lower-case ASCII keys, text values; stores drop empty ones, so None is
        left out."""
        return {
            f"bictl-{key.replace('_', '-')}": str(value)
            for key, value in vars(self).items()
            if value is not None
        }

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> "Manifest":
        """The manifest behind an object's metadata; ValueError when it is not one."""
        found = {
            key.removeprefix("bictl-").replace("-", "_"): value
            for key, value in metadata.items()
            if key.startswith("bictl-")
        }
        try:
            manifest = cls(
                cluster=found["cluster"],
                topic=found["topic"],
                generation=found["generation"],
                generation_no=int(found["generation_no"]),
                partition=int(found["partition"]),
                first=int(found["first"]),
                next=int(found["next"]),
                records=int(found["records"]),
                tombstones=int(found["tombstones"]),
                sha256=found["sha256"],
                min_timestamp=_optional(found.get("min_timestamp")),
                max_timestamp=_optional(found.get("max_timestamp")),
                run=found["run"],
                format=found["format"],
            )
        except KeyError as missing:
            raise ValueError(f"the object has no manifest: {missing.args[0]} is missing") from None
        manifest._check()
        return manifest

    def _check(self) -> None:
        """ValueError when the fields cannot be true together, or are not of a known format."""
        if self.format != FORMAT:
            raise ValueError(f"the object's format is {self.format!r}, this program reads {FORMAT}")
        words = f"{self.topic}\n{self.generation}\n{self.sha256}"
        least = LEGACY_NUMBER if self.generation == LEGACY else 0
        if not _WORDS.fullmatch(words) or self.partition < 0 or self.generation_no < least:
            raise ValueError(f"the manifest's names are not legal: {words!r}")
        if not 0 <= self.first < self.next:
            raise ValueError(f"the manifest's range {self.range} is none")
        if not 0 <= self.tombstones <= self.records <= len(self.range):
            raise ValueError(
                f"the manifest's range {self.range} holds {self.records} records, "
                f"{self.tombstones} of them tombstones"
            )


def short_id(run: str) -> str:
    """What people read of a run's id, and what `bictl runs show` finds it by."""
    return run[:8] if len(run) == _UUID else run


def _optional(text: str | None) -> int | None:
    return int(text) if text else None


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a stage is; `total` is None while it is not known."""

    stage: str
    done: int
    total: int | None = None
    unit: str = "records"
    bytes: int = 0
    note: str = ""


OnProgress = Callable[[Progress], None]
Stop = Callable[[], bool]
OnWait = Callable[[str], None]  # told once, in words, what a run waits for


def no_progress(progress: Progress) -> None:
    """For callers that do not watch."""


def wait_silently(words: str) -> None:
    """For callers whom nobody watches."""


def never_stop() -> bool:
    """For callers that cannot be interrupted."""
    return False
