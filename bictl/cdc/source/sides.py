"""What verify asks of a source, whatever database it is; both kinds answer with plain values."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from bictl.cdc.source.judge import Answer

Buckets = Mapping[int, tuple[int, int]]  # bucket: how many keys, and the sum of their hashes


class Source(Protocol):
    """One table at its source, read only. Every question raises Unreachable, TimedOut or
    AccessDenied where it cannot be asked."""

    def close(self) -> None:
        """Closes the connection."""
        ...

    def reached(self) -> Answer:
        """Which server and database it is."""
        ...

    def capturing(self) -> Answer:
        """Whether the table's changes are captured."""
        ...

    def running(self) -> Answer:
        """Whether what captures them runs."""
        ...

    def kept(self) -> Answer:
        """Whether the changes that the connector has not read yet are still kept."""
        ...

    def uncomparable(self) -> str:
        """The key's columns whose text is not that of the events, with their types; '' for none."""
        ...

    def buckets(self) -> Buckets:
        """Every key of the table, by buckets."""
        ...

    def keys(self, buckets: Sequence[int]) -> list[str]:
        """The keys of some buckets, as texts that stand for them (bictl.clients.key_parts)."""
        ...


def worst(*answers: Answer) -> Answer:
    """The answer that decides."""
    order = ("fail", "unknown", "warn", "ok", "skipped")
    return min(answers, key=lambda one: order.index(one.state))
