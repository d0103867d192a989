"""What is to be read, and the exact ranges that stop it."""

import pytest

from bictl.clients.topics import Offsets
from bictl.errors import EndBelowFrontier, RetentionPassed, TopicRecreated, UsageError
from bictl.ingest import Generation, range_ack
from bictl.ingest.acks import parse_range, without
from bictl.ingest.plan import holes, plan
from bictl.records import Manifest, Range
from bictl.settings import Table

TABLE = Table(name="product", topic="t")
GENERATION = Generation(0, "g", "t")


def ack(lost: Range, generation: str = "g"):
    return range_ack(lost, generation=generation, reason="r", person="p")


def planned(offsets, frontiers=None, acks=()):
    return plan(offsets, frontiers=frontiers or {}, acks=acks, generation=GENERATION, table=TABLE)


def test_a_new_partition_begins_at_its_log_start_others_at_their_frontier():
    spans = planned({1: Offsets(5, 9, 9), 0: Offsets(0, 70, 75)}, {0: 20})
    assert [(s.partition, s.first, s.end, s.high) for s in spans] == [(0, 20, 70, 75), (1, 5, 9, 9)]


def test_every_lost_range_of_every_partition_is_named():
    offsets = {0: Offsets(50, 90, 90), 1: Offsets(0, 9, 9), 2: Offsets(7, 7, 7)}
    with pytest.raises(RetentionPassed) as caught:
        planned(offsets, {0: 20, 1: 9, 2: 3})
    assert "discarded 0:[20,50), 2:[3,7) (34 offsets)" in caught.value.message
    assert "--range '0:[20,50)' --range '2:[3,7)'" in caught.value.hint


@pytest.mark.parametrize(
    ("acked", "left"),
    [
        ([Range(0, 20, 50)], None),
        ([Range(0, 0, 100)], None),
        ([Range(0, 20, 30), Range(0, 30, 50)], None),
        ([Range(0, 20, 30), Range(0, 31, 50)], "0:[30,31) (1 offsets)"),
        ([Range(1, 20, 50)], "0:[20,50) (30 offsets)"),
    ],
)
def test_only_what_nobody_acknowledged_stops_it(acked, left):
    acks = [ack(lost) for lost in acked]
    if left is None:
        assert planned({0: Offsets(50, 90, 90)}, {0: 20}, acks)[0].first == 50
        return
    with pytest.raises(RetentionPassed) as caught:
        planned({0: Offsets(50, 90, 90)}, {0: 20}, acks)
    assert left in caught.value.message


def test_an_ack_of_another_generation_counts_for_nothing():
    with pytest.raises(RetentionPassed):
        planned({0: Offsets(50, 90, 90)}, {0: 20}, [ack(Range(0, 20, 50), "h")])


def test_a_log_that_ends_too_early_is_named_with_its_range():
    with pytest.raises(EndBelowFrontier, match=r"0:\[10,20\) are sealed"):
        planned({0: Offsets(0, 10, 10)}, {0: 20})


def test_an_open_transaction_below_the_frontier_is_not_a_lost_end():
    assert len(planned({0: Offsets(0, 10, 30)}, {0: 20})[0].range) == 0


def test_a_partition_that_is_gone_is_another_topic():
    with pytest.raises(TopicRecreated, match=r"partitions \[1\] were read before"):
        planned({0: Offsets(0, 10, 10)}, {0: 5, 1: 5})


def manifest(first: int, next_: int) -> Manifest:
    return Manifest(
        cluster="c",
        topic="t",
        generation="g",
        generation_no=0,
        partition=0,
        first=first,
        next=next_,
        records=1,
        tombstones=0,
        sha256="",
        min_timestamp=0,
        max_timestamp=0,
        run="r",
    )


def found(chain, *, start=0, end=0, acks=()):
    options = {"acks": acks, "generation": GENERATION, "table": TABLE}
    return holes(chain, partition=0, start=start, end=end, **options)


CHAIN = [manifest(10, 20), manifest(30, 40), manifest(35, 50), manifest(60, 70)]


def test_holes_are_what_no_batch_answers_for():
    assert found(CHAIN) == [Range(0, 0, 10), Range(0, 20, 30), Range(0, 50, 60)]
    assert found([], start=5) == []


def test_what_was_sealed_and_is_gone_behind_the_last_batch_is_a_hole_while_kafka_has_it():
    assert found(CHAIN[:1], end=70) == [Range(0, 0, 10), Range(0, 20, 70)]
    assert found(CHAIN[:1], start=40, end=70) == [Range(0, 40, 70)]
    assert found(CHAIN[:1], start=80, end=70) == []
    assert found([], start=40, end=70) == [Range(0, 40, 70)]
    assert found([], start=80, end=70) == []


def test_what_kafka_still_serves_is_a_hole_whatever_an_acknowledgement_says():
    by_hand = [ack(Range(0, 22, 25)), ack(Range(0, 50, 60))]
    whole = [Range(0, 20, 30), Range(0, 50, 60)]
    assert found(CHAIN, start=10, acks=by_hand) == whole
    assert found(CHAIN[1:], start=55, acks=by_hand) == [Range(0, 55, 60)]


def test_a_hole_that_kafka_has_not_any_more_is_a_loss():
    with pytest.raises(RetentionPassed, match=r"discarded 0:\[20,30\), 0:\[50,55\) \(15 offsets\)"):
        found(CHAIN, start=55)
    assert found(CHAIN, start=55, acks=[ack(Range(0, 20, 55))]) == [Range(0, 55, 60)]


def test_taking_ranges_out_of_a_range():
    lost = Range(0, 10, 20)
    assert without(lost, []) == [lost]
    assert without(lost, [Range(0, 0, 5), Range(0, 20, 30)]) == [lost]
    assert without(lost, [Range(0, 0, 12), Range(0, 11, 15), Range(0, 19, 99)]) == [
        Range(0, 15, 19)
    ]


@pytest.mark.parametrize(
    "text", ["0:[5,5)", "0:[6,5)", "5,6", "0:[1,2]", "0:[-1,2)", "", "0:[1,2)x"]
)
def test_what_is_no_range_is_refused(text):
    with pytest.raises(UsageError, match="is not a range"):
        parse_range(text)


def test_a_range_is_written_as_it_is_read():
    assert str(parse_range(" 3:[115,61443) ")) == "3:[115,61443)"
