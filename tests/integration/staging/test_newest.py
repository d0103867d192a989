"""Which record of a key staging shows: DESIGN.md's order, and what closes a key."""

import pytest

TIME = 1_715_682_225_123


def test_inside_a_partition_the_highest_offset_wins_whatever_the_source_says(staging, events):
    p = events()
    staging.load(
        [
            p.change("c", 1, "first", lsn=9),
            p.change("u", 1, "second", lsn=12),
            p.change("r", 1, "read again", lsn=10, snapshot="incremental"),
        ]
    )

    assert staging.names() == {1: "read again"}


def test_across_partitions_the_source_position_wins(staging, events):
    old, new = events(offset=5000), events()
    staging.load([old.change("c", 1, "old", lsn=3), old.change("u", 1, "older place", lsn=4)])
    staging.load([new.change("u", 1, "moved", lsn=7)], partition=3)
    staging.load([events().change("u", 1, "between", lsn=5)], partition=2)

    assert staging.names() == {1: "moved"}


def test_postgres_positions_order_as_numbers(staging, events):
    for partition, lsn, name in ((0, 999, "old"), (1, 1_000_000, "new"), (2, 1001, "between")):
        p = events()
        value = {"op": "u", "source": {"lsn": lsn}, "after": {"ID": 1, "Name": name}}
        staging.load([p.record(1, value)], partition=partition)

    assert staging.names() == {1: "new"}


def test_a_tombstone_stands_where_its_delete_stands(staging, events):
    p, q = events(), events()
    staging.load(
        [
            p.change("c", 1, "moved on", lsn=1),
            p.change("d", 1, lsn=2),
            p.tombstone(1, at=9_999_999_999_999),
            p.change("u", 2, "deleted elsewhere", lsn=3),
        ]
    )
    staging.load(
        [q.change("c", 1, "alive again", lsn=5), q.change("d", 2, lsn=8), q.tombstone(2, at=0)],
        partition=1,
    )

    assert staging.names() == {1: "alive again"}


def test_a_tombstone_that_compaction_left_alone_stands_by_the_clock(staging, events):
    p, q = events(), events()
    staging.load([p.change("c", 1, "gone since", lsn=1), p.change("c", 2, "came later", lsn=2)])
    staging.load([q.tombstone(1, at=2_000_000_000_000), q.tombstone(2, at=0)], partition=1)

    assert staging.names() == {2: "came later"}


def test_a_newer_generation_wins_whatever_its_offsets_and_positions(staging, events):
    old, new = events(offset=100), events()
    staging.load([old.change("u", 1, "old topic", lsn=99), old.change("u", 2, "only here", lsn=1)])
    staging.load(
        [new.change("u", 1, "new topic", lsn=2)], generation="a-first-by-name", generation_no=2
    )

    assert staging.names() == {1: "new topic", 2: "only here"}


def test_generations_order_by_number_and_not_by_loading(staging, events):
    staging.load([events().change("c", 1, "third")], generation="z", generation_no=3)
    staging.load([events().change("c", 1, "second")], generation="y", generation_no=2)

    assert staging.names() == {1: "third"}


@pytest.mark.parametrize("op", ["r", "c", "u"])
def test_what_exists_is_there_once_with_its_operation(staging, events, op):
    p = events()
    staging.load([p.change("c", 1, "before"), p.change(op, 1, "now")])

    assert staging.one("name, cdc_operation") == ("now", op)


def test_deleted_keys_and_keys_with_only_a_tombstone_are_not_there(staging, events):
    p = events()
    staging.load(
        [
            p.change("c", 1, "deleted"),
            p.change("d", 1),
            p.tombstone(1),
            p.tombstone(2),
            p.change("d", 3),
            p.change("c", 4, "tombstone without a delete"),
            p.tombstone(4),
        ]
    )

    assert staging.names() == {}


def test_an_insert_after_the_delete_brings_the_key_back(staging, events):
    p = events()
    staging.load([p.change("c", 1, "a"), p.change("d", 1), p.tombstone(1), p.change("c", 1, "b")])

    assert staging.names() == {1: "b"}


def test_a_changed_key_leaves_only_the_new_one(staging, fixture_records):
    from batches import numbered

    staging.load(numbered(fixture_records("pkupdate_plain")))

    assert staging.names() == {2: "b"}


class TestSecondSnapshot:
    """A snapshot brings no delete for what was deleted before it."""

    @pytest.fixture
    def before(self, events):
        """A first snapshot of keys 1 to 4, and a key 5 that came after it."""
        p = events()
        first = [
            p.change("r", 1, "one", lsn=1, snapshot="first"),
            p.change("r", 2, "two", lsn=1, snapshot="true"),
            p.change("r", 3, "three", lsn=1, snapshot="true"),
            p.change("r", 4, "four", lsn=1, snapshot="last"),
            p.change("c", 5, "five", lsn=2),
        ]
        return p, first

    def test_the_first_one_closes_nothing(self, staging, before):
        staging.load(before[1])

        assert sorted(staging.names()) == [1, 2, 3, 4, 5]

    @pytest.mark.parametrize(
        ("begin", "end"),
        [("first", "last"), ("first_in_data_collection", "last_in_data_collection")],
    )
    def test_a_finished_one_closes_each_key_that_it_did_not_bring(
        self, staging, before, begin, end
    ):
        p, first = before
        staging.load(first)
        staging.load(
            [
                p.change("r", 1, "one again", lsn=7, snapshot=begin),
                p.change("r", 5, "five again", lsn=7, snapshot=end),
                p.change("c", 6, "six", lsn=8),
            ]
        )

        assert staging.names() == {1: "one again", 5: "five again", 6: "six"}

    def test_an_unfinished_one_closes_nothing(self, staging, before):
        p, first = before
        staging.load(
            [
                *first,
                p.change("r", 1, "one again", lsn=7, snapshot="first"),
                p.change("r", 2, "two again", lsn=7, snapshot="true"),
            ]
        )

        assert sorted(staging.names()) == [1, 2, 3, 4, 5]

    def test_the_ends_of_two_different_ones_make_no_finished_one(self, staging, before):
        p, first = before
        staging.load(
            [
                *first,
                p.change("r", 1, "one again", lsn=7, snapshot="first"),
                p.change("r", 2, "two again", lsn=8, snapshot="true"),
                p.change("r", 3, "three again", lsn=8, snapshot="last"),
            ]
        )

        assert sorted(staging.names()) == [1, 2, 3, 4, 5]

    def test_what_changed_since_stays(self, staging, before):
        p, first = before
        staging.load(
            [
                *first,
                p.change("r", 1, "one again", lsn=7, snapshot="first"),
                p.change("r", 2, "two again", lsn=7, snapshot="last"),
                p.change("u", 3, "changed since", lsn=9),
            ]
        )

        assert staging.names() == {1: "one again", 2: "two again", 3: "changed since"}

    def test_its_ends_may_be_in_different_partitions(self, staging, before, events):
        p, first = before
        later = TIME + 5000
        begin = p.change("r", 1, "one again", lsn=7, snapshot="first", at=later)
        staging.load([*first, begin])
        q = events()
        staging.load(
            [
                q.change("c", 8, "elsewhere", lsn=3),
                q.change("r", 2, "two again", lsn=7, snapshot="last", at=later + 1),
                q.change("c", 9, "open meanwhile", lsn=4, at=later + 2),
            ],
            partition=1,
        )

        assert staging.names() == {1: "one again", 2: "two again", 9: "open meanwhile"}

    def test_a_transaction_that_was_open_meanwhile_comes_behind_it_with_an_older_position(
        self, staging, before
    ):
        p, first = before
        staging.load(
            [
                *first,
                p.change("r", 1, "one again", lsn=7, snapshot="first"),
                p.change("r", 2, "two again", lsn=7, snapshot="last"),
                p.change("c", 6, "written before, committed behind", lsn=5),
            ]
        )

        assert sorted(staging.names()) == [1, 2, 6]

    def test_a_restored_source_may_count_from_a_lower_position_on(self, staging, before):
        p, first = before
        staging.load(
            [
                *first,
                p.change("r", 1, "one again", lsn=0, snapshot="first"),
                p.change("r", 2, "two again", lsn=0, snapshot="last"),
            ]
        )

        assert sorted(staging.names()) == [1, 2]

    def test_one_of_a_single_row_has_only_its_end(self, staging, before):
        p, first = before
        staging.load([*first, p.change("r", 3, "the only one", lsn=7, snapshot="last")])

        assert staging.names() == {3: "the only one"}

    def test_one_that_was_begun_twice_counts_once_it_ends(self, staging, before):
        p, first = before
        staging.load(
            [
                *first,
                p.change("r", 1, "one again", lsn=7, snapshot="first"),
                p.change("r", 2, "two again", lsn=7, snapshot="true"),
                p.change("r", 1, "one at last", lsn=7, snapshot="first"),
                p.change("r", 3, "three at last", lsn=7, snapshot="last"),
            ]
        )

        assert staging.names() == {1: "one at last", 3: "three at last"}

    def test_a_record_of_it_in_quarantine_leaves_it_unfinished(self, staging, before):
        p, first = before
        staging.load(
            [
                *first,
                p.change("r", 1, "one again", lsn=7, snapshot="first"),
                p.change("r", 2, "no place for \0 in jsonb", lsn=7, snapshot="true"),
                p.change("r", 3, "three again", lsn=7, snapshot="last"),
            ]
        )

        assert sorted(staging.names()) == [1, 2, 3, 4, 5]

    def test_tables_that_are_routed_into_one_topic_do_not_close_each_other(self, staging, events):
        p = events()

        def read(id, table, snapshot):
            source = {"lsn": 7, "snapshot": snapshot, "db": "C", "schema": "s", "table": table}
            return p.record(id, {"op": "r", "source": source, "after": {"ID": id, "Name": table}})

        staging.load(
            [
                read(1, "a", "first"),
                read(2, "a", "last_in_data_collection"),
                read(3, "b", "first_in_data_collection"),
                read(4, "b", "last"),
            ]
        )

        assert sorted(staging.names()) == [1, 2, 3, 4]

    def test_in_a_newer_generation_it_closes_what_only_the_older_one_had(
        self, staging, before, events
    ):
        staging.load(before[1])
        p = events()
        snapshot = [
            p.change("r", 1, "one again", lsn=1, snapshot="first"),
            p.change("r", 9, "nine", lsn=1, snapshot="last"),
        ]
        staging.load(snapshot, generation="g2", generation_no=2)

        assert staging.names() == {1: "one again", 9: "nine"}


def test_a_filter_on_the_key_reads_only_that_key(staging, events):
    p = events()
    staging.load([p.change("c", id, f"product {id}") for id in range(3000)])
    staging.clients.database.execute("analyze bronze.product_cdc")

    query = f"explain (format json) select * from {staging.view} where product_id = 5"
    ((plan,),) = staging.rows(query)
    scans = [node for node in nodes(plan[0]["Plan"]) if node.get("Relation Name") == "product_cdc"]

    assert any(node.get("Index Name") == "product_cdc_key" for node in scans)
    assert all("Index" in node["Node Type"] for node in scans)


def nodes(plan):
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)
