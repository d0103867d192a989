"""Evidence as plain values, for tests of what the checks make of it."""

from datetime import UTC, datetime

from bictl.records import BatchName, Manifest, Range, Topic
from bictl.settings import Table
from bictl.verify.cut import Cut, Life, Part
from bictl.verify.shelf import Batch, Shelf
from bictl.wire import Line

NOW = datetime(2024, 5, 14, 12, tzinfo=UTC)
OLD = int(NOW.timestamp() * 1000) - 3_600_000
YOUNG = int(NOW.timestamp() * 1000) - 10_000
TABLE = Table(name="product", topic="t", embed=("name",))
LAG = 300


def line(offset):
    """The same small record at each offset, as Kafka serves it and an object holds it."""
    return Line("t", 0, offset, 1, b"k", b"{}", ())


def batch(first, after, *, generation="g1", number=0, partition=0, records=None, **fields):
    """A sound batch of [first, after); `written` is its records' timestamp."""
    count = after - first if records is None else records
    written = fields.pop("written", OLD)
    manifest = Manifest(
        cluster="c",
        topic="t",
        generation=generation,
        generation_no=number,
        partition=partition,
        first=first,
        next=after,
        records=count,
        tombstones=0,
        sha256="0",
        min_timestamp=written,
        max_timestamp=written,
        run="r",
    )
    held = (Range(partition, first, after),) if count == after - first else None
    given = {"manifest": manifest, "held": held, **fields}
    return Batch(
        key=f"{generation}/{partition}/{first}",
        size=1,
        name=BatchName(generation, partition, first),
        **given,
    )


def shelf(*batches, **fields):
    return Shelf(batches=batches, **fields)


def cut(*parts, generation="g1", topic_id="g1", partitions=(0,), accepted=True):
    life = Life(name=generation, accepted=accepted, next="g-next")
    return Cut(topic=Topic("t", "c", topic_id, partitions), life=life, at=NOW, parts=parts)


def part(start=0, end=0, **fields):
    return Part(partition=fields.pop("partition", 0), start=start, end=end, high=end, **fields)
