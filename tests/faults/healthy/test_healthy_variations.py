"""No false alarm: whatever is legal leaves verify calm, at each level, with and without writers."""

import pytest
from healthy_memory import found as memory
from healthy_sources import found as sources
from healthy_stages import found as stages
from scenes import making
from variations import assert_calm, parameters

ALL = [*sources.all, *stages.all, *memory.all]
SAMPLE = {
    "empty-every_row_was_deleted-alone0",
    "keys-keys_move_between_partitions-alone0",
    "snapshots-a_second_snapshot_closes_what_was_deleted_unseen-alone0",
    "in_flight-young_objects_are_not_loaded-alone0",
    "at_once-two_ingests_that_cut_differently-writers1",
    "pruned-history_is_pruned-alone0",
    "expired-the_oldest_objects_have_expired-alone0",
    "quarantine-refused_records_are_acknowledged-alone0",
    "recreated-a_recreated_topic_is_accepted-writers1",
    "neighbours-another_table_stands_within_the_prefix-alone0",
}


@pytest.fixture
def new_scene(shared, prepared, new_settings, fixture_records):
    """`new_scene(chance)`: a fresh pipeline, dropped afterwards."""
    with making(shared, prepared, new_settings, fixture_records) as make:
        yield make


@pytest.mark.parametrize("variation", parameters(ALL, sample=SAMPLE))
def test_what_is_legal_is_no_alarm(variation, new_scene):
    assert_calm(variation, new_scene)


def test_there_are_enough_of_them_half_with_writers():
    assert len(ALL) >= 200
    assert len({one.kind for one in ALL}) >= 12
    assert sum(one.writers for one in ALL) * 2 >= len(ALL)
    assert {str(one) for one in ALL} >= SAMPLE
