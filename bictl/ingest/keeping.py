"""How long Kafka keeps a topic's records, and how much of that is left before what was not read yet
is discarded. Doctor and verify judge by it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

_SOON, _NOW = 0.25, 0.05  # of what a topic keeps: what is left then is gone before somebody looked


@dataclass(frozen=True, kw_only=True)
class Keeping:
    """A topic's settings that decide what becomes of its records; None is without a limit."""

    policy: str
    seconds: float | None  # retention by age
    size: int | None  # retention by bytes, of each partition
    largest: int | None  # bytes of one record
    settings: Mapping[str, str]

    @classmethod
    def of(cls, told: Mapping[str, str]) -> "Keeping | None":
        """What the broker told; None where it tells nothing of its topics."""
        if "cleanup.policy" not in told:
            return None
        policy = told["cleanup.policy"]
        age, size = int(told.get("retention.ms", -1)), int(told.get("retention.bytes", -1))
        largest = told.get("max.message.bytes")
        discards = "delete" in policy
        return cls(
            policy=policy,
            seconds=age / 1000 if discards and age >= 0 else None,
            size=size if discards and size >= 0 else None,
            largest=int(largest) if largest else None,
            settings=told,
        )


def left(kept: float, used: float, *, every: float = 0.0) -> Literal["ok", "warn", "fail"]:
    """How it stands with what is unread, where `kept` (seconds or bytes) is the limit and `used` of
    it have passed. `every` is between two runs, in the same unit: three of them have to fit in."""
    rest = kept - used
    if rest <= max(_NOW * kept, min(every, _SOON * kept)):
        return "fail"
    return "warn" if rest <= max(_SOON * kept, min(3 * every, kept / 2)) else "ok"


def span(seconds: float) -> str:
    """`7 d`, `36 h`, `5 min`, `12 s`: the largest unit of which there are two."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
