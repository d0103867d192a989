"""Objects against bronze, as sets; the ledger is a witness and never the only one."""

from datetime import UTC, datetime

from evidence import LAG, NOW, TABLE, YOUNG, batch, shelf
from hypothesis import given
from hypothesis import strategies as st

from bictl.records import Range
from bictl.verify import bronze
from bictl.verify.bronze import KEY_COLUMNS, Bronze, Origin, Rejected
from bictl.verify.expired import Expired
from bictl.verify.objects import Entry, vanished
from bictl.verify.ranges import from_offsets
from bictl.verify.report import State
from bictl.verify.shelf import Shelf


def compared(there, held, *, ledger=(), later=None):
    found = Bronze(held=held, rows=sum(len(item) for place in held.values() for item in place))
    return bronze.compare(
        there, found, ledger, later=later or there, expired=Expired(), now=NOW, max_lag=LAG
    )


def entry(item):
    return Entry(
        key=item.key,
        sha256=item.manifest.sha256,
        range=item.manifest.range,
        generation=item.name.generation,
    )


def at(*ranges, generation="g1"):
    return {(generation, 0): tuple(Range(0, first, after) for first, after in ranges)}


THREE = shelf(batch(0, 10), batch(10, 20), batch(20, 30))


def test_everything_loaded_is_whole():
    found = compared(THREE, at((0, 30)))
    assert bronze.tally(found).whole
    assert bronze.unloaded(found, THREE, table=TABLE).state is State.OK
    assert bronze.holes(found, table=TABLE).evaluated == 30


def test_an_old_object_that_is_wholly_absent_is_not_loaded():
    found = compared(THREE, at((0, 20)))
    check = bronze.unloaded(found, THREE, table=TABLE)
    assert (check.state, check.missing.ranges) == (State.FAIL, (Range(0, 20, 30),))
    assert check.hint == "bictl load-bronze --table product"
    assert bronze.holes(found, table=TABLE).state is State.OK


def test_a_young_object_that_is_wholly_absent_is_in_flight():
    there = shelf(batch(0, 10), batch(10, 20, written=YOUNG))
    found = compared(there, at((0, 10)))
    assert bronze.unloaded(found, there, table=TABLE).state is State.OK
    tally = bronze.tally(found)
    assert (tally.in_flight, tally.balanced, tally.whole) == (10, True, False)


def test_a_ledger_that_claims_an_absent_object_is_not_believed():
    ledger = [entry(item) for item in THREE.batches]
    found = compared(THREE, at((0, 10)), ledger=ledger)
    check = bronze.holes(found, table=TABLE)
    assert (check.state, check.missing.ranges) == (State.FAIL, (Range(0, 10, 30),))
    assert check.hint == "bictl load-bronze --table product --replay"


def test_an_empty_ledger_takes_nothing_from_what_stands_in_bronze():
    assert bronze.tally(compared(THREE, at((0, 30)), ledger=())).whole


def test_a_lost_row_and_an_extra_one_do_not_cancel_out():
    found = compared(THREE, at((0, 5), (6, 30), (99, 100)))
    assert found.accounted == 29
    assert bronze.holes(found, table=TABLE).missing.ranges == (Range(0, 5, 6),)
    rows = Bronze(rows=30)
    assert bronze.surplus(found, rows, table=TABLE).extra.ranges == (Range(0, 99, 100),)
    assert not bronze.tally(found).balanced


def test_a_row_in_a_legal_gap_is_too_much_although_the_count_agrees():
    there = shelf(batch(0, 10, records=9, held=from_offsets(0, [0, 1, 2, 3, 4, 5, 6, 7, 9])))
    found = compared(there, at((0, 7), (8, 10)))
    assert found.holes == (Range(0, 7, 8),)
    assert found.extra == (Range(0, 8, 9),)


def test_rows_of_another_generation_are_not_the_same_records():
    found = compared(THREE, at((0, 30), generation="g2"))
    assert found.accounted == 0
    assert found.extra == (Range(0, 0, 30),)


def test_what_was_sealed_and_loaded_while_verifying_is_not_too_much():
    later = Shelf(batches=(*THREE.batches, batch(30, 40)))
    assert compared(THREE, at((0, 40)), later=later).extra == ()
    assert compared(THREE, at((0, 40))).extra == (Range(0, 30, 40),)


def test_what_a_damaged_object_should_hold_stands_in_bronze_alone():
    there = shelf(batch(0, 10), batch(10, 20, damage="truncated"))
    assert compared(there, at((0, 20))).extra == (Range(0, 10, 20),)


offsets = st.sets(st.integers(0, 29))


@given(offsets, st.sets(st.sampled_from([0, 10, 20])))
def test_what_is_missing_and_too_much_is_always_exact(held, in_ledger):
    ledger = [entry(item) for item in THREE.batches if item.name.first in in_ledger]
    found = compared(THREE, {("g1", 0): from_offsets(0, held)}, ledger=ledger)
    missing = {offset for item in found.missing for offset in range(item.first, item.next)}
    assert missing == set(range(30)) - held
    assert found.accounted == len(held)
    assert bronze.tally(found).whole == (held == set(range(30)))


def test_a_record_that_stands_twice_is_named():
    twice = Bronze(rows=31, doubled=at((7, 8)))
    found = bronze.once(compared(THREE, at((0, 30))), twice, table=TABLE)
    assert (found.state, found.extra.ranges) == (State.FAIL, (Range(0, 7, 8),))


def test_what_is_pruned_yet_there_is_named_beside_what_stands_twice():
    held, pruned = at((0, 30)), at((20, 22))
    both = Bronze(held=held, rows=31, doubled=at((7, 8)), pruned=pruned)
    found = bronze.once(compared(THREE, held), both, table=TABLE)
    assert found.extra.ranges == (Range(0, 7, 8), Range(0, 20, 22))
    assert "stand more than once; " in found.message
    assert "[20,22) (2 records) are recorded as pruned yet there" in found.message


def test_the_unique_index_must_be_on_all_four_columns():
    assert bronze.constraint(Bronze(unique=(KEY_COLUMNS,)), table=TABLE).state is State.OK
    three = ("kafka_topic", "kafka_partition", "kafka_offset")
    assert bronze.constraint(Bronze(unique=(three,)), table=TABLE).state is State.FAIL
    assert bronze.constraint(Bronze(), table=TABLE).state is State.FAIL


def test_rows_must_name_the_object_that_holds_them():
    whole = compared(THREE, at((0, 30)))
    right = Origin(key="g1/0/0", generation="g1", range=Range(0, 0, 10), rows=10)
    wrong = Origin(key="g1/0/10", generation="g1", range=Range(0, 9, 20), rows=11)
    assert bronze.origins(THREE, Bronze(origins=(right,)), whole, table=TABLE).state is State.OK
    found = bronze.origins(THREE, Bronze(origins=(right, wrong)), whole, table=TABLE)
    assert (found.state, found.extra.keys) == (State.FAIL, ("g1/0/10",))


def test_quarantine_fails_until_its_reason_is_acknowledged():
    rejected = Rejected(
        sqlstate="22P05",
        reason="unsupported Unicode escape sequence",
        count=2,
        since=datetime(2024, 5, 1, tzinfo=UTC),
    )
    whole = compared(THREE, at((0, 30)))
    there = Bronze(rows=30, rejected=(rejected,))
    found = bronze.quarantine(there, {}, whole, table=TABLE)
    assert found.state is State.FAIL
    assert "2 × 22P05" in found.message
    words = {"22P05": "quarantine 22P05 acknowledged by ann until 2027-01-31: known"}
    accepted = bronze.quarantine(there, words, whole, table=TABLE)
    assert accepted.state is State.OK
    assert accepted.message == f"2 records in {words['22P05']}"


def test_an_acknowledged_reason_hides_no_other_one():
    since = datetime(2024, 5, 1, tzinfo=UTC)
    known = Rejected(sqlstate="22P05", reason="unsupported", count=2, since=since)
    new = Rejected(sqlstate="54001", reason="stack depth", count=1, since=since)
    whole = compared(THREE, at((0, 30)))
    found = bronze.quarantine(
        Bronze(rows=30, rejected=(known, new)), {"22P05": "by ann"}, whole, table=TABLE
    )
    assert (found.state, found.extra.keys) == (State.FAIL, ("54001",))
    assert found.message == (
        "1 record quarantined: 1 × 54001 stack depth; beside them 2 records in by ann"
    )
    assert found.hint == "bictl quarantine list --table product"


def test_an_object_that_only_the_rows_remember_is_missed_too():
    found = vanished(THREE, [], {"g1/0/0": 10, "g1/0/30": 5}, Expired())
    assert (found.state, found.missing.keys) == (State.FAIL, ("g1/0/30",))
