"""Which generation a topic's records belong to: decided before reading, asked before each seal."""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from bictl.errors import TopicRecreated
from bictl.ingest.acks import Ack
from bictl.ingest.anchor import still_there
from bictl.ingest.frontier import Generation, frontier, next_number, partitions
from bictl.ingest.frontier_object import Anchor, Kept
from bictl.records import Range, Topic
from bictl.settings import Table

_LIFE = re.compile(r"(.{36})-(\d{1,9})")  # a UUID, and how often its log began anew

if TYPE_CHECKING:
    from bictl.clients.objects import ObjectStore
    from bictl.clients.topics import Offsets, TopicReader


def choose_generation(
    topic: Topic, *, known: Sequence[Generation], acks: Sequence[Ack]
) -> Generation | None:
    """The generation of the topic as it is now; None when it is new and nobody accepted it.

    A generation has the topic's id as its name: `<id>-1` and so on when a person accepted that the
    log of the same topic began anew, a number from 0 on where the broker has no ids.
    """
    known = [generation for generation in known if generation.number >= 0]  # legacy is no life
    accepted = [ack.generation for ack in acks if ack.kind == "generation"]
    if topic.id is None or (known and _is_number(known[-1].name) and topic.id not in accepted):
        return _numbered(topic, known, accepted)
    by_name = {generation.name: generation for generation in known}
    lives = [name for name in (*by_name, *accepted) if _life(name, topic.id) is not None]
    if not lives and known:
        return None
    newest = max(lives, key=lambda name: _life(name, str(topic.id)) or 0, default=topic.id)
    return by_name.get(newest) or Generation(next_number(known), newest, topic.name)


def next_name(generation: Generation) -> str:
    """What a person accepts when the log of a generation's topic began anew."""
    if _is_number(generation.name):
        return str(generation.number + 1)
    found = _LIFE.fullmatch(generation.name)
    return f"{found[1]}-{int(found[2]) + 1}" if found else f"{generation.name}-1"


def recreated(
    reader: "TopicReader",
    objects: "ObjectStore",
    topic: Topic,
    *,
    table: Table,
    last: Generation,
    kept: Kept,
) -> TopicRecreated:
    """The error that says what was sealed of the old topic, and what the new one holds."""
    old = [
        Range(partition, 0, end)
        for partition in partitions(objects, table.prefix, last.name, kept=kept)
        if (end := frontier(objects, table.prefix, last.name, partition, kept=kept))
    ]
    new = [
        Range(partition, found.start, found.stable)
        for partition, found in sorted(reader.offsets(topic.name, topic.partitions).items())
        if found.stable > found.start
    ]
    return TopicRecreated(
        f"{topic.name} is not the topic that was read: its id is {topic.id}, what was read had"
        f" {last.name}. Sealed of the old one: {in_words(old)}; what it held beyond that is gone."
        f" Not read of the new one: {in_words(new)}",
        hint=ack_generation_hint(table, str(topic.id)),
    )


def check_anchors(
    reader: "TopicReader",
    *,
    table: Table,
    generation: Generation,
    anchors: Mapping[int, Anchor],
    offsets: "Mapping[int, Offsets]",
) -> None:
    """TopicRecreated when another record stands where the last sealed one was."""
    for partition, anchor in sorted(anchors.items()):
        known = offsets[partition]
        if still_there(reader, table.topic, partition, anchor, known=known) is False:
            raise another_record(table, generation, partition, anchor)


def another_record(
    table: Table, generation: Generation, partition: int, anchor: Anchor
) -> TopicRecreated:
    """The error for a log that does not hold what was sealed of it."""
    return TopicRecreated(
        f"{table.topic} is not the topic that was read: another record stands at"
        f" {partition}:{anchor.offset}, where the last sealed one was",
        hint=ack_generation_hint(table, next_name(generation)),
    )


def check_same(reader: "TopicReader", topic: Topic) -> None:
    """TopicRecreated when the topic has another id than when it was first described.

    A running consumer goes on in a recreated topic without an error.
    """
    now = reader.describe(topic.name)
    if now.id != topic.id:
        raise TopicRecreated(
            f"{topic.name} was recreated while it was read: its id was {topic.id}, now it is"
            f" {now.id}; nothing of the new topic was sealed",
            hint="run bictl ingest again: it says what is to be acknowledged",
        )


def in_words(ranges: Sequence[Range]) -> str:
    """`0:[0,10), 1:[5,7)`, or nothing."""
    return ", ".join(map(str, ranges)) or "nothing"


def ack_generation_hint(table: Table, generation: str) -> str:
    """The command that accepts a new generation."""
    return (
        f"if that was meant: bictl ack --table {table.name} --generation {generation} --reason …,"
        " then run bictl ingest again"
    )


def _numbered(topic: Topic, known: Sequence[Generation], accepted: Sequence[str]) -> Generation:
    """Where the broker has no ids: the newest number that is known or accepted, else 0."""
    ahead = [name for name in accepted if _is_number(name)]
    newest = max([*(g.number for g in known), *map(int, ahead)], default=0)
    found = [generation for generation in known if generation.number == newest]
    return found[0] if found else Generation(newest, str(newest), topic.name)


def _life(name: str, topic_id: str) -> int | None:
    """How often the log of the topic had begun anew; None for a generation of another topic."""
    if name == topic_id:
        return 0
    found = _LIFE.fullmatch(name)
    return int(found[2]) if found and found[1] == topic_id else None


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdigit()
