"""What a Postgres source says of its publication and its slot."""

import pytest

from bictl.cdc.source import Place
from bictl.cdc.source.postgres import Slot, publication, slot_read, unread

PLACE = Place("shop", "dbo", "Product")
AT = 0x16B3748


def slot(confirmed=AT, *, active=True, status="reserved"):
    return Slot(active=active, wal_status=status, confirmed=confirmed)


@pytest.mark.parametrize(
    ("there", "wanted", "names_rows", "state"),
    [
        (["a"], "a", True, "ok"),
        (["b"], "a", True, "fail"),
        ([], "a", True, "fail"),
        (["b"], None, True, "ok"),
        ([], None, True, "fail"),
        (["a"], "a", False, "fail"),
    ],
)
def test_the_table_is_in_the_publication_that_is_read(there, wanted, names_rows, state):
    assert publication(PLACE, there, wanted=wanted, names_rows=names_rows).state == state


@pytest.mark.parametrize(
    ("found", "state"), [(None, "fail"), (slot(active=False), "warn"), (slot(), "ok")]
)
def test_a_slot_that_nobody_reads_captures_nothing(found, state):
    assert slot_read("s", found).state == state


@pytest.mark.parametrize(
    ("found", "committed", "state", "loss"),
    [
        (slot(), None, "skipped", False),
        (slot(), AT, "ok", False),
        (slot(AT - 1), AT, "ok", False),
        (slot(AT + 1), AT, "fail", True),
        (slot(None), AT, "ok", False),
        (slot(status="lost"), AT, "fail", True),
        (slot(status="unreserved"), AT, "ok", False),
        (None, AT, "fail", True),
    ],
)
def test_what_a_slot_skipped_is_evidence_of_loss(found, committed, state, loss):
    answer = unread("s", found, committed, table="product")
    assert (answer.state, answer.is_loss) == (state, loss)
    if state == "fail":
        assert "bictl cdc snapshot --table product --blocking" in answer.repair
        assert "0/16B3748" in answer.message or "removed" in answer.message
