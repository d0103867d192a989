"""Which missing objects had to go: each piece of evidence alone decides."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bictl.clients.lifecycle import Expiry
from bictl.records import BatchName, Manifest, Range
from bictl.settings import Table
from bictl.verify.expired import Declared, Rules, declared, find_expired
from bictl.verify.objects import Entry
from bictl.verify.shelf import Batch, Shelf

NOW = datetime(2026, 6, 1, tzinfo=UTC)
OLD, YOUNG = NOW - timedelta(days=90), NOW - timedelta(days=89, hours=23)
RULES = Rules(rules=(Expiry(name="raw", prefix="p/", days=90),))
PLACE = ("g", 0)


def entry(first, after, *, sealed=OLD, records=None):
    return Entry(
        key=f"p/{first}-{after}",
        sha256="",
        generation="g",
        range=Range(0, first, after),
        records=after - first if records is None else records,
        size=100,
        sealed=sealed,
    )


def batch(first, after, *, modified=NOW):
    manifest = Manifest(
        cluster="c",
        topic="t",
        generation="g",
        generation_no=0,
        partition=0,
        first=first,
        next=after,
        records=after - first,
        tombstones=0,
        sha256="0" * 64,
        min_timestamp=0,
        max_timestamp=0,
        run="r",
    )
    return Batch(
        key=f"p/{first}-{after}",
        size=100,
        name=BatchName("g", 0, first),
        manifest=manifest,
        held=(manifest.range,),
        modified=modified,
    )


def found(ledger, *batches, held=((0, 100),), rules=RULES, since=0):
    shelf = Shelf(batches=batches, since={PLACE: since} if since else {})
    ranges = tuple(Range(0, *one) for one in held)
    return find_expired(
        shelf, ledger, lambda place: ranges if place == PLACE else (), rules, now=NOW
    )


def test_all_the_evidence_makes_it_expired():
    old = found([entry(0, 10), entry(10, 20)], batch(20, 30))
    assert old.ranges == {PLACE: (Range(0, 0, 20),)}
    assert (old.records, old.rules, old.refused) == (20, ("rule raw (90 days)",), ())
    assert old.without(PLACE, [Range(0, 5, 25)]) == (Range(0, 20, 25),)
    assert old.without(("other", 0), [Range(0, 5, 25)]) == (Range(0, 5, 25),)


def test_what_is_there_has_not_expired():
    assert found([entry(20, 30)], batch(20, 30)).keys == frozenset()


def test_an_hour_too_young_is_not_expired():
    old = found([entry(0, 10, sealed=YOUNG)], batch(20, 30))
    assert old.keys == frozenset()
    assert old.refused == (
        "0:[0,10) was too young for rule raw (90 days): 89 days since it was written",
    )
    assert "unknown since" in found([entry(0, 10, sealed=None)]).refused[0]


def test_between_objects_that_are_there_only_the_oldest_of_all_may_be_missing():
    standing = [batch(0, 10, modified=OLD), batch(20, 30)]
    assert "written after" in found([entry(10, 20)], *standing).refused[0]
    younger = [replace(one, modified=OLD + timedelta(seconds=1)) for one in standing]
    assert found([entry(10, 20)], *younger).records == 10
    unknown = [replace(one, modified=None) for one in standing]
    assert "written after" in found([entry(10, 20)], *unknown).refused[0]


def test_a_missing_row_is_a_loss_of_its_object_alone():
    old = found([entry(0, 10), entry(10, 20)], held=[(0, 3), (4, 20)])
    assert old.ranges == {PLACE: (Range(0, 10, 20),)}
    assert old.refused == ("0:[0,10): bronze holds 9 of 10 records",)


def test_a_row_too_many_in_a_legal_gap_is_no_expiry():
    assert found([entry(0, 10, records=6)], held=[(0, 7)]).refused
    assert found([entry(0, 10, records=6)], held=[(2, 8)]).records == 6


def test_objects_that_overlapped_are_judged_together():
    both = [entry(0, 10), entry(5, 15)]
    assert found(both, held=[(0, 15)]).records == 15
    assert len(found(both, held=[(0, 9)]).refused) == 1


def test_the_soonest_rule_counts_and_the_configuration_is_one():
    table = Table(name="t", topic="t", expire_after_days=30)
    assert declared(table) == (Declared(table="t", days=30),)
    assert declared(replace(table, expire_after_days=0)) == ()
    rules = Rules(rules=(*RULES.rules, *declared(table)))
    young = entry(0, 10, sealed=NOW - timedelta(days=31))
    old = found([young], rules=rules)
    assert old.rules == ("expire_after_days = 30 in [tables.t]",)


def test_without_a_rule_it_says_why_none_is_known():
    assert found([entry(0, 10)], rules=Rules(unread="no right")).refused == (
        "0:[0,10) is covered by no rule (no right)",
    )
    later = Expiry(name="later", at=NOW + timedelta(days=1))
    assert found([entry(0, 10)], rules=Rules(rules=(later,))).refused == (
        "0:[0,10) is covered by no rule",
    )


def test_a_quick_look_leaves_alone_what_lies_below_it():
    old = found([entry(0, 10), entry(10, 20)], held=[(10, 20)], since=10)
    assert (old.ranges, old.refused) == ({PLACE: (Range(0, 10, 20),)}, ())


@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=8),
    st.integers(0, 8),
    st.sets(st.integers(0, 72), max_size=4),
)
def test_expired_and_refused_together_are_what_is_gone(sizes, standing, missing):
    """Whatever is gone is either proved or named, never both and never neither."""
    entries, at = [], 0
    for size in sizes:
        entries.append(entry(at, at + size))
        at += size
    held = [(offset, offset + 1) for offset in range(at) if offset not in missing]
    there = [batch(one.range.first, one.range.next) for one in entries[len(entries) - standing :]]
    there = there if standing <= len(entries) else []
    old = found(entries, *there, held=held)
    gone = [one for one in entries if one.key not in {batch.key for batch in there}]
    whole = [one for one in gone if not missing & set(range(one.range.first, one.range.next))]
    assert old.keys == {one.key for one in whole}
    assert len(old.refused) == len(gone) - len(whole)
    assert old.records == sum(one.records for one in whole)
