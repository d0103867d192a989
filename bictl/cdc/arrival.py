"""Whether a snapshot that was asked for has begun: its first record in the table's topic."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bictl.cdc.event import read_event
from bictl.cdc.patience import Patience, await_effect
from bictl.cdc.words import command
from bictl.errors import NotFound, TimedOut
from bictl.records import never_stop

if TYPE_CHECKING:
    from bictl.cdc.signal import Signal
    from bictl.clients.topics import TopicReader


_SILENCE = "an empty table brings none; else the worker's log says why, and nothing else does"


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
            hint=_SILENCE
            + (
                "; after a blocking one that failed the stream stands still until "
                + command("restart", signal.connector, "--all")
                if signal.kind == "blocking"
                else ""
            ),
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
    """Whether a record is one of a snapshot of that kind."""
    event = read_event(value)
    if event is None or event.mark in ("false", "read"):
        return event is not None and event.mark == "read"
    return (event.mark == "incremental") == (kind == "incremental")
