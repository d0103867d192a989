"""Acknowledgements: what a person accepted as lost or changed, as objects beside the batches.

An acknowledgement is one JSON object under `<prefix>ack/`, written only if it is new, so that
ingest sees it without Postgres and nobody can change it afterwards.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from bictl.errors import UsageError
from bictl.records import Range, ack_prefix

if TYPE_CHECKING:
    from bictl.clients.objects import ObjectStore

FORMAT = "bictl.ack/1"
_RANGE = re.compile(r"(\d{1,10}):\[(\d{1,19}),(\d{1,19})\)")


@dataclass(frozen=True, kw_only=True)
class Ack:
    """Kind `range`: these offsets of a generation will never be read. Kind `generation`: the topic
    of that id, or number where the broker has no ids, is the one to go on with.

    `at` is RFC 3339 in UTC.
    """

    kind: Literal["range", "generation"]
    generation: str
    reason: str
    person: str
    at: str
    partition: int | None = None
    first: int | None = None
    next: int | None = None

    @property
    def range(self) -> Range | None:
        """The acknowledged offsets; None for a generation."""
        if self.partition is None or self.first is None or self.next is None:
            return None
        return Range(self.partition, self.first, self.next)

    def key(self, prefix: str) -> str:
        """The object key: it says what is acknowledged, so the same thing has one key."""
        folder = f"{ack_prefix(prefix)}generation={self.generation}/"
        if self.range is None:
            return f"{folder}generation.json"
        span = f"{self.range.first:020d}-{self.range.next:020d}"
        return f"{folder}partition={self.range.partition:05d}/{span}.json"


def parse_range(text: str) -> Range:
    """The range behind `0:[115,61443)`; UsageError for anything else."""
    found = _RANGE.fullmatch(text.strip())
    if found is None or int(found[2]) >= int(found[3]):
        raise UsageError(f"{text!r} is not a range of offsets", hint="write it as 0:[115,61443)")
    return Range(int(found[1]), int(found[2]), int(found[3]))


def range_ack(lost: Range, *, generation: str, reason: str, person: str) -> Ack:
    """The acknowledgement of offsets."""
    return Ack(
        kind="range",
        generation=generation,
        reason=reason,
        person=person,
        at=_now(),
        partition=lost.partition,
        first=lost.first,
        next=lost.next,
    )


def generation_ack(generation: str, *, reason: str, person: str) -> Ack:
    """The acknowledgement of a new generation."""
    return Ack(kind="generation", generation=generation, reason=reason, person=person, at=_now())


def write_ack(objects: "ObjectStore", prefix: str, ack: Ack) -> bool:
    """Writes it; False when the same thing was acknowledged before (that one stays)."""
    document = {"format": FORMAT, **asdict(ack)}
    body = json.dumps(document, ensure_ascii=True, indent=2).encode()
    return objects.put_new(ack.key(prefix), body, metadata={}, content_type="application/json")


def list_acks(objects: "ObjectStore", prefix: str) -> list[Ack]:
    """All acknowledgements in the order of their keys; what is not one of ours is left out."""
    found = (
        _parse(objects.get(info.key)[0], info.key, prefix)
        for info in objects.list(ack_prefix(prefix))
    )
    return [ack for ack in found if ack is not None]


def acked_ranges(acks: Iterable[Ack], generation: str, partition: int) -> list[Range]:
    """The acknowledged offsets of one partition, ascending."""
    return sorted(
        ack.range
        for ack in acks
        if ack.range is not None
        and (ack.generation, ack.range.partition) == (generation, partition)
    )


def without(lost: Range, acked: Iterable[Range]) -> list[Range]:
    """What is left of a range when the acknowledged ones (ascending) are taken out."""
    left, first = [], lost.first
    for taken in acked:
        if taken.next <= first or taken.first >= lost.next:
            continue
        if taken.first > first:
            left.append(Range(lost.partition, first, taken.first))
        first = max(first, taken.next)
    if first < lost.next:
        left.append(Range(lost.partition, first, lost.next))
    return left


def _parse(body: bytes, key: str, prefix: str) -> Ack | None:
    try:
        document = json.loads(body)
        if document.pop("format") != FORMAT:
            return None
        ack = Ack(**document)
        return ack if ack.key(prefix) == key else None
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
