"""What a trace says, as frozen values: the layers with their states, the events, the exit code."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from bictl.trace.told import Told, told


class State(StrEnum):
    """What became of a record in one layer."""

    FOUND = "found"
    NEWEST = "newest"  # of its key
    SUPERSEDED = "superseded"  # a newer record of its key stands there
    DELETED = "deleted"  # its key's newest record is a delete, and the row is gone
    CLOSED = "closed"  # a finished later snapshot did not find its key
    PRUNED = "pruned"
    EXPIRED = "expired"  # its object, after it was loaded
    DISCARDED = "discarded"  # by Kafka: retention, or another life of the topic
    ACKNOWLEDGED = "acknowledged"  # as lost, by a person
    NO_RECORD = "no record"  # aborted, compacted, a control record
    NO_TEXT = "no text"  # nothing to embed
    NO_KEY = "no key"
    NOT_YET = "not yet"
    NOT_THERE = "not there"  # because a layer above has nothing
    NOT_TOLD = "not told"  # the record does not say
    QUARANTINED = "quarantined"
    MISSING = "missing"
    STALE = "stale"
    DAMAGED = "damaged"
    CONFLICT = "conflict"
    LOST = "lost"  # no layer above has it any more
    UNKNOWN = "unknown"
    UNREACHABLE = "unreachable"

    @property
    def exit_code(self) -> int:
        """6 for a loss, 1 for what can be repaired, 3 for what a person has to look at."""
        return _CODES.get(self, 0)

    @property
    def is_unread(self) -> bool:
        """Whether its layer gave no answer."""
        return self in (State.UNKNOWN, State.UNREACHABLE)


_CODES = {
    State.LOST: 6,
    State.CONFLICT: 6,
    State.MISSING: 1,
    State.STALE: 1,
    State.DAMAGED: 1,
    State.QUARANTINED: 3,
    State.UNKNOWN: 3,
    State.UNREACHABLE: 3,
}


@dataclass(frozen=True, order=True)
class Place:
    """One record's place; offsets begin anew in each generation of a topic."""

    generation: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.partition}:{self.offset}"


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One layer's answer.

    `at` is when the record came there, `whole_seconds` says that this clock tells no more.
    `seconds` lie between it and the layer before it on the way. `said` are sentences, `repair` the
    command that helps, `facts` what a program may want to know.
    """

    name: str
    state: State
    at: datetime | None = None
    whole_seconds: bool = False
    seconds: float | None = None
    said: tuple[str, ...] = ()
    repair: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Latency:
    """Seconds from the source's commit to bronze and to the vector; None where it did not come."""

    to_bronze: float | None = None
    to_vectors: float | None = None


@dataclass(frozen=True, kw_only=True)
class Trace:
    """One record in every layer, or one key and its newest record.

    `events` are the key's, oldest first, the last `len(events)` of `event_count`. `looked` says
    what was read, `not_looked` what was left out.
    """

    table: str
    topic: str
    asked: str
    place: Place | None
    generation_no: int | None
    key: Mapping[str, str] | None
    layers: tuple[Layer, ...]
    events: Sequence[Mapping[str, Any]] = ()
    event_count: int = 0
    latency: Latency = Latency()
    payload: Any = None
    looked: tuple[str, ...] = ()
    not_looked: tuple[str, ...] = ()

    def layer(self, name: str) -> Layer:
        """The layer of that name."""
        return next(layer for layer in self.layers if layer.name == name)

    @property
    def exit_code(self) -> int:
        """Loss before failure before no answer at all before an unknown layer."""
        codes = {layer.state.exit_code for layer in self.layers}
        if self.layers and all(layer.state.is_unread for layer in self.layers):
            return 4 if State.UNREACHABLE in {layer.state for layer in self.layers} else 3
        return next((code for code in (6, 1, 3) if code in codes), 0)

    @property
    def told(self) -> Told:
        """Where the record is lost, stuck, or that it is where it should be, and why."""
        return told(self.layers, code=self.exit_code)

    @property
    def verdict(self) -> str:
        """The same in one sentence."""
        return self.told.sentence
