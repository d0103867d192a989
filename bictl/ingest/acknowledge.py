"""Acknowledging: a person accepts a loss, a new generation or a refusal, once it is there."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from bictl.errors import UsageError
from bictl.ingest.acks import Ack, generation_ack, list_acks, quarantine_ack, range_ack, write_ack
from bictl.ingest.frontier import Generation, check_prefix, generations
from bictl.ingest.identity import choose_generation, in_words, next_name
from bictl.records import Range, Topic
from bictl.settings import Table

if TYPE_CHECKING:
    from bictl.clients.objects import ObjectStore
    from bictl.clients.topics import TopicReader


@dataclass(frozen=True, kw_only=True)
class AckResult:
    """All acknowledgements of a table; `written` are this call's new ones."""

    table: str
    acks: tuple[Ack, ...]
    written: tuple[Ack, ...] = ()
    exit_code: int = 0

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One row an acknowledgement."""
        return [
            {
                "table": self.table,
                **asdict(ack),
                "at": datetime.fromisoformat(ack.at),
                "written": ack in self.written,
            }
            for ack in self.acks
        ]

    @property
    def summary(self) -> str:
        """One line."""
        if not self.written:
            return (
                f"nothing written; {len(self.acks)} acknowledged before"
                if self.acks
                else "nothing is acknowledged"
            )
        return f"acknowledged {', '.join(_words(ack) for ack in self.written)}"


def acknowledge(
    reader: "TopicReader",
    objects: "ObjectStore",
    *,
    table: Table,
    ranges: Sequence[Range] = (),
    generation: str | None = None,
    reason: str,
    person: str,
) -> AckResult:
    """Writes the acknowledgement of lost ranges, or of a generation when there are no ranges.

    UsageError for a range that Kafka still has, and for a generation that the topic has not.
    """
    topic = reader.describe(table.topic)
    known, acks = generations(objects, table.prefix), list_acks(objects, table.prefix)
    check_prefix(known, prefix=table.prefix, topic=topic.name)
    current = choose_generation(topic, known=known, acks=acks)
    if ranges:
        name = _generation_of_ranges(generation, current, known)
        if current is not None and name == current.name:
            _check_lost(reader, topic, ranges)
        wanted = [range_ack(lost, generation=name, reason=reason, person=person) for lost in ranges]
    else:
        _check_generation(topic, str(generation), current)
        wanted = [generation_ack(str(generation), reason=reason, person=person)]
    written = tuple(ack for ack in wanted if write_ack(objects, table.prefix, ack))
    return AckResult(
        table=table.name, acks=tuple(list_acks(objects, table.prefix)), written=written
    )


def acknowledge_refusal(
    objects: "ObjectStore",
    *,
    table: Table,
    sqlstate: str,
    quarantined: Mapping[str, int],
    reason: str,
    person: str,
    expires: date | None = None,
) -> AckResult:
    """Writes that records refused with this SQLSTATE may stay in quarantine, until that day's end.

    `quarantined` counts what is there by SQLSTATE. UsageError when none has this one, or when the
    day has passed.
    """
    ack = quarantine_ack(sqlstate, expires=expires, reason=reason, person=person)
    if sqlstate not in quarantined:
        there = ", ".join(f"{count} × {state}" for state, count in sorted(quarantined.items()))
        raise UsageError(
            f"no record of table {table.name} is in quarantine with {sqlstate}",
            hint=f"what is there: {there or 'nothing'}",
        )
    if not ack.counts_at(datetime.now(UTC)):
        raise UsageError(f"{ack.expires} has passed", hint="--expires with a day to come")
    written = (ack,) if write_ack(objects, table.prefix, ack) else ()
    return AckResult(
        table=table.name, acks=tuple(list_acks(objects, table.prefix)), written=written
    )


def acknowledged(objects: "ObjectStore", *, table: Table) -> AckResult:
    """What was acknowledged so far; writes nothing."""
    return AckResult(table=table.name, acks=tuple(list_acks(objects, table.prefix)))


def _generation_of_ranges(
    wanted: str | None, current: Generation | None, known: Sequence[Generation]
) -> str:
    names = [generation.name for generation in known]
    if wanted is None and current is not None:
        return current.name
    if wanted in names:
        return str(wanted)
    raise UsageError(
        "which generation do the offsets belong to?"
        if wanted is None
        else f"there is no generation {wanted!r}",
        hint=f"--generation with one of {', '.join(names) or 'none yet'}",
    )


def _check_lost(reader: "TopicReader", topic: Topic, ranges: Sequence[Range]) -> None:
    asked = [lost.partition for lost in ranges if lost.partition in topic.partitions]
    offsets = reader.offsets(topic.name, asked)
    kept = [
        lost
        for lost in ranges
        if lost.partition not in offsets or lost.next > offsets[lost.partition].start
    ]
    if kept:
        raise UsageError(
            f"{in_words(kept)} cannot be acknowledged: Kafka still has offsets of it,"
            " or the topic has no such partition",
            hint="bictl ingest reads what is there; acknowledge the range that it names",
        )


def _check_generation(topic: Topic, wanted: str, current: Generation | None) -> None:
    legal = {topic.id} if current is None else {topic.id, current.name, next_name(current)}
    if wanted not in legal:
        raise UsageError(
            f"{wanted!r} is not what the topic {topic.name} has now",
            hint=f"--generation with {' or '.join(sorted(filter(None, legal)))}",
        )


def _words(ack: Ack) -> str:
    if ack.kind == "quarantine":
        return f"quarantine {ack.sqlstate}, {f'until {ack.expires}' if ack.expires else 'for good'}"
    return f"range {ack.range}" if ack.range else f"generation {ack.generation}"
