"""What Kafka discarded after it was read is compared with nothing, and that is no ignorance."""

import gzip

from evidence import TABLE, batch, cut, line, part, shelf

from bictl.clients.topics import Chunk
from bictl.records import Range
from bictl.verify.contents import as_served
from bictl.verify.expired import Expired
from bictl.verify.read_contents import compare_kafka
from bictl.verify.report import State
from bictl.wire import LineEncoder


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


def test_what_kafka_passes_over_is_legal_only_where_the_topic_compacts():
    """Records of an aborted transaction that a careless reader had sealed."""
    lines = LineEncoder("t", 0)
    body = b"".join(lines.encode(line(offset)) for offset in range(6))
    served = Chunk((line(0), line(1), line(4)), 6)
    sealed = Sealed(gzip.compress(body))
    at_cut = cut(part(end=6, frontier=6))
    found = compare_kafka(Served(served), sealed, at_cut, shelf(batch(0, 6)))
    assert as_served(found, Expired(), table=TABLE).state is State.OK
    check = as_served(found, Expired(), table=TABLE, compacts=False)
    assert (check.state, check.extra.ranges) == (State.FAIL, (Range(0, 2, 4), Range(0, 5, 6)))
    assert "--offset 0:2" in check.hint
