"""Which part of the contents a slice is."""

from collections import Counter

import pytest
from evidence import batch, shelf

from bictl.errors import UsageError
from bictl.verify import contents
from bictl.verify.contents import Contents
from bictl.verify.expired import Expired
from bictl.verify.report import State
from bictl.verify.slices import Slice, in_slice, looked, parse_slice

BATCHES = tuple(
    batch(first, first + 10, partition=part) for first in range(0, 900, 10) for part in (0, 1)
)


@pytest.mark.parametrize("parts", [1, 2, 7, 31])
def test_every_batch_is_in_exactly_one_slice(parts):
    slices = [in_slice(BATCHES, Slice(part, parts)) for part in range(1, parts + 1)]
    assert Counter(item.key for found in slices for item in found) == Counter(
        item.key for item in BATCHES
    )
    assert all(slices), "and no slice of so many batches is empty"


def test_a_batch_stays_in_its_slice_while_others_come_and_go():
    there = {item.key for item in in_slice(BATCHES, Slice(3, 7))}
    later = BATCHES[20:] + tuple(batch(first, first + 10) for first in range(900, 1500, 10))
    assert {item.key for item in in_slice(later, Slice(3, 7))} >= there & {b.key for b in later}


def test_what_was_looked_at_is_counted_in_batches_and_records():
    parts = [looked(Slice(part, 3), shelf(*BATCHES)) for part in (1, 2, 3)]
    assert sum(part.batches for part in parts) == len(BATCHES)
    assert sum(part.records for part in parts) == 10 * len(BATCHES)
    assert parts[0].words.startswith("slice 1/3 (")


@pytest.mark.parametrize(
    "text", ["", "3", "3/", "/7", "0/7", "8/7", "-1/7", "3/7/2", "a/b", "1/1001"]
)
def test_a_slice_that_is_none_is_refused_with_an_example(text):
    with pytest.raises(UsageError, match="like 3/7"):
        parse_slice(text)


def test_a_slice_is_read_as_it_is_written():
    assert parse_slice("7/7") == Slice(7, 7)


def test_an_empty_slice_is_ok_and_an_unread_one_is_not():
    """Three batches have no seventh slice of their own; batches that could not be compared do."""
    said = contents.as_served(Contents(), Expired(), table=None)
    empty, full = shelf(batch(0, 10)), shelf(*BATCHES)
    other = next(p for p in range(1, 8) if not in_slice(empty.batches, Slice(p, 7)))
    there = contents.of_slice(said, looked(Slice(other, 7), empty))
    assert (there.state, there.evaluated) == (State.OK, 1)
    assert contents.of_slice(said, looked(Slice(1, 7), full)).evaluated == 0
