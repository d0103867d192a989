"""What prune recorded, judged as sets: our own ledger proves nothing by itself."""

from dataclasses import replace

from evidence import TABLE, batch, shelf

from bictl.records import Range
from bictl.verify.bronze import Bronze
from bictl.verify.objects import Entry
from bictl.verify.ranges import from_offsets
from bictl.verify.replaced import claims, proved
from bictl.verify.report import State

PLACE = ("g1", 0)
THREE = shelf(batch(0, 10), batch(10, 20), batch(20, 30))


def judged(there, *, held, pruned, ledger=()):
    bronze = Bronze(held={PLACE: from_offsets(0, held)}, pruned={PLACE: from_offsets(0, pruned)})
    found = claims(there, bronze, ledger)
    return found, proved(found, table=TABLE)


def test_nothing_pruned_is_nothing_to_prove():
    found = claims(THREE, Bronze(), ())

    assert (proved(found, table=TABLE).state, found.pruned) == (State.OK, 0)


def test_what_the_objects_hold_and_newer_rows_follow_is_proved():
    found, check = judged(THREE, held=[0, 29], pruned=range(1, 29))

    assert (check.state, check.evaluated, check.message) == (State.OK, 28, "28 pruned")
    assert found.unread == 0


def test_what_no_object_holds_was_never_loaded():
    gap = shelf(batch(0, 10), batch(10, 20, records=9, held=(Range(0, 10, 19),)))

    _, check = judged(gap, held=[30], pruned=[5, 19, 25])

    assert check.state is State.FAIL
    assert check.missing.ranges == (Range(0, 19, 20), Range(0, 25, 26))
    assert "never loaded" in check.message


def test_nothing_may_be_pruned_that_nothing_follows():
    _, check = judged(THREE, held=[0, 20], pruned=[19, 21, 22])

    assert (check.state, check.missing.ranges) == (State.FAIL, (Range(0, 21, 23),))
    assert "nothing newer stands in their partition" in check.message


def test_of_an_object_that_is_gone_the_ledger_is_the_witness_and_that_is_said():
    there = shelf(batch(10, 20), batch(20, 30))
    gone = Entry(key="g1/0/0", sha256="0", range=Range(0, 0, 10), generation="g1")

    found, check = judged(there, held=[29], pruned=range(5, 15), ledger=[gone])

    assert (check.state, found.unread) == (State.OK, 5)
    assert check.message == (
        "10 pruned; of 5 the objects are gone, so that their keys stand on prune's word alone"
    )


def test_a_damaged_object_proves_nothing_and_refutes_nothing():
    broken = batch(0, 10, damage="its bytes are others")
    entry = Entry(key=broken.key, sha256="0", range=Range(0, 0, 10), generation="g1")

    found, check = judged(shelf(broken), held=[9], pruned=[3], ledger=[entry])

    assert (check.state, found.unread) == (State.OK, 1)


def test_an_entry_of_the_ledger_is_no_witness_against_its_own_object():
    entry = Entry(key="g1/0/20", sha256="0", range=Range(0, 20, 40), generation="g1")

    _, check = judged(THREE, held=[50], pruned=[35], ledger=[entry])

    assert check.state is State.FAIL


def test_a_key_without_a_newer_record_is_named():
    bronze = Bronze(held={PLACE: (Range(0, 9, 30),)}, pruned={PLACE: (Range(0, 0, 9),)})
    found = claims(THREE, bronze, ())

    check = proved(found.with_keys((Range(0, 4, 5),)), table=TABLE)

    assert check.state is State.FAIL
    assert "partition 0, offsets [4,5) (1 record)" in check.message
    assert check.hint == "bictl load-bronze --table product --replay"
    assert proved(replace(found, unreplaced=()), table=TABLE).state is State.OK
