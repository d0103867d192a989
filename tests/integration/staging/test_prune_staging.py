"""What prune removes is never seen in staging: cell for cell the same, now and later."""

import random
import uuid
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from batches import seal

from bictl.bronze import Verified, Wish, load, prune
from bictl.records import Range
from bictl.verify.read_bronze import read_pruned

FAR = 10**9
EVERYTHING = Wish(before=datetime(9999, 1, 1, tzinfo=UTC))


def cut(staging):
    """A verdict through every record that is loaded."""
    places = staging.rows(
        "select generation, kafka_partition, max(kafka_offset) + 1 from bronze.product_cdc "
        "group by 1, 2"
    )
    return Verified(
        run=str(uuid.uuid4()),
        at=datetime.now(UTC),
        frontiers={(generation, partition): end for generation, partition, end in places},
    )


def prune_all(staging, wish=EVERYTHING):
    return prune(
        staging.clients.database,
        table=staging.settings.table("product"),
        wish=wish,
        verified=cut(staging),
        run="test",
    )


def cells(staging):
    return sorted(staging.rows(f"select * from {staging.view}"), key=repr)


def left(staging):
    """(generation, partition, offset) of what stands in bronze."""
    return set(
        staging.rows("select generation, kafka_partition, kafka_offset from bronze.product_cdc")
    )


def recorded(staging):
    found = read_pruned(staging.clients.database, staging.settings.table("product"))
    return {
        (generation, partition, offset)
        for (generation, partition), ranges in found.items()
        for item in ranges
        for offset in range(item.first, item.next)
    }


def assert_unseen(staging):
    """Prunes; what went is recorded exactly, and staging shows the same."""
    shown, there = cells(staging), left(staging)
    result = prune_all(staging)
    assert cells(staging) == shown
    assert there - left(staging) == recorded(staging)
    assert len(recorded(staging)) == result.removed
    assert prune_all(staging).removed == 0
    return result


def test_only_replaced_rows_go(staging, events):
    p = events()
    staging.load(
        [
            p.change("c", 1, "first of all"),
            p.change("c", 2, "replaced"),
            p.change("u", 2, "newest"),
            p.change("c", 3, "deleted, then made anew"),
            p.change("d", 3),
            p.tombstone(3),
            p.change("c", 3, "again"),
            p.change("c", 4, "deleted"),
            p.change("d", 4),
            p.tombstone(4),
            p.record(None, {"op": "m"}),
            p.record(None, {"op": "m"}),
            p.change("u", 1, "newer"),
            p.change("c", 9, "the last one"),
        ]
    )

    result = assert_unseen(staging)

    # 0 is the partition's first; the delete of 4 gives its tombstone a place
    assert {offset for _, _, offset in recorded(staging)} == {1, 3, 4, 5, 7}
    assert result.removed == 5
    assert result.size_after > 0


def test_the_row_by_which_a_snapshot_of_one_row_is_known_stays(staging, events):
    p = events()
    staging.load(
        [
            p.change("c", 1, "not there any more"),
            p.change("c", 2, "replaced, and right before it"),
            p.change("r", 2, "the only one", snapshot="last"),
            p.change("u", 2, "newest"),
            p.change("u", 2, "the last one"),
        ]
    )

    assert_unseen(staging)

    assert staging.names() == {2: "the last one"}
    assert {offset for _, _, offset in recorded(staging)} == {3}


def test_what_is_not_asked_for_stays(staging, events):
    p = events()
    old = [p.change("c", 1, "begin"), *(p.change("u", 2, f"v{n}") for n in range(10))]
    staging.load([*old, p.change("c", 3, "end")])

    assert prune_all(staging, Wish(below={0: 5})).removed == 4
    assert prune_all(staging, Wish(before=datetime(2020, 1, 1, tzinfo=UTC))).removed == 0
    assert {offset for _, _, offset in left(staging)} == {0, 5, 6, 7, 8, 9, 10, 11}


def test_nothing_above_the_verified_cut_goes_or_replaces(staging, events):
    p = events()
    staging.load([p.change("c", 1, "begin"), *(p.change("u", 2, f"v{n}") for n in range(6))])
    verified = Verified(run=str(uuid.uuid4()), at=datetime.now(UTC), frontiers={("g1", 0): 4})

    result = prune(
        staging.clients.database,
        table=staging.settings.table("product"),
        wish=Wish(below={0: FAR}),
        verified=verified,
        run="test",
    )

    assert result.removed == 2  # 3 is the newest below the cut
    assert {offset for _, _, offset in left(staging)} == {0, 3, 4, 5, 6}


def test_the_first_change_of_a_partition_stays_because_closing_depends_on_it(staging, events):
    p = events()
    staging.load(
        [
            p.change("r", 1, "one", lsn=1, snapshot="first"),
            p.change("r", 2, "not in the second snapshot", lsn=1, snapshot="last"),
        ]
    )
    q = events()
    staging.load(
        [q.tombstone(7), q.change("c", 3, "oldest here", lsn=1), q.change("u", 3, "b", lsn=9)],
        partition=1,
    )
    staging.load(
        [
            p.change("r", 1, "one again", lsn=7, snapshot="first"),
            p.change("r", 5, "five", lsn=7, snapshot="last"),
        ]
    )
    assert staging.names() == {1: "one again", 5: "five", 3: "b"}

    assert_unseen(staging)

    assert ("g1", 1, 1) in left(staging)


@pytest.mark.parametrize("finished", [True, False])
def test_snapshots_finished_or_not_show_the_same(staging, events, finished):
    p = events()
    first = [p.change("r", 1, "one", lsn=1, snapshot="first")]
    first += [p.change("r", n, f"n{n}", lsn=1, snapshot="true") for n in range(2, 8)]
    first += [p.change("r", 8, "eight", lsn=1, snapshot="last")]
    first += [p.change("u", n, f"changed {n}", lsn=3) for n in (2, 3, 8)]
    second = [p.change("r", 1, "one again", lsn=7, snapshot="first")]
    second += [p.change("r", n, f"again {n}", lsn=7, snapshot="true") for n in (2, 4)]
    second += [p.change("r", 5, "five again", lsn=7, snapshot="last")] * finished
    staging.load([*first, *second])

    assert_unseen(staging)

    markers = {("g1", 0, offset) for offset in (0, 7, 11)}
    assert markers <= left(staging)


def test_a_lone_tombstone_keeps_the_records_it_is_placed_by(staging, events):
    """Its place is the furthest that its key had reached at its time, in any partition."""
    p, q = events(), events()
    staging.load(
        [
            p.change("c", 9, "begin", lsn=1),
            p.change("u", 1, "far", lsn=9),
            p.change("r", 1, "read again", lsn=3, snapshot="incremental"),
            p.change("c", 8, "end", lsn=9),
        ]
    )
    staging.load([q.tombstone(1, at=2_000_000_000_000)], partition=1)
    staging.load([events().change("u", 1, "between", lsn=5)], partition=2)
    assert 1 not in staging.names()

    assert assert_unseen(staging).removed == 0


def test_a_row_that_is_further_in_the_source_than_its_successor_stays(staging, events):
    """A lone tombstone that comes later would be placed by it."""
    p, q = events(), events()
    staging.load(
        [
            p.change("c", 9, "begin", lsn=1),
            p.change("u", 1, "far", lsn=9),
            p.change("r", 1, "read again", lsn=3, snapshot="incremental"),
            p.change("c", 8, "end", lsn=9),
        ]
    )
    staging.load([events().change("u", 1, "between", lsn=5)], partition=2)

    assert assert_unseen(staging).removed == 0

    staging.load([q.tombstone(1, at=2_000_000_000_000)], partition=1)
    assert 1 not in staging.names()


def test_a_lone_tombstone_stands_among_all_records_of_its_time(staging, events):
    """What replaced them below the cut came later, and what came after the cut stands before it."""
    p = events()
    begin, far, again, back = (
        p.change("c", 9, "begin", lsn=1),
        replace(p.change("u", 1, "far", lsn=9), timestamp=1_000),
        replace(p.change("u", 1, "as far", lsn=9), timestamp=9_000),
        replace(p.change("r", 1, "back", lsn=3, snapshot="incremental"), timestamp=9_000),
    )
    staging.load([begin, far, again])
    staging.load([back])
    staging.load([events().tombstone(1, at=5_000)], partition=1)
    staging.load([events().change("u", 1, "between", lsn=5)], partition=2)
    shown = cells(staging)
    assert 1 not in staging.names()
    below = Verified(run=str(uuid.uuid4()), at=datetime.now(UTC), frontiers={("g1", 0): 3})

    prune(
        staging.clients.database,
        table=staging.settings.table("product"),
        wish=EVERYTHING,
        verified=below,
        run="test",
    )

    assert cells(staging) == shown


def test_the_row_that_was_loaded_last_stays_so_that_transform_has_nothing_to_do(staging, events):
    p = events()
    table, clients = staging.settings.table("product"), staging.clients
    old = [p.change("c", 1, "begin"), p.change("c", 2, "first"), p.change("u", 2, "second")]
    new = seal(clients.objects, table, [p.change("u", 2, "third")])
    seal(clients.objects, table, old)
    load(clients.objects, clients.database, table=table, run="test", only=[new])
    load(clients.objects, clients.database, table=table, run="test")

    assert assert_unseen(staging).removed == 1
    assert {offset for _, _, offset in left(staging)} == {0, 2, 3}


def test_keys_that_nobody_can_read_stay(staging, events):
    p = events()
    keys = [b'"text"', b'{"Other":1}', b'{"ID":null}', b'{"ID":[1]}'] * 3
    odd = [replace(p.record(1, {"op": "c"}), key=key) for key in keys]
    staging.load([*odd, p.change("c", 1, "end")])

    assert assert_unseen(staging).removed == 0


class Source:
    """Random changes of a few keys over partitions and generations, in the order of a source."""

    def __init__(self, seed, events):
        self.dice, self.events = random.Random(seed), events
        self.lsn = 0
        self.places = {}

    def batch(self, staging, count):
        for generation in range(self.dice.randint(1, 2)):
            for partition in range(self.dice.randint(1, 3)):
                place = (generation, partition)
                p = self.places.setdefault(place, self.events(offset=self.dice.randint(0, 9)))
                records = [self.change(p) for _ in range(self.dice.randint(1, count))]
                staging.load(
                    records,
                    generation=f"g{generation}",
                    generation_no=generation,
                    partition=partition,
                )

    def change(self, p):
        self.lsn += self.dice.randint(0, 2)
        lsn = self.dice.choice([self.lsn, self.lsn, self.lsn, max(1, self.lsn - 5), None])
        key, at = self.dice.randint(1, 6), 1_715_682_225_123 + self.dice.randint(-50, 50)
        kind = self.dice.choice(["c", "u", "u", "u", "d", "tombstone", "r", "none"])
        if kind == "tombstone":
            return p.tombstone(key, at=at)
        if kind == "none":
            return p.record(None, {"op": "m"}, at=at)
        snapshot = "false"
        if kind == "r":
            snapshot = self.dice.choice(["true", "true", "first", "last", "incremental"])
            lsn = self.lsn // 20 * 20 + 1
        return p.change(kind, key, f"{kind} {self.lsn}", lsn=lsn, snapshot=snapshot)


@pytest.mark.parametrize("seed", range(6))
def test_random_histories_show_the_same_before_and_after_what_comes_later(staging, events, seed):
    source = Source(seed, events)
    source.batch(staging, 60)
    removed = 0
    for _ in range(3):
        removed += assert_unseen(staging).removed
        source.batch(staging, 30)
        pruned, shown = recorded(staging), keyed(staging)
        restore(staging)  # the same history without a prune
        assert pruned <= left(staging)
        assert keyed(staging) == shown
        assert not recorded(staging)
    assert removed > 30


def keyed(staging):
    return sorted(
        staging.rows(f"select product_id, name, cdc_operation, is_snapshot from {staging.view}")
    )


def restore(staging):
    load(
        staging.clients.objects,
        staging.clients.database,
        table=staging.settings.table("product"),
        run="test",
        replay=True,
    )


def test_ranges_are_whole(staging, events):
    p = events()
    staging.load([p.change("c", 1, "a"), *(p.change("u", 2, f"v{n}") for n in range(9))])
    prune_all(staging)

    found = read_pruned(staging.clients.database, staging.settings.table("product"))

    assert {place: tuple(held) for place, held in found.items()} == {("g1", 0): (Range(0, 1, 9),)}


def test_a_record_that_a_later_update_takes_values_from_is_not_pruned(staging, events):
    p, word = events(), "__debezium_unavailable_value"
    staging.load(
        [
            p.change("c", 1, "a", Description="replaced whole"),
            p.change("u", 1, "b", Description="told here"),
            p.change("u", 1, "c", Description=word),
            p.change("u", 1, "d", Description=word),
            p.change("c", 2, "the last row loaded stays"),
        ]
    )
    before = cells(staging)

    prune_all(staging)

    assert {offset for *_, offset in left(staging)} == {0, 1, 2, 3, 4}  # 0: where it began
    assert cells(staging) == before
    assert staging.rows(f"select description from {staging.view} where product_id = 1") == [
        ("told here",)
    ]
