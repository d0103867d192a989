"""What each Kafka check makes of a cut and a shelf; nothing here reads a system."""

from dataclasses import replace

from evidence import LAG, NOW, OLD, TABLE, YOUNG, batch, cut, part, shelf

from bictl.records import Range, Topic
from bictl.verify import kafka, objects
from bictl.verify.contents import Contents
from bictl.verify.cut import Anchor, Life, choose_life
from bictl.verify.expired import Expired
from bictl.verify.report import State
from bictl.verify.shelf import Acked, Shelf


def test_old_records_above_the_frontier_fail_with_the_exact_range():
    found = kafka.not_ingested(
        cut(part(end=61443, frontier=115, oldest=OLD)),
        shelf(batch(0, 115)),
        max_lag=LAG,
        table=TABLE,
    )
    assert found.state is State.FAIL
    assert found.missing.ranges == (Range(0, 115, 61443),)
    assert found.message == "partition 0, offsets [115,61443) (61328 records) not ingested"
    assert found.hint == "bictl ingest --table product"


def test_young_records_above_the_frontier_are_in_flight():
    here, there = cut(part(end=120, frontier=115, oldest=YOUNG)), shelf(batch(0, 115))
    found = kafka.not_ingested(here, there, max_lag=LAG, table=TABLE)
    assert (found.state, found.message) == (State.OK, "5 records in flight")
    tally = kafka.tally(here, there, Expired, told=Expired, max_lag=LAG)
    assert (tally.expected, tally.accounted, tally.in_flight) == (120, 115, 5)
    assert tally.balanced
    assert not tally.whole


def test_a_timestamp_in_the_future_says_nothing_about_age():
    future = int(NOW.timestamp() * 1000) + 3_600_000
    here = cut(part(end=120, frontier=115, oldest=future))
    assert kafka.time_lag(here, max_lag=LAG, table=TABLE).state is State.UNKNOWN


def test_offsets_above_the_frontier_without_a_record_are_not_waiting():
    here = cut(part(end=120, frontier=115, oldest=None))
    assert (
        kafka.not_ingested(here, shelf(batch(0, 115)), max_lag=LAG, table=TABLE).state is State.OK
    )
    assert kafka.tally(here, shelf(batch(0, 115)), Expired, told=Expired, max_lag=LAG).whole


def test_where_gaps_are_known_offsets_are_only_an_upper_bound():
    here = cut(part(end=200, frontier=100, oldest=OLD))
    found = kafka.not_ingested(here, shelf(batch(0, 100, records=90)), max_lag=LAG, table=TABLE)
    assert found.missing.count == "at most 100"
    assert kafka.tally(
        here, shelf(batch(0, 100, records=90)), Expired, told=Expired, max_lag=LAG
    ).at_most


def test_an_empty_topic_gives_nothing_to_evaluate():
    here = cut(part(), generation=None)
    assert kafka.not_ingested(here, shelf(), max_lag=LAG, table=TABLE).evaluated == 0


def test_a_partition_that_was_never_read_is_missed():
    here = cut(
        part(end=10, frontier=10),
        part(partition=1, end=7, frontier=None, oldest=OLD),
        partitions=(0, 1),
    )
    found = kafka.not_ingested(here, shelf(batch(0, 10)), max_lag=LAG, table=TABLE)
    assert found.missing.ranges == (Range(1, 0, 7),)


def test_another_record_at_the_anchor_is_a_changed_identity():
    anchor = Anchor(partition=0, offset=114, same=False)
    found = kafka.identity(cut(part(end=200)), shelf(batch(0, 115)), [anchor], table=TABLE)
    assert found.state is State.FAIL
    assert "0:114" in found.message


def test_without_topic_ids_a_discarded_anchor_proves_nothing():
    gone = Anchor(partition=0, offset=114, same=None)
    here = cut(part(end=200), generation="0", topic_id=None)
    found = kafka.identity(here, shelf(batch(0, 115, generation="0")), [gone], table=TABLE)
    assert found.state is State.UNKNOWN


def test_a_log_that_ends_below_the_frontier_is_evidence_of_loss():
    found = kafka.end_below_frontier(cut(part(end=100, frontier_then=115)), table=TABLE)
    assert found.state is State.FAIL
    assert found.missing.ranges == (Range(0, 100, 115),)


def test_what_ingest_seals_after_the_ends_were_read_is_no_loss():
    found = kafka.end_below_frontier(
        cut(part(end=100, frontier_then=90, frontier=120)), table=TABLE
    )
    assert found.state is State.OK


def test_retention_past_the_frontier_names_the_exact_range_until_it_is_acknowledged():
    here = cut(part(start=200, end=300, frontier=115, oldest=OLD))
    found = kafka.retention_loss(here, shelf(batch(0, 115)), table=TABLE)
    assert found.state is State.FAIL
    assert found.missing.ranges == (Range(0, 115, 200),)
    assert found.missing.count == "at most 85"
    acked = shelf(
        batch(0, 115), acked=(Acked(generation="g1", range=Range(0, 115, 200), words="by ann"),)
    )
    assert kafka.retention_loss(here, acked, table=TABLE).state is State.OK


def test_a_hole_between_batches_is_named_and_counted_as_missing():
    there = shelf(batch(0, 100), batch(150, 200))
    found = objects.chain(there, Expired, table=TABLE)
    assert found.state is State.FAIL
    assert found.missing.ranges == (Range(0, 100, 150),)
    tally = kafka.tally(cut(part(end=200, frontier=200)), there, Expired, told=Expired, max_lag=LAG)
    assert (tally.expected, tally.accounted, tally.missing.total) == (200, 150, 50)


def test_an_acknowledged_hole_is_no_hole():
    acked = Acked(generation="g1", range=Range(0, 100, 150), words="by ann")
    there = shelf(batch(0, 100), batch(150, 200), acked=(acked,))
    assert objects.chain(there, Expired, table=TABLE).state is State.OK
    assert kafka.tally(
        cut(part(end=200, frontier=200)), there, Expired, told=Expired, max_lag=LAG
    ).whole


def test_a_damaged_object_holds_nothing():
    there = shelf(batch(0, 100), batch(100, 150, damage="truncated"), batch(150, 200))
    assert objects.chain(there, Expired, table=TABLE).missing.ranges == (Range(0, 100, 150),)
    assert objects.content(there, table=TABLE).state is State.FAIL


def test_an_object_without_a_manifest_is_a_hole_up_to_the_next_one():
    there = shelf(batch(0, 100), batch(100, 150, manifest=None, damage="no manifest", held=None))
    there = Shelf(batches=(*there.batches, batch(150, 200)))
    assert objects.chain(there, Expired, table=TABLE).missing.ranges == (Range(0, 100, 150),)


def test_the_manifest_of_another_place_says_nothing_of_this_one():
    """An object put over another one: neither its range nor its end is this partition's."""
    moved = replace(batch(50, 100), manifest=batch(100, 250, partition=1).manifest, damage="moved")
    there = shelf(batch(0, 50), moved)
    assert there.frontier(("g1", 0)) == 51
    found = objects.content(there, table=TABLE)
    assert (found.extra.keys, found.missing.ranges) == (("g1/0/50",), ())


def test_overlapping_batches_count_each_record_once():
    there = shelf(batch(0, 100), batch(50, 150))
    found = objects.overlap(there, lambda: Contents(compared=50))
    assert (found.state, found.extra.ranges) == (State.WARN, (Range(0, 50, 100),))
    assert (
        kafka.tally(
            cut(part(end=150, frontier=150)), there, Expired, told=Expired, max_lag=LAG
        ).expected
        == 150
    )


def test_a_batch_of_no_records_moves_the_frontier_and_nothing_else():
    there = shelf(batch(0, 100), batch(100, 105, records=0, held=()))
    tally = kafka.tally(cut(part(end=105, frontier=105)), there, Expired, told=Expired, max_lag=LAG)
    assert (tally.expected, tally.accounted) == (100, 100)
    assert tally.whole


def test_another_topic_id_is_a_recreated_topic():
    here = cut(part(end=5), topic_id="g2", accepted=False)
    found = kafka.identity(here, shelf(batch(0, 115)), [], table=TABLE)
    assert found.state is State.FAIL
    assert "g2" in found.message
    assert "g1" in found.message
    assert "--generation g-next " in found.hint


def life(topic_id, *batches, accepted=()):
    acked = tuple(Acked(generation=name, range=None, words="") for name in accepted)
    return choose_life(Topic("t", "c", topic_id, (0,)), shelf(*batches, acked=acked))


def test_a_topic_goes_on_under_its_id_and_another_one_only_when_it_is_accepted():
    old = batch(0, 115, generation="g1")
    assert life("g1", old) == Life(name="g1", accepted=True, next="g1-1")
    assert life("g2", old) == Life(name="g1", accepted=False, next="g2")
    assert life("g2", old, accepted=["g2"]).name == "g2"
    assert life("g2").accepted


def test_a_log_that_began_anew_is_read_as_the_newest_life_of_its_topic():
    topic = "01a20663-ed00-7d11-93bc-effcca6ba6c3"
    old, new = batch(0, 115, generation=topic), batch(0, 5, generation=f"{topic}-1", number=1)
    assert life(topic, old).next == f"{topic}-1"
    assert life(topic, old, new).name == f"{topic}-1"
    assert life(topic, old, accepted=[f"{topic}-1"]).name == f"{topic}-1"


def test_without_topic_ids_generations_are_numbers():
    old = batch(0, 115, generation="0")
    assert life(None, old) == Life(name="0", accepted=True, next="1")
    assert life(None, old, accepted=["1"]).name == "1"
    assert life(None).name == "0"


def test_a_baseline_above_0_is_never_complete_without_a_snapshots_first_marker():
    here, there = cut(part(start=50, end=115, frontier=115)), shelf(batch(50, 115))
    for begins in (frozenset(), None):
        found = kafka.baseline(
            here, there, snapshot_begins=lambda b=begins: b, expired=Expired, table=TABLE
        )
        assert found.state is State.UNKNOWN
        assert found.missing.ranges == (Range(0, 0, 50),)
    found = kafka.baseline(
        here, there, snapshot_begins=lambda: frozenset({0}), expired=Expired, table=TABLE
    )
    assert found.state is State.OK


def test_a_snapshot_proves_the_beginning_of_the_partitions_that_saw_it_and_of_no_other():
    parts = [part(partition=number, start=50, end=115, frontier=115) for number in (0, 1)]
    there = shelf(batch(50, 115), batch(50, 115, partition=1))
    here = cut(*parts, partitions=(0, 1))
    found = kafka.baseline(
        here, there, snapshot_begins=lambda: frozenset({0}), expired=Expired, table=TABLE
    )
    assert found.state is State.UNKNOWN
    assert found.missing.ranges == (Range(1, 0, 50),)


def test_what_kafka_still_has_before_the_first_object_is_missing_and_no_late_beginning():
    here, there = cut(part(start=20, end=115, frontier=115)), shelf(batch(50, 115))
    found = kafka.baseline(
        here, there, snapshot_begins=lambda: frozenset({0}), expired=Expired, table=TABLE
    )
    assert found.state is State.FAIL
    assert found.missing.ranges == (Range(0, 20, 50),)
    assert found.hint == "bictl ingest --table product --fill"
    assert kafka.tally(here, there, Expired, told=Expired, max_lag=LAG).missing.ranges == (
        Range(0, 20, 50),
    )


def test_generations_are_ordered_by_their_number_and_not_by_their_random_id():
    there = shelf(batch(0, 5, generation="zz", number=0), batch(0, 5, generation="aa", number=1))
    assert there.generations == ((0, "zz"), (1, "aa"))


def test_a_log_that_begins_above_what_was_sealed_is_read_as_before():
    """Retention after reading: the usual state of a topic."""
    there = shelf(batch(0, 100))
    at_cut = cut(part(start=60, end=100, frontier=100))
    assert kafka.below(at_cut, there) == ()
    assert kafka.tally(at_cut, there, Expired, told=Expired, max_lag=LAG).whole
