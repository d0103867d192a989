"""Whether a snapshot that was asked for has begun: its first record in the table's topic."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bictl.cdc.patience import Patience, await_effect
from bictl.errors import NotFound, TimedOut
from bictl.records import never_stop

if TYPE_CHECKING:
    from bictl.cdc.signal import Signal
    from bictl.clients.topics import TopicReader


@dataclass(frozen=True, order=True)
class Place:
    """One offset of a topic: `cord.ConcordDb.dbo.Product 0:61443`."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic} {self.partition}:{self.offset}"


@dataclass
class Arrival:
    """Reads on from where the topics ended when it was made, until a snapshot's record comes."""

    reader: "TopicReader"
    ends: dict[tuple[str, int], int] = field(default_factory=dict)

    @classmethod
    def after(cls, reader: "TopicReader", topics: Sequence[str]) -> "Arrival":
        """From the topics' present ends on; one that is not there yet begins at 0."""
        found = cls(reader)
        for topic in topics:
            found.ends |= {(topic, part): end for part, end in _ends(reader, topic).items()}
        return found

    def await_first(self, signal: "Signal", *, patience: Patience) -> Place | None:
        """The first record of the snapshot; None when a signal ended the wait, TimedOut when none
        came."""
        place, seen = await_effect(lambda: self._look(signal), bool, patience)
        if seen or patience.stop():
            return place
        raise TimedOut(
            f"{signal.connector} was asked for a snapshot of {', '.join(signal.collections)}, but "
            "no record of one came in time",
            hint="an empty table brings none; else the worker's log says why, and of a failed "
            f"blocking snapshot nothing else tells: its stream then stands still until bictl cdc "
            f"restart --all {signal.connector}"
            if signal.kind == "blocking"
            else "an empty table brings none; else the worker's log says why",
        )

    def _look(self, signal: "Signal") -> Place | None:
        for (topic, part), first in sorted(self.ends.items()):
            end = _ends(self.reader, topic).get(part, first)
            for chunk in self.reader.read(topic, part, first=first, end=end, stop=never_stop):
                self.ends[topic, part] = chunk.next
                for record in chunk.records:
                    if is_of(record.value, signal.kind):
                        return Place(topic, part, record.offset)
        return None


def _ends(reader: "TopicReader", topic: str) -> Mapping[int, int]:
    try:
        parts = reader.describe(topic).partitions
    except NotFound:
        return {0: 0}
    return {part: found.stable for part, found in reader.offsets(topic, parts).items()}


def is_of(value: bytes | None, kind: str) -> bool:
    """Whether a record is one of a snapshot of that kind; flat ones tell by `__op` at most."""
    envelope = _envelope(value)
    source = envelope.get("source")
    if isinstance(source, dict):
        mark = str(source.get("snapshot") or "false")
        return mark == "incremental" if kind == "incremental" else mark not in ("false", kind)
    return envelope.get("__op") == "r"


def _envelope(value: bytes | None) -> dict[str, Any]:
    try:
        found = json.loads(value or b"null")
    except ValueError:  # Avro, or another format
        return {}
    payload = found.get("payload", found) if isinstance(found, dict) else None
    return payload if isinstance(payload, dict) else {}
