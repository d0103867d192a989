"""The objects' side of a trace: lives, frontiers, and the line that holds one record."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from bictl.errors import BictlError, NotFound
from bictl.records import BatchName, Manifest, Range, parse_batch_key
from bictl.trace.key import Key
from bictl.trace.report import Place
from bictl.wire import Line, parse_line, read_lines

if TYPE_CHECKING:
    from bictl.clients.objects import ObjectInfo, ObjectStore
    from bictl.ingest import Ack, Generation, Kept
    from bictl.records import Topic
    from bictl.settings import Table

_CANDIDATES = 3  # batches that begin below an offset: in a chain it is the last one


@dataclass(frozen=True, kw_only=True)
class Lives:
    """The topic's generations that held a batch, the newest last; what was acknowledged; what the
    frontier objects remember."""

    generations: "tuple[Generation, ...]"
    acks: "tuple[Ack, ...]"
    kept: "Kept"

    def frontier(self, place: Place) -> int | None:
        """Up to where a partition was read at least, without asking again."""
        known = self.kept.found.get((place.generation, place.partition))
        return None if known is None else known.newest.next


@dataclass(frozen=True, kw_only=True)
class Held:
    """The batch that answers for an offset. `line` is None where it holds no record there, `number`
    counts lines from 1; `trouble` says what is wrong with the object."""

    key: str
    modified: datetime
    manifest: Manifest | None
    number: int = 0
    line: Line | None = None
    trouble: str = ""


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """One partition's batches, seen from one offset.

    `first` is the first offset that a batch answers for now, `baseline` the first that one ever
    did; `held` is the batch that answers for the offset, `acked` the acknowledgement that does.
    """

    first: int | None = None
    baseline: int | None = None
    frontier: int | None = None
    held: Held | None = None
    acked: "Ack | None" = None


def lives(objects: "ObjectStore", table: "Table") -> Lives:
    """What the bucket says about the topic's lives."""
    from bictl.ingest import generations, list_acks, read_kept

    kept = read_kept(objects, table.prefix)
    return Lives(
        generations=tuple(generations(objects, table.prefix, kept=kept)),
        acks=tuple(list_acks(objects, table.prefix)),
        kept=kept,
    )


def current_life(
    topic: "Topic", generations: "Sequence[Generation]", acks: "Sequence[Ack]"
) -> str | None:
    """The generation that the topic's records belong to now; None when nobody accepted it yet."""
    from bictl.ingest.identity import choose_generation

    found = choose_generation(topic, known=generations, acks=acks)
    return None if found is None else found.name


def look(objects: "ObjectStore", table: "Table", *, place: Place, known: Lives) -> Shelf:
    """The partition's batches, and the one that answers for the offset, read and checked."""
    from bictl.ingest import frontier
    from bictl.ingest.frontier import names

    generation, partition = place.generation, place.partition
    listed = names(objects, table.prefix, generation, partition)
    kept = known.kept.found.get((generation, partition))
    first = listed[0].first if listed else None
    return Shelf(
        first=first,
        baseline=first if kept is None else kept.baseline,
        frontier=frontier(objects, table.prefix, generation, partition, kept=known.kept),
        held=_held(objects, table, listed, place),
        acked=_acked(known, place),
    )


def frontiers(
    objects: "ObjectStore", table: "Table", topic: "Topic", *, life: str, known: Lives
) -> dict[int, int]:
    """The next offset to be read of each partition that was read."""
    from bictl.ingest import frontier

    found = {
        partition: frontier(objects, table.prefix, life, partition, kept=known.kept)
        for partition in topic.partitions
    }
    return {partition: at for partition, at in found.items() if at is not None}


def batches(objects: "ObjectStore", table: "Table") -> "list[ObjectInfo]":
    """Everything under the prefix that has a batch's name."""
    return [
        info
        for info in objects.list(table.prefix)
        if parse_batch_key(table.prefix, info.key) is not None
    ]


def search(
    objects: "ObjectStore", table: "Table", info: "ObjectInfo", key: Key
) -> Iterator[tuple[Manifest, Line]]:
    """The records of a key in one object; BictlError when it cannot be read."""
    from bictl.bronze.batch import open_batch

    batch = open_batch(objects, info, prefix=table.prefix, topic=table.topic)
    for text in read_lines(batch.body):
        if key.needle in text or b'_b64":"' in text:
            line = parse_line(text)
            if key.matches(line.key, line.value):
                yield batch.manifest, line


def _held(
    objects: "ObjectStore", table: "Table", listed: list[BatchName], place: Place
) -> Held | None:
    below = [name for name in listed if name.first <= place.offset]
    for name in reversed(below[-_CANDIDATES:]):
        held = _read(objects, table, name, place)
        if held is not None:
            return held
    return None


def _read(objects: "ObjectStore", table: "Table", name: BatchName, place: Place) -> Held | None:
    """The batch if it answers for the offset; one without a manifest might, and is in trouble."""
    from bictl.bronze.batch import open_batch

    key = name.key(table.prefix)
    try:
        info, metadata = objects.head(key)
    except NotFound:  # expired after it was listed
        return None
    try:
        manifest = Manifest.from_metadata(metadata)
    except ValueError as error:
        return Held(key=key, modified=info.modified, manifest=None, trouble=str(error))
    if not manifest.first <= place.offset < manifest.next:
        return None
    held = Held(key=key, modified=info.modified, manifest=manifest)
    try:
        body = open_batch(objects, info, prefix=table.prefix, topic=table.topic).body
        return _with_line(held, body, table.topic, place)
    except (BictlError, ValueError) as error:
        return Held(key=key, modified=info.modified, manifest=manifest, trouble=str(error))


def _with_line(held: Held, body: bytes, topic: str, place: Place) -> Held:
    head = f'{{"topic":"{topic}","partition":{place.partition},"offset":{place.offset},'.encode()
    for number, text in enumerate(read_lines(body), 1):
        if text.startswith(head):
            return Held(
                key=held.key,
                modified=held.modified,
                manifest=held.manifest,
                number=number,
                line=parse_line(text),
            )
    return held


def _acked(known: Lives, place: Place) -> "Ack | None":
    for ack in known.acks:
        covered: Range | None = ack.range
        if (
            covered is not None
            and ack.generation == place.generation
            and covered.partition == place.partition
            and covered.first <= place.offset < covered.next
        ):
            return ack
    return None
