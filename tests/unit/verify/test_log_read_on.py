"""A deep look reads a partition of the log on from batch to batch, and seeks where none follows."""

import gzip

import pytest
from evidence import batch, cut, line, part, shelf

from bictl.clients.topics import Chunk
from bictl.records import Range
from bictl.verify.read_contents import compare_kafka
from bictl.wire import LineEncoder


class Log:
    """A reader that gives `size` records at a time and remembers where it was asked to begin."""

    def __init__(self, size):
        self.size, self.begun = size, []

    def read(self, topic, partition, *, first, end):
        self.begun.append(first)
        for start in range(first, end, self.size):
            offsets = range(start, min(start + self.size, end))
            yield Chunk([line(offset) for offset in offsets], offsets.stop)


class Bodies:
    """A store of what the batches hold; the object that begins at `broken` ends in no record."""

    def __init__(self, batches, broken=None):
        self.ranges = {one.key: (one.manifest.first, one.manifest.next) for one in batches}
        self.broken = broken

    def get(self, key):
        first, end = self.ranges[key]
        lines = LineEncoder("t", 0)
        texts = [lines.encode(line(offset)) for offset in range(first, end)]
        whole = first != self.broken
        return gzip.compress(b"".join(texts if whole else [*texts[:1], b"no record\n"])), {}


@pytest.mark.parametrize("size", [1, 3, 7, 100])
def test_a_partition_is_read_once_however_many_batches_it_fills(size):
    """A seek would give up what was fetched beyond the batch."""
    log = Log(size)
    four = shelf(batch(0, 6), batch(6, 7), batch(7, 15), batch(15, 20))
    found = compare_kafka(log, Bodies(four.batches), cut(part(end=20, frontier=20)), four)
    assert (found.compared, found.different, found.absent) == (20, (), ())
    assert log.begun == [0]


@pytest.mark.parametrize("size", [1, 3, 100])
def test_what_does_not_follow_is_sought(size):
    """A gap, an overlap, and what is left of a batch that is none."""
    log = Log(size)
    some = shelf(batch(0, 6), batch(10, 14), batch(12, 20), batch(20, 25), batch(25, 30))
    bodies = Bodies(some.batches, broken=20)
    found = compare_kafka(log, bodies, cut(part(end=30, frontier=30)), some)
    assert found.different == (Range(0, 20, 25),)
    assert (found.compared, found.absent) == (6 + 4 + 8 + 5, ())
    assert log.begun == [0, 10, 12, 25]
