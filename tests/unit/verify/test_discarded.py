"""What Kafka discarded after it was read is compared with nothing, and that is no ignorance."""

import gzip

import pytest
from evidence import TABLE, batch, cut, part, shelf

from bictl.clients.topics import Chunk
from bictl.records import Range
from bictl.verify.contents import as_served
from bictl.verify.expired import Expired
from bictl.verify.read_contents import compare_kafka
from bictl.verify.report import State
from bictl.wire import Line, LineEncoder


class Store:
    def get(self, key):
        return gzip.compress(b""), {}


def test_a_topic_that_retention_has_emptied_is_looked_at_and_well():
    """There is nothing that a reader could be asked for."""
    at_cut = cut(part(start=30, end=30, frontier=30))
    found = compare_kafka(None, Store(), at_cut, shelf(batch(0, 20), batch(20, 30)))
    check = as_served(found, Expired(), table=TABLE)
    assert (check.state, check.evaluated) == (State.OK, 30)
    assert check.message == "30 records are in the objects and not in Kafka any more"


class Sealed:
    """A store whose objects all hold the same lines."""

    def __init__(self, body):
        self.body = body

    def get(self, key):
        return self.body, {}


class Served:
    def __init__(self, chunk):
        self.chunk = chunk

    def read(self, topic, partition, *, first, end):
        yield self.chunk


class Log:
    """A reader that gives `size` records at a time and remembers where it was asked to begin."""

    def __init__(self, end, size):
        self.end, self.size, self.begun = end, size, []

    def read(self, topic, partition, *, first, end):
        self.begun.append(first)
        for start in range(first, end, self.size):
            offsets = range(start, min(start + self.size, end))
            yield Chunk([record(offset) for offset in offsets], offsets.stop)


class Bodies:
    """A store of what the batches hold; the object that begins at `broken` ends in no record."""

    def __init__(self, batches, broken=None):
        self.ranges = {one.key: (one.manifest.first, one.manifest.next) for one in batches}
        self.broken = broken

    def get(self, key):
        first, end = self.ranges[key]
        lines = LineEncoder("t", 0)
        texts = [lines.encode(record(offset)) for offset in range(first, end)]
        whole = first != self.broken
        return gzip.compress(b"".join(texts if whole else [*texts[:1], b"no record\n"])), {}


@pytest.mark.parametrize("size", [1, 3, 7, 100])
def test_a_partition_is_read_once_however_many_batches_it_fills(size):
    """A seek would give up what was fetched beyond the batch."""
    log = Log(20, size)
    four = shelf(batch(0, 6), batch(6, 7), batch(7, 15), batch(15, 20))
    found = compare_kafka(log, Bodies(four.batches), cut(part(end=20, frontier=20)), four)
    assert (found.compared, found.different, found.absent) == (20, (), ())
    assert log.begun == [0]


@pytest.mark.parametrize("size", [1, 3, 100])
def test_what_does_not_follow_is_sought(size):
    """A gap, an overlap, and what is left of a batch that is none."""
    log = Log(30, size)
    some = shelf(batch(0, 6), batch(10, 14), batch(12, 20), batch(20, 25), batch(25, 30))
    bodies = Bodies(some.batches, broken=20)
    found = compare_kafka(log, bodies, cut(part(end=30, frontier=30)), some)
    assert found.different == (Range(0, 20, 25),)
    assert (found.compared, found.absent) == (6 + 4 + 8 + 5, ())
    assert log.begun == [0, 10, 12, 25]


def record(offset):
    return Line("t", 0, offset, 1, b"k", b"{}", ())


def test_what_kafka_passes_over_is_legal_only_where_the_topic_compacts():
    """Records of an aborted transaction that a careless reader had sealed."""
    lines = LineEncoder("t", 0)
    body = b"".join(lines.encode(record(offset)) for offset in range(6))
    served = Chunk((record(0), record(1), record(4)), 6)
    sealed = Sealed(gzip.compress(body))
    at_cut = cut(part(end=6, frontier=6))
    found = compare_kafka(Served(served), sealed, at_cut, shelf(batch(0, 6)))
    assert as_served(found, Expired(), table=TABLE).state is State.OK
    check = as_served(found, Expired(), table=TABLE, compacts=False)
    assert (check.state, check.extra.ranges) == (State.FAIL, (Range(0, 2, 4), Range(0, 5, 6)))
    assert "--offset 0:2" in check.hint
