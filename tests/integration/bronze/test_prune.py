"""Rows go with their record or not at all; what a load brings back is pruned no more."""

import random
import subprocess
import sys
import threading
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest
from batches import Written, numbered, put, restated, seal, seal_all, sealed

from bictl.bronze import Verified, Wish, load, prune
from bictl.clients import Clients
from bictl.errors import BatchConflict, NotFound

DRIVER = Path(__file__).with_name("killed_prune.py")
COUNT = 200


def changes(count=COUNT, *, keys=9, first=0, word="v"):
    """Records of a few keys, one after the other."""
    return numbered(
        [
            (b'{"ID":%d}' % (number % keys), b'{"op":"u","word":"%b%d"}' % (word.encode(), number))
            for number in range(first, first + count)
        ],
        first=first,
    )


@pytest.fixture
def loaded(bronze):
    """200 records in batches of 50."""
    seal_all(bronze.clients.objects, bronze.table, changes(), size=50)
    bronze.load()
    return bronze


def prune_all(bronze, *, database=None, end=COUNT, **options):
    given = {
        "table": bronze.table,
        "wish": Wish(below={0: end}),
        "verified": Verified(
            run=str(uuid.uuid4()), at=datetime.now(UTC), frontiers={("g1", 0): end}
        ),
        "run": "test",
        "window": 30,
        **options,
    }
    return prune(database or bronze.clients.database, **given)


def there(bronze):
    rows = bronze.rows(
        "select kafka_offset from bronze.product_cdc union all "
        "select kafka_offset from bronze.cdc_quarantine"
    )
    return {offset for (offset,) in rows}


def gone(bronze):
    """Every recorded offset; asserts that none is recorded twice, and that each count is right."""
    rows = bronze.rows(
        "select generate_series(lower(r), upper(r) - 1) "
        "from bictl.pruned_range cross join unnest(offsets) as r"
    )
    offsets = [offset for (offset,) in rows]
    assert (
        len(offsets)
        == len(set(offsets))
        == (bronze.value("select coalesce(sum(n_rows), 0) from bictl.pruned_range"))
    )
    return set(offsets)


def assert_exact(bronze, whole):
    """Each offset stands in bronze or is recorded, never both."""
    assert there(bronze) | gone(bronze) == whole
    assert not there(bronze) & gone(bronze)


NEWEST = {0} | set(range(COUNT - 9, COUNT))  # and the partition's first


def test_twice_is_once(loaded):
    first = prune_all(loaded)

    assert there(loaded) == NEWEST
    assert_exact(loaded, set(range(COUNT)))
    assert first.removed == COUNT - len(NEWEST)
    assert first.bytes > first.removed * 10
    assert "nothing to do" in prune_all(loaded).summary


def test_a_dry_run_counts_the_same_and_removes_nothing(loaded):
    before = loaded.contents()

    dry = prune_all(loaded, dry_run=True)

    assert loaded.contents() == before
    assert not gone(loaded)
    assert dry.rows == prune_all(loaded).rows


def test_a_partition_that_was_not_verified_is_unknown(loaded):
    with pytest.raises(NotFound, match="unknown partition '3'"):
        prune_all(loaded, wish=Wish(below={3: 10}))


def test_only_the_newest_generation_has_offsets_to_name(loaded):
    table = loaded.table
    seal(loaded.clients.objects, table, changes(40), generation="a-newer", generation_no=7)
    loaded.load()
    verified = Verified(
        run=str(uuid.uuid4()),
        at=datetime.now(UTC),
        frontiers={("g1", 0): COUNT, ("a-newer", 0): 40},
    )

    prune_all(loaded, wish=Wish(below={0: COUNT}), verified=verified)

    left = "select count(*) from bronze.product_cdc where generation = %s"
    assert loaded.value(left, "g1") == COUNT
    assert loaded.value(left, "a-newer") == 10
    assert prune_all(loaded, wish=Wish(before=datetime.now(UTC)), verified=verified).removed == (
        COUNT - len(NEWEST)
    )


def test_it_stops_between_two_windows(loaded):
    seen = []

    stopped = prune_all(loaded, on_progress=seen.append, stop=lambda: len(seen) >= 2)

    assert stopped.stopped
    assert (len(seen), stopped.removed) == (2, 59)
    assert_exact(loaded, set(range(COUNT)))
    prune_all(loaded)
    assert there(loaded) == NEWEST


def test_killed_at_any_window_it_leaves_rows_and_records_in_step(loaded, settings):
    def run(*arguments):
        done = subprocess.run(
            [sys.executable, str(DRIVER), str(settings.path), str(COUNT), *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode in (0, -9), done.stderr
        return done.stdout.splitlines()

    calls = run()
    assert there(loaded) == NEWEST
    windows = [at for at, call in enumerate(calls) if call.startswith("-- The rows of one window")]
    assert len(windows) == 7
    for number, moment, removed in (
        (windows[0] - 1, "after", 0),
        (windows[0], "before", 0),
        (windows[0], "after", 29),
        (windows[3], "before", 89),
        (windows[6], "after", COUNT - len(NEWEST)),
        (len(calls) - 1, "before", COUNT - len(NEWEST)),
    ):
        loaded.load(replay=True)
        assert run(number, moment) == [f"{moment} {calls[number]}"]
        assert len(gone(loaded)) == removed
        assert_exact(loaded, set(range(COUNT)))
    prune_all(loaded)
    assert there(loaded) == NEWEST


def test_quarantined_records_stay(bronze):
    records = changes()
    records[20] = Written(20, b'{"ID":2}', b"not JSON")
    seal(bronze.clients.objects, bronze.table, records)
    bronze.load()

    prune_all(bronze)

    assert there(bronze) == NEWEST | {20}
    assert 20 not in gone(bronze)


# Loading again ------------------------------------------------------------------------------------


def test_what_is_loaded_is_known_still(loaded):
    prune_all(loaded)

    assert loaded.load().objects == 0
    assert there(loaded) == NEWEST


def test_a_replay_brings_everything_back_exactly(loaded):
    before = loaded.contents()
    prune_all(loaded)

    result = loaded.load(replay=True)

    assert loaded.contents() == before
    assert not gone(loaded)
    assert loaded.value("select count(*) from bictl.pruned_range") == 0
    assert result.restored == COUNT - len(NEWEST)
    assert f"{result.restored} of them pruned before" in result.summary


def test_a_replay_of_one_object_takes_only_its_own_out_of_the_sets(loaded):
    keys = [info.key for info in loaded.clients.objects.list(loaded.table.prefix)]
    prune_all(loaded, window=100)

    loaded.load(replay=True, only=[keys[1]])

    assert there(loaded) == NEWEST | set(range(50, 100))
    assert_exact(loaded, set(range(COUNT)))


def test_overlapping_objects_bring_back_what_they_hold(bronze):
    records = changes()
    for first, end in ((0, 90), (60, 150), (110, COUNT)):
        seal(bronze.clients.objects, bronze.table, records[first:end])
    bronze.load()
    before = bronze.contents()
    prune_all(bronze)
    keys = [info.key for info in bronze.clients.objects.list(bronze.table.prefix)]

    bronze.load(replay=True, only=[keys[1]])

    assert there(bronze) == NEWEST | set(range(60, 150))
    assert_exact(bronze, set(range(COUNT)))
    bronze.load(replay=True)
    assert {row[3] for row in bronze.contents()[0]} == {row[3] for row in before[0]}
    assert not gone(bronze)


def test_a_new_object_over_a_pruned_range_brings_it_back(loaded):
    prune_all(loaded)
    seal(loaded.clients.objects, loaded.table, changes()[20:70])

    loaded.load()

    assert there(loaded) == NEWEST | set(range(20, 70))
    assert_exact(loaded, set(range(COUNT)))


def test_an_object_with_other_content_brings_back_what_that_holds(loaded):
    prune_all(loaded)
    objects, table = loaded.clients.objects, loaded.table
    other = [record for record in changes(50, word="other") if record.offset != 7]
    manifest, body = sealed(table, other)
    objects.delete(manifest.name.key(table.prefix))
    put(objects, table, restated(manifest, next=50), body)

    with pytest.raises(BatchConflict):  # offset 0 stood there with the first content
        loaded.load()

    assert there(loaded) == NEWEST | set(range(50)) - {7}
    assert_exact(loaded, set(range(COUNT)))
    loaded.load(replay=True)
    assert not gone(loaded)
    assert there(loaded) == set(range(COUNT)) - {7}


def test_a_pruned_record_that_comes_back_into_quarantine_is_pruned_no_more(loaded):
    prune_all(loaded)
    objects, table = loaded.clients.objects, loaded.table
    other = changes(50)
    other[7] = Written(7, b'{"ID":7}', b"not JSON")
    manifest, body = sealed(table, other)
    objects.delete(manifest.name.key(table.prefix))
    put(objects, table, manifest, body)

    loaded.load()

    assert there(loaded) == NEWEST | set(range(50))
    assert loaded.value("select kafka_offset from bronze.cdc_quarantine") == 7
    assert_exact(loaded, set(range(COUNT)))


# At once, without locks ---------------------------------------------------------------------------


def together(settings, *work):
    """Runs each `work(clients)` in a thread of its own."""
    barrier, failures = threading.Barrier(len(work)), []

    def run(do):
        try:
            with Clients(settings) as clients:
                clients.database.value("select 1")
                barrier.wait()
                do(clients)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(do,)) for do in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_eight_at_once_without_a_lock_remove_each_row_once(loaded, settings):
    together(
        settings,
        *[lambda clients: prune_all(loaded, database=clients.database, window=20)] * 8,
    )

    prune_all(loaded)  # what all of them left to each other
    assert there(loaded) == NEWEST
    assert_exact(loaded, set(range(COUNT)))


def test_replays_and_prunes_at_once_without_a_lock_leave_no_offset_in_two_places(loaded, settings):
    def replay(clients):
        for _ in range(3):
            load(clients.objects, clients.database, table=loaded.table, run="replay", replay=True)

    def cut(clients):
        for seed in range(6):
            size = random.Random(seed).choice([10, 25, 60])
            prune_all(loaded, database=clients.database, window=size)

    together(settings, replay, cut, replay, cut)

    assert_exact(loaded, set(range(COUNT)))
    prune_all(loaded)
    last = loaded.value("select kafka_offset from bronze.product_cdc order by id desc limit 1")
    assert there(loaded) == NEWEST | {last}  # two replays end in any order
    loaded.load(replay=True)
    assert there(loaded) == set(range(COUNT))
    assert not gone(loaded)


def test_a_replay_settles_what_is_recorded_as_pruned_and_there_also_where_the_object_is_gone(
    loaded,
):
    prune_all(loaded)
    sets = gone(loaded)
    for info in list(loaded.clients.objects.list("")):
        loaded.clients.objects.delete(info.key)
    loaded.clients.database.execute(
        "update bictl.pruned_range set offsets = offsets + '{[0,1)}'::int8multirange,"
        " n_rows = n_rows + 1 where first_offset = 0"
    )
    assert gone(loaded) != sets

    loaded.load(replay=True)

    assert gone(loaded) == sets
