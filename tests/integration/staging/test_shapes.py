"""Each wire shape, with its operation, its time and its snapshot flag."""

from datetime import UTC, datetime

from batches import Written

AT = datetime(2024, 5, 14, 10, 23, 45, 123000, tzinfo=UTC)
META = "name, cdc_operation, source_timestamp, is_snapshot"


def test_a_plain_envelope(staging, events):
    staging.load([events().change("u", 1, "a")])

    assert staging.one(META) == ("a", "u", AT, False)


def test_a_wrapped_envelope_and_key(staging, fixture_records):
    from batches import numbered

    staging.load(numbered(fixture_records("product_schema")[:1]))

    assert staging.one("product_id, cdc_operation, is_snapshot") == (1, "r", True)


def test_a_wrapped_value_under_a_plain_key_and_the_other_way(staging, fixture_records):
    wrapped, plain = (fixture_records(f"product_{name}")[:2] for name in ("schema", "plain"))
    staging.load([Written(0, plain[0][0], wrapped[0][1]), Written(1, wrapped[1][0], plain[1][1])])

    ids = staging.rows(f"select product_id, price from {staging.view} order by 1")
    assert [row[0] for row in ids] == [1, 2]
    assert all(row[1] is not None for row in ids)


def test_a_snapshot_flag_that_is_null_means_streaming(staging, events):
    p = events()
    value = {"op": "u", "source": {"ts_ms": None, "snapshot": None}, "after": {"ID": 1}}
    staging.load([p.record(1, value)])

    assert staging.one(META) == (None, "u", None, False)


def test_a_flat_row_says_only_that_it_is_there(staging, events):
    p = events()
    staging.load(
        [
            p.record(1, {"ID": 1, "Name": "a", "__deleted": "false"}),
            p.record(2, {"ID": 2, "Name": "b", "__deleted": "false"}),
            p.record(2, {"ID": 2, "Name": "b", "__deleted": "true"}),
            p.record(3, {"ID": 3, "Name": "c"}),
            p.tombstone(3),
        ]
    )

    assert staging.one(META) == ("a", "u", None, False)


def test_a_flat_row_with_added_fields_says_all(staging, events):
    p = events()
    staging.load(
        [
            p.record(
                1,
                {
                    "ID": 1,
                    "Name": "a",
                    "__op": "r",
                    "__source_ts_ms": 1715682225123,
                    "__source_snapshot": "first",
                },
            ),
            p.record(2, {"ID": 2, "Name": "b", "__op": "d", "__deleted": "true"}),
        ]
    )

    assert staging.one(META) == ("a", "r", AT, True)


def test_a_flat_row_of_a_table_with_columns_named_like_an_envelope(staging, events):
    p = events()
    row = {"ID": 1, "Name": "a", "op": "x", "source": "shop", "after": None, "payload": None}
    staging.load([p.record(1, row)])

    assert staging.one("product_id, name, cdc_operation") == (1, "a", "u")


def test_records_without_a_key_are_known_by_their_row(staging, events):
    p = events()
    value = {"source": {}, "before": None, "after": None}
    staging.load(
        [
            p.record(None, value | {"op": "c", "after": {"ID": 1, "Name": "a"}}),
            p.record(None, value | {"op": "c", "after": {"ID": 2, "Name": "b"}}),
            p.record(None, value | {"op": "u", "after": {"ID": 1, "Name": "a2"}}),
            p.record(None, value | {"op": "d", "before": {"ID": 2, "Name": "b"}}),
            p.record(None, None),
            p.record(None, value | {"op": "c", "after": {"Name": "nobody"}}),
        ]
    )

    assert staging.names() == {1: "a2"}


def test_hostile_texts_come_through_as_they_are(staging, events):
    names = [
        "'; drop table bronze.product_cdc; --",
        "{{ ref('x') }} {% raw %}",
        "[red]markup[/red] \x1b[31mred\x1b[0m",
        'quote " and back\\slash',
        "line\nbreak\ttab \u2028 \u0085 \u202eright to left",
        "  blanks  ",
        "",
        "🛞 їжак ß",
        "null",
        "x" * 1_000_000,
    ]
    p = events()
    staging.load([p.change("c", id, name) for id, name in enumerate(names)])

    assert staging.names() == dict(enumerate(names))
