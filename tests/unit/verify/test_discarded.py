"""What Kafka discarded after it was read is compared with nothing, and that is no ignorance."""

import gzip

from evidence import TABLE, batch, cut, part, shelf

from bictl.verify.contents import as_served
from bictl.verify.expired import Expired
from bictl.verify.read_contents import compare_kafka
from bictl.verify.report import State


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
