"""Acknowledgements: what a person accepted as lost, changed or not loadable, an object each.

It is JSON under `_bictl/<prefix>ack/`, written only if it is new, so that ingest sees it without
Postgres and nobody can change it afterwards. The first version wrote them to `<prefix>ack/`: what
stands there counts as well, and before what says the same thing here.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Literal

from bictl.errors import NotFound, UsageError
from bictl.records import Range, ack_prefix, old_ack_prefix

if TYPE_CHECKING:
    from bictl.clients.objects import ObjectStore

FORMAT = "bictl.ack/1"
_RANGE = re.compile(r"(\d{1,10}):\[(\d{1,19}),(\d{1,19})\)")
_SQLSTATE = re.compile(r"[0-9A-Z]{5}")


@dataclass(frozen=True, kw_only=True)
class Ack:
    """Kind `range`: these offsets of a generation will never be read. Kind `generation`: the topic
    of that id, or number where the broker has no ids, is the one to go on with. Kind `quarantine`:
    records that were refused with this SQLSTATE may stay in quarantine, whatever their generation.

    `at` is RFC 3339 in UTC; `expires` is the last day, in UTC, on which it counts.
    """

    kind: Literal["range", "generation", "quarantine"]
    generation: str
    reason: str
    person: str
    at: str
    partition: int | None = None
    first: int | None = None
    next: int | None = None
    sqlstate: str | None = None
    expires: str | None = None

    @property
    def range(self) -> Range | None:
        """The acknowledged offsets; None for the other kinds."""
        if self.partition is None or self.first is None or self.next is None:
            return None
        return Range(self.partition, self.first, self.next)

    @property
    def name(self) -> str:
        """The object's name below its folder: what is acknowledged, so the same thing has one."""
        if self.kind == "quarantine":
            return f"quarantine={self.sqlstate}/expires={self.expires or 'never'}.json"
        folder = f"generation={self.generation}/"
        if self.range is None:
            return f"{folder}generation.json"
        span = f"{self.range.first:020d}-{self.range.next:020d}"
        return f"{folder}partition={self.range.partition:05d}/{span}.json"

    def key(self, prefix: str) -> str:
        """Where it is written."""
        return f"{ack_prefix(prefix)}{self.name}"

    def counts_at(self, now: datetime) -> bool:
        """Whether it has not expired."""
        return self.expires is None or now.astimezone(UTC).date() <= parse_day(self.expires)


def parse_range(text: str) -> Range:
    """The range behind `0:[115,61443)`; UsageError for anything else."""
    found = _RANGE.fullmatch(text.strip())
    if found is None or int(found[2]) >= int(found[3]):
        raise UsageError(f"{text!r} is not a range of offsets", hint="write it as 0:[115,61443)")
    return Range(int(found[1]), int(found[2]), int(found[3]))


def parse_day(text: str) -> date:
    """The day behind `2027-01-31`; UsageError for anything else."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        raise UsageError(f"{text!r} is not a day", hint="write it as 2027-01-31") from None


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


def quarantine_ack(sqlstate: str, *, expires: date | None, reason: str, person: str) -> Ack:
    """The acknowledgement of records that were refused with a SQLSTATE."""
    if not _SQLSTATE.fullmatch(sqlstate):
        raise UsageError(
            f"{sqlstate!r} is not a SQLSTATE", hint="bictl quarantine list --count names them"
        )
    return Ack(
        kind="quarantine",
        generation="",
        reason=reason,
        person=person,
        at=_now(),
        sqlstate=sqlstate,
        expires=expires.isoformat() if expires else None,
    )


def write_ack(objects: "ObjectStore", prefix: str, ack: Ack) -> bool:
    """Writes it; False when the same thing was acknowledged before (that one stays)."""
    if _exists(objects, f"{old_ack_prefix(prefix)}{ack.name}"):
        return False
    document = {"format": FORMAT, **asdict(ack)}
    body = json.dumps(document, ensure_ascii=True, indent=2).encode()
    return objects.put_new(ack.key(prefix), body, metadata={}, content_type="application/json")


def list_acks(objects: "ObjectStore", prefix: str) -> list[Ack]:
    """All acknowledgements in the order of their names; what is not one of ours is left out."""
    return list(find_acks(objects, prefix).values())


def find_acks(objects: "ObjectStore", prefix: str) -> dict[str, Ack]:
    """All acknowledgements by the key of the object that was read, in the order of their names.

    The same thing acknowledged in both places is answered by the old one, which older programs
    read too.
    """
    found: dict[str, tuple[str, Ack]] = {}
    for folder in (ack_prefix(prefix), old_ack_prefix(prefix)):
        for name, ack in _read(objects, folder):
            found[name] = f"{folder}{name}", ack
    return {key: ack for _, (key, ack) in sorted(found.items())}


def acked_ranges(
    acks: Iterable[Ack], generation: str, partition: int, *, below: int
) -> list[Range]:
    """The acknowledged offsets of one partition, ascending.

    What Kafka still serves cannot be acknowledged: only offsets `below` the log's start count.
    """
    ours = (
        Range(ack.range.partition, ack.range.first, min(ack.range.next, below))
        for ack in acks
        if ack.range is not None
        and (ack.generation, ack.range.partition) == (generation, partition)
    )
    return sorted(taken for taken in ours if taken.first < taken.next)


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


def _read(objects: "ObjectStore", folder: str) -> Iterator[tuple[str, Ack]]:
    for info in objects.list(folder):
        name = info.key.removeprefix(folder)
        ack = _parse(objects.get(info.key)[0])
        if ack is not None and ack.name == name:
            yield name, ack


def _parse(body: bytes) -> Ack | None:
    try:
        document = json.loads(body)
        if document.pop("format") != FORMAT:
            return None
        ack = Ack(**document)
        datetime.fromisoformat(ack.at)
        if ack.expires is not None:
            parse_day(ack.expires)
        return ack if _is_meant(ack) else None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, UsageError):
        return None


def _is_meant(ack: Ack) -> bool:
    """Whether it says what its kind has to say: who changes the file by hand accepts nothing."""
    if not all(isinstance(text, str) for text in (ack.generation, ack.reason, ack.person)):
        return False
    if ack.kind == "quarantine":
        return bool(_SQLSTATE.fullmatch(ack.sqlstate or ""))
    if ack.kind == "generation":
        return ack.range is None
    lost = ack.range
    numbers = (ack.partition, ack.first, ack.next)
    is_whole = all(type(number) is int and number >= 0 for number in numbers)
    return ack.kind == "range" and is_whole and lost is not None and lost.first < lost.next


def _exists(objects: "ObjectStore", key: str) -> bool:
    try:
        objects.head(key)
    except NotFound:
        return False
    return True


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
