"""What was taken over of an old topic and is gone again: only the notes can tell."""

import pytest
from old_platform import records


@pytest.fixture
def legacy(old, taking, produce):
    """40 records of an old topic with a gap, in objects and in rows; sealed, and not loaded yet."""
    lines = old.lines(records(50))
    old.create_bronze()
    old.put([*lines[:10], *lines[15:25]])
    old.load(lines[30:50], "somewhere")
    produce(old.topic, records(5, word="new"))
    taking.ingest()
    taking.migrate()
    return taking


def state(taking, **options):
    return {check.id: check for check in taking.verify(**options).checks}["O8"]


def without(taking, first):
    """Deletes the batch that begins there."""
    (key,) = [
        key
        for key in set(taking.keys())
        if key.endswith(f"{first:020d}.jsonl.gz") and "legacy" in key
    ]
    taking.clients.objects.delete(key)


def test_the_gaps_of_the_old_records_are_no_loss(legacy):
    legacy.load()

    assert state(legacy).state == "ok"


@pytest.mark.parametrize(("first", "said"), [(15, "[15,25)"), (30, "[30,50)")])
def test_a_batch_that_is_gone_before_it_was_loaded_is_a_loss(legacy, first, said):
    without(legacy, first)
    legacy.load()

    check = state(legacy)
    assert (check.state, check.kind) == ("fail", "loss")
    assert said in check.message


def test_an_empty_database_does_not_hide_it(legacy):
    for first in (0, 15, 30):
        without(legacy, first)
    for key in set(legacy.keys()):
        if "frontier" in key and "legacy" in key:
            legacy.clients.objects.delete(key)

    assert "40 records" in state(legacy).message


def test_the_way_on_that_it_names_takes_the_records_over_anew(legacy):
    without(legacy, 15)
    note = state(legacy).hint.partition("delete ")[2].partition(",")[0]
    legacy.clients.objects.delete(note)

    legacy.load()

    assert state(legacy).state == "ok"
    assert legacy.value("select count(*) from bronze.product_cdc where generation = 'legacy'") == 40
