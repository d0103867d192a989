"""What a person acknowledged, read from the bucket: it stays visible in every verdict."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from bictl.records import Range
from bictl.verify.ranges import in_words, merged
from bictl.verify.report import Finding, State, of_ranges, passed
from bictl.verify.shelf import Acked

if TYPE_CHECKING:
    from bictl.clients.objects import ObjectStore
    from bictl.ingest.acks import Ack
    from bictl.settings import Table
    from bictl.verify.cut import Ends, Life


def read_acks(objects: "ObjectStore", table: "Table", *, now: datetime) -> tuple[Acked, ...]:
    """The acknowledgements of the table, each with the key of its object."""
    from bictl.ingest.acks import find_acks

    found = find_acks(objects, table.prefix)
    return tuple(_acked(ack, key, now=now) for key, ack in found.items())


def without_served(acked: Iterable[Acked], ends: "Ends", life: "Life") -> tuple[Acked, ...]:
    """The acknowledgements, void where Kafka still serves what they call lost: from the log's start
    of the current generation on. Such a one was put there by hand; `bictl ack` refuses it."""
    starts = {part.partition: part.start for part in ends.parts}
    return tuple(
        replace(item, void=_served(item.range, starts))
        if life.accepted and item.generation == life.name and item.range is not None
        else item
        for item in acked
    )


def reasons(acked: Iterable[Acked]) -> dict[str, str]:
    """The words of each SQLSTATE's acknowledgement that has not expired."""
    return {item.sqlstate: item.words for item in acked if item.sqlstate and not item.expired}


def really_lost(acked: Iterable[Acked], *, table: "Table") -> Finding:
    """K12: nothing that Kafka still serves is acknowledged as lost."""
    about_ranges = [item for item in acked if item.range is not None]
    void = [item for item in about_ranges if item.void]
    if not void:
        return passed(len(about_ranges) or 1)
    ranges = merged(served for item in void for served in item.void)
    return Finding(
        state=State.WARN,
        evaluated=len(about_ranges),
        extra=of_ranges(ranges, at_most=True),
        message=f"{in_words(ranges)} acknowledged as lost, which Kafka still serves: that counts "
        f"for nothing ({', '.join(item.key for item in void)})",
        hint=f"delete that object, then: bictl ingest --table {table.name} --fill",
    )


def _served(lost: Range, starts: dict[int, int]) -> tuple[Range, ...]:
    first = max(lost.first, starts.get(lost.partition, lost.next))
    return (Range(lost.partition, first, lost.next),) if first < lost.next else ()


def _acked(ack: "Ack", key: str, *, now: datetime) -> Acked:
    return Acked(
        generation=ack.generation,
        range=ack.range,
        sqlstate=ack.sqlstate or "",
        expired=not ack.counts_at(now),
        words=f"{_what(ack)} acknowledged by {ack.person} at {ack.at}{_until(ack)}: {ack.reason}",
        key=key,
    )


def _what(ack: "Ack") -> str:
    if ack.kind == "quarantine":
        return f"quarantine {ack.sqlstate}"
    return f"{f'range {ack.range} of ' if ack.range else ''}generation {ack.generation}"


def _until(ack: "Ack") -> str:
    return f" until {ack.expires}" if ack.expires else ""
