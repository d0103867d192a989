"""Reading every record once more, from both sides of a boundary: what a deep look adds."""

import hashlib
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from bictl import wire
from bictl.errors import RetentionPassed
from bictl.records import Manifest, Range, Record
from bictl.verify.contents import Contents, added
from bictl.verify.ranges import Ranges, from_offsets, merged
from bictl.verify.shelf import overlaps
from bictl.verify.slices import WHOLE, Slice, in_slice

if TYPE_CHECKING:
    from bictl.clients.database import Database
    from bictl.clients.objects import ObjectStore
    from bictl.clients.topics import Chunk, TopicReader
    from bictl.settings import Table
    from bictl.verify.cut import Cut, Part
    from bictl.verify.expired import Expired
    from bictl.verify.shelf import Batch, Place, Shelf

_AT_ONCE = 500  # records a statement


# Kafka against the objects ------------------------------------------------------------------------


def compare_kafka(
    reader: "TopicReader",
    objects: "ObjectStore",
    cut: "Cut",
    shelf: "Shelf",
    within: Slice = WHOLE,
) -> Contents:
    """What Kafka still serves of the slice below the frontier, byte by byte."""
    return added(
        _with_kafka(log, part, batch.manifest, _texts(objects, batch))
        for part in cut.parts
        if part.frontier is not None
        for log in [_Log(reader, cut.topic.name, part)]
        for batch in in_slice(shelf.chains.get((cut.generation or "", part.partition), ()), within)
        if batch.sound and batch.manifest is not None
    )


class _Log:
    """A partition of the log, read on where batch follows batch: a seek gives up what was fetched
    beyond it."""

    def __init__(self, reader: "TopicReader", topic: str, part: "Part") -> None:
        self._reader, self._topic, self._part = reader, topic, part
        self._chunks: Iterator[Chunk] = iter(())
        self._ahead: Sequence[Record] = ()
        self._next: int | None = None  # what has not been asked for; None while somebody reads
        self._reached = 0  # what was read up to

    def between(self, first: int, end: int) -> Iterator[Record]:
        """What Kafka serves from `first` up to `end` (not included)."""
        if first != self._next:
            part = self._part
            self._chunks = self._reader.read(self._topic, part.partition, first=first, end=part.end)
            self._ahead, self._reached = (), first
        self._next = None
        while True:
            inside = bisect_left(self._ahead, end, key=attrgetter("offset"))
            here, self._ahead = self._ahead[:inside], self._ahead[inside:]
            yield from here
            if self._reached >= end or (chunk := next(self._chunks, None)) is None:
                break
            self._ahead, self._reached = chunk.records, chunk.next
        self._next = end


def _with_kafka(log: _Log, part: "Part", manifest: Manifest, texts: Iterator[bytes]) -> Contents:
    """One batch against its range of the log, as far as that reaches."""
    first, end = max(manifest.first, part.start), min(manifest.next, part.end)
    if manifest.next <= part.start:  # all of it was discarded after it was read
        return Contents(only=manifest.records)
    if first >= end:
        return Contents()
    try:
        return _side_by_side(
            log.between(first, end),
            (one for one in _placed(texts) if first <= one[0] < end),
            wire.LineEncoder(manifest.topic, part.partition),
            part.partition,
        )
    except ValueError:  # a line that is none
        return Contents(different=(manifest.range,))


def _placed(texts: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    """Each line behind its offset."""
    return ((wire.offset_of(text), text) for text in texts)


def _side_by_side(
    records: Iterator[Record],
    lines: Iterator[tuple[int, bytes]],
    encoder: wire.LineEncoder,
    partition: int,
) -> Contents:
    """Both in the order of their offsets: one line is in memory at a time, not a batch of them."""
    compared, different, absent, unserved = 0, list[int](), list[int](), list[int]()
    line, only = next(lines, None), 0
    try:
        for record in records:
            while line is not None and line[0] < record.offset:
                unserved.append(_own(line))
                line = next(lines, None)
            if line is None or line[0] > record.offset:
                absent.append(record.offset)
                continue
            if not _holds(line[1], record, encoder):
                different.append(record.offset)
            compared, line = compared + 1, next(lines, None)
    except RetentionPassed:  # discarded while it was compared: the rest is the objects' alone
        only = (line is not None) + sum(1 for _ in map(_own, lines))
    else:
        unserved += [] if line is None else [_own(line)]
        unserved += map(_own, lines)
    return Contents(
        compared=compared,
        different=from_offsets(partition, different),
        absent=from_offsets(partition, absent),
        only=only + len(unserved),
        unserved=from_offsets(partition, unserved),
    )


def _holds(text: bytes, record: Record, encoder: wire.LineEncoder) -> bool:
    """Whether a line holds the record: by its bytes, and parsed where these are not the usual
    ones."""
    if text == encoder.pasted(record):
        return True
    line = wire.parse_line(text)
    mine = (record.timestamp, record.key, record.value, tuple(record.headers))
    return (line.timestamp, line.key, line.value, tuple(line.headers)) == mine


def _own(line: tuple[int, bytes]) -> int:
    """The offset of a line that Kafka has nothing to compare with; ValueError where it is none."""
    return wire.parse_line(line[1]).offset


def served_of_expired(
    reader: "TopicReader", cut: "Cut", expired: "Expired"
) -> "dict[Place, Ranges]":
    """The offsets that Kafka still serves of what objects held that have expired."""
    return {
        (cut.generation, part.partition): merged(
            item
            for gone in expired.ranges.get((cut.generation, part.partition), ())
            for item in _served(reader, cut.topic.name, part, gone)
        )
        for part in cut.parts
    }


def _served(reader: "TopicReader", topic: str, part: "Part", wanted: Range) -> Ranges:
    first, end = max(wanted.first, part.start), min(wanted.next, part.end)
    if first >= end:
        return ()
    found = list[int]()
    with suppress(RetentionPassed):  # discarded meanwhile
        for chunk in reader.read(topic, part.partition, first=first, end=end):
            found += [record.offset for record in chunk.records]
    return from_offsets(part.partition, found)


# The objects against each other -------------------------------------------------------------------


def compare_overlaps(objects: "ObjectStore", shelf: "Shelf") -> Contents:
    """The records of sound batches whose ranges overlap. `only` counts those that one of the two
    does not hold: compaction may have removed them before it was sealed."""
    return added(
        _with_each_other(_digests(objects, left, shared), _digests(objects, right, shared), shared)
        for chain in shelf.chains.values()
        for left, right, shared in overlaps(batch for batch in chain if batch.sound)
    )


def _with_each_other(left: dict[int, bytes], right: dict[int, bytes], shared: Range) -> Contents:
    both = left.keys() & right.keys()
    different = [offset for offset in both if left[offset] != right[offset]]
    return Contents(
        compared=len(both),
        different=from_offsets(shared.partition, different),
        only=len(left.keys() ^ right.keys()),
    )


def _digests(objects: "ObjectStore", batch: "Batch", within: Range) -> dict[int, bytes]:
    """A digest of each record of the range; nothing of an object that is no batch after all."""
    try:
        return {
            line.offset: _digest(line)
            for line in _lines(objects, batch)
            if within.first <= line.offset < within.next
        }
    except ValueError:
        return {}


def _digest(line: wire.Line) -> bytes:
    return hashlib.sha256(repr(tuple(line)).encode()).digest()


# The objects against bronze -----------------------------------------------------------------------


def compare_bronze(
    objects: "ObjectStore",
    database: "Database",
    table: "Table",
    shelf: "Shelf",
    within: Slice = WHOLE,
) -> Contents:
    """Every line of every sound object of the slice against the row, or the quarantined record, at
    its offset."""
    compare = _Rows(database, table)
    return added(
        compare.with_batch(batch.manifest, _lines(objects, batch))
        for batch in in_slice(shelf.batches, within)
        if batch.sound and batch.manifest is not None
    )


class _Rows:
    """Bronze's rows, asked about batch by batch."""

    def __init__(self, database: "Database", table: "Table") -> None:
        self._database, self._table = database, table
        self._keys, self._values = wire.EnvelopeSplitter(), wire.EnvelopeSplitter()
        self._schemas: dict[bytes, str] = {}

    def with_batch(self, manifest: Manifest, lines: Iterator[wire.Line]) -> Contents:
        """One batch against the rows of its range."""
        place = {
            "topic": manifest.topic,
            "generation": manifest.generation,
            "partition": manifest.partition,
        }
        within = {**place, "first": manifest.first, "next": manifest.next}
        found = self._rows("verify/quarantined", within)
        held = {offset: (_bytes(key), _bytes(value)) for offset, key, value in found}
        compared, different, doubled = 0, list[int](), list[int]()
        try:
            while some := list(islice(lines, _AT_ONCE)):
                aside = [line for line in some if line.offset in held]
                different += [line.offset for line in aside if held[line.offset] != line[4:6]]
                others = [line for line in some if line.offset not in held]
                rows, differing, twice = self._with_rows(place, others)
                compared, different = compared + len(aside) + rows, different + differing
                doubled += twice
        except ValueError:  # a line that is none
            return Contents(different=(manifest.range,))
        return Contents(
            compared=compared,
            different=from_offsets(manifest.partition, different),
            doubled=from_offsets(manifest.partition, doubled),
        )

    def _with_rows(
        self, place: dict[str, Any], lines: Sequence[wire.Line]
    ) -> tuple[int, list[int], list[int]]:
        """How many rows bronze has of these records, the offsets of those that differ, and of those
        that have a name twice."""
        split = [
            (line, self._split(self._keys, line.key), self._split(self._values, line.value))
            for line in lines
        ]
        parameters = {
            **place,
            "offsets": [line.offset for line in lines],
            "milliseconds": [line.timestamp for line in lines],
            "keys": [text for _, (_, text), _ in split],
            "values": [text for _, _, (_, text) in split],
            "key_schemas": [schema for _, (schema, _), _ in split],
            "schemas": [schema for _, _, (schema, _) in split],
            "hashes": list(self._schemas.values()),
            "texts": [_text(schema) for schema in self._schemas],
        }
        ((rows, differing, twice),) = self._rows("verify/contents", parameters)
        return rows, differing or [], twice or []

    def _split(
        self, splitter: wire.EnvelopeSplitter, raw: bytes | None
    ) -> tuple[str | None, str | None]:
        """The schema's sha256 and the rest; both as bronze would keep them."""
        if raw is None:
            return None, None
        schema, rest = splitter.split(raw)
        return None if schema is None else self._schema(schema), _text(rest)

    def _schema(self, schema: bytes) -> str:
        """The sha256 by which a schema is known; another word where its content was changed."""
        if schema not in self._schemas:
            digest = hashlib.sha256(schema)
            query = "select schema = %s::jsonb from bronze.cdc_schema where sha256 = %s"
            same = self._database.value(query, [_text(schema), digest.digest()])
            self._schemas[schema] = "other" if same is False else digest.hexdigest()
        return self._schemas[schema]

    def _rows(self, name: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
        query = self._database.named(name, bronze=self._table.bronze)
        return self._database.rows(query, parameters)


def _texts(objects: "ObjectStore", batch: "Batch") -> Iterator[bytes]:
    """The batch's lines; the object is fetched when the first of them is asked for."""
    yield from wire.read_lines(objects.get(batch.key)[0])


def _lines(objects: "ObjectStore", batch: "Batch") -> Iterator[wire.Line]:
    return map(wire.parse_line, _texts(objects, batch))


def _text(raw: bytes) -> str:
    """The text that Postgres is to read; one that it refuses where it could not hold the bytes."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return ""
    return "" if "\0" in text else text


def _bytes(raw: Any) -> bytes | None:
    return None if raw is None else bytes(raw)
