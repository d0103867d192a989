"""Sealed objects for tests: what ingest would have left in the bucket, byte by byte."""

import gzip
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from bictl.clients.objects import ObjectStore
from bictl.records import Manifest
from bictl.settings import Table
from bictl.wire import LineEncoder


@dataclass(frozen=True)
class Written:
    """A Kafka record."""

    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]] = ()
    timestamp: int = 1_715_682_225_123


def numbered(samples: Iterable[tuple], *, first: int = 0) -> list[Written]:
    """(key, value[, headers, timestamp]) tuples as records with offsets from `first` on."""
    return [Written(first + number, *sample) for number, sample in enumerate(samples)]


def lines(topic: str, partition: int, records: Iterable[Written]) -> bytes:
    encoder = LineEncoder(topic, partition)
    return b"".join(encoder.encode(record) for record in records)


def sealed(
    table: Table,
    records: Sequence[Written],
    *,
    generation: str = "g1",
    generation_no: int = 1,
    partition: int = 0,
    first: int | None = None,
    next: int | None = None,
    text: bytes | None = None,
) -> tuple[Manifest, bytes]:
    """The manifest and the bytes of an object that holds `records` (or the lines in `text`)."""
    text = lines(table.topic, partition, records) if text is None else text
    body = gzip.compress(text, 1, mtime=0)
    times = [record.timestamp for record in records]
    manifest = Manifest(
        cluster="test",
        topic=table.topic,
        generation=generation,
        generation_no=generation_no,
        partition=partition,
        first=records[0].offset if first is None else first,
        next=records[-1].offset + 1 if next is None else next,
        records=len(records),
        tombstones=sum(record.value is None for record in records),
        sha256=hashlib.sha256(body).hexdigest(),
        min_timestamp=min(times, default=None),
        max_timestamp=max(times, default=None),
        run="test",
    )
    return manifest, body


def put(objects: ObjectStore, table: Table, manifest: Manifest, body: bytes) -> str:
    """Writes an object under its batch's name; the key."""
    key = manifest.name.key(table.prefix)
    assert objects.put_new(key, body, metadata=manifest.to_metadata())
    return key


def seal(objects: ObjectStore, table: Table, records: Sequence[Written], **options: object) -> str:
    """Seals `records` as one batch; the key."""
    return put(objects, table, *sealed(table, records, **options))


def seal_all(
    objects: ObjectStore, table: Table, records: Sequence[Written], *, size: int, **options: object
) -> list[str]:
    """Seals `records` as batches of `size`; the keys."""
    cut = range(0, len(records), size)
    return [seal(objects, table, records[at : at + size], **options) for at in cut]


def restated(manifest: Manifest, **changes: object) -> Manifest:
    """The same manifest, but lying."""
    return replace(manifest, **changes)
