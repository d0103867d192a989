"""What a person acknowledged: shown in every verdict, and never more than is really gone."""

from datetime import UTC, datetime

from evidence import NOW, TABLE, batch, cut, part, shelf

from bictl.ingest.acks import Ack, quarantine_ack
from bictl.records import Range, Topic
from bictl.verify import acks, kafka, objects
from bictl.verify.contents import Contents
from bictl.verify.cut import Ends, Life
from bictl.verify.expired import Expired
from bictl.verify.report import State
from bictl.verify.shelf import Acked

BY_HAND = Acked(generation="g1", range=Range(0, 100, 150), words="by ann", key="k")


def ends(*parts):
    return Ends(topic=Topic("t", "c", "g1", (0,)), at=NOW, parts=parts)


def standing(start, *, generation="g1", accepted=True, acked=BY_HAND):
    life = Life(name=generation, accepted=accepted, next="g2")
    (found,) = acks.without_served([acked], ends(part(start=start, end=200)), life)
    return found


def test_what_kafka_still_serves_is_not_taken_for_lost():
    found = standing(120)
    assert (found.lost, found.void) == ((Range(0, 100, 120),), (Range(0, 120, 150),))
    assert standing(150).void == ()
    assert standing(0).lost == ()


def test_an_older_generation_and_a_partition_that_is_gone_are_not_served():
    assert standing(0, generation="g2").void == ()
    assert standing(0, accepted=False).void == ()
    elsewhere = Acked(generation="g1", range=Range(7, 0, 5), words="")
    assert standing(0, acked=elsewhere).void == ()


def test_a_void_acknowledgement_closes_no_hole_and_is_named():
    there = shelf(batch(0, 100), batch(150, 200), acked=(standing(0),))
    assert objects.chain(there, Expired, table=TABLE).missing.ranges == (Range(0, 100, 150),)
    at_cut = cut(part(start=0, end=200, frontier=200))
    assert kafka.tally(at_cut, there, Expired, told=Expired, max_lag=300).missing.total == 50
    found = acks.really_lost(there.acked, table=TABLE)
    assert (found.state, found.extra.ranges) == (State.WARN, (Range(0, 100, 150),))
    assert "k" in found.message
    assert there.acked[0].said == (
        "by ann (void where Kafka still serves it: partition 0, offsets [100,150))"
    )


def test_what_is_really_gone_is_no_hole():
    there = shelf(batch(0, 100), batch(150, 200), acked=(standing(150),))
    assert objects.chain(there, Expired, table=TABLE).state is State.OK
    assert acks.really_lost(there.acked, table=TABLE).state is State.OK


def test_a_reason_of_quarantine_accepts_no_generation_and_loses_no_offset():
    reason = Acked(generation="", range=None, sqlstate="22P02", words="by ann")
    there = shelf(batch(0, 10), acked=(reason,))
    assert not reason.accepts_generation
    assert there.acked_ranges("g1") == ()
    assert acks.reasons(there.acked) == {"22P02": "by ann"}


def test_an_expired_acknowledgement_counts_for_nothing_and_is_still_said():
    reason = Acked(generation="", range=None, sqlstate="22P02", words="by ann", expired=True)
    assert acks.reasons([reason]) == {}
    assert reason.said == "by ann (expired)"


def test_an_acknowledgement_counts_through_its_last_day():
    day = datetime(2027, 1, 31, tzinfo=UTC).date()
    ack = quarantine_ack("22P02", expires=day, reason="known", person="ann")
    assert ack.counts_at(datetime(2027, 1, 31, 23, 59, tzinfo=UTC))
    assert not ack.counts_at(datetime(2027, 2, 1, tzinfo=UTC))
    forever = Ack(kind="quarantine", generation="", reason="", person="", at="", sqlstate="22P02")
    assert forever.counts_at(NOW)


def overlapping(found):
    return objects.overlap(shelf(batch(0, 100), batch(50, 150)), lambda: found)


def test_one_offset_with_two_contents_is_a_failure_and_named():
    found = overlapping(Contents(compared=50, different=(Range(0, 60, 61),)))
    assert (found.state, found.extra.ranges) == (State.FAIL, (Range(0, 60, 61),))
    assert "partition 0, offsets [60,61) (1 record) have other content" in found.message


def test_the_same_records_in_two_objects_are_a_warning():
    found = overlapping(Contents(compared=49, only=1))
    assert (found.state, found.extra.ranges) == (State.WARN, (Range(0, 50, 100),))
    assert "49 records are the same in both; 1 record is in one of them only" in found.message


def test_without_overlap_nothing_is_compared():
    assert objects.overlap(shelf(batch(0, 100)), lambda: 1 / 0).state is State.OK
