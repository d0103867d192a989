"""Updates that do not carry every value: Debezium writes a word where Postgres's log has none."""

import base64

import pytest

from bictl.verify.read_rows import read_staging_keys, read_staging_values

WORD = "__debezium_unavailable_value"
MODEL = """{{ cdc_table(
    bronze=source('bronze', 'product_cdc'),
    key=['ID'],
    columns=[('ID', 'int', 'product_id'), ('Name', 'nvarchar', 'name'),
        ('Description', 'nvarchar', 'description'), ('Picture', 'varbinary', 'picture'),
        ('Price', 'int', 'price')],
) }}"""


@pytest.fixture
def shown(view_of):
    """`shown(records, …)`: loads each list into a partition of its own; the rows, and what verify
    says of their cells."""
    staging = view_of("stg_carried", MODEL)

    def show(*partitions):
        for number, records in enumerate(partitions):
            staging.load(records, partition=number)
        table = staging.settings.table("product")
        keys, _ = read_staging_keys(staging.clients.database, table, staging.view)
        assert not keys.missing
        assert not keys.extra
        assert not keys.stale
        values = read_staging_values(staging.clients.database, table, staging.view, model=None)
        assert not values.different
        query = f"select product_id, name, description, convert_from(picture, 'utf8'), price from {staging.view}"  # noqa: E501
        return {row[0]: row[1:] for row in staging.rows(query)}, {
            name: sample.total for name, sample in values.lost.items()
        }

    return show


def test_a_value_that_an_update_does_not_carry_is_the_last_one_that_came(shown, events):
    p = events()
    picture, lacking = (base64.b64encode(word.encode()).decode() for word in ("pix", WORD))
    records = [
        p.change("c", 1, "a", Description="old", Picture=picture, Price=1),
        p.change("u", 1, "b", Description="new", Picture=lacking, Price=2),
        p.change("u", 1, "c", Description=WORD, Picture=lacking, Price=3),
        p.change("u", 1, WORD, Description=WORD, Picture=lacking, Price=4),
        p.change("c", 2, "said " + WORD, Description=f"{WORD}?", Picture=None, Price=None),
        p.change("r", 3, "a", Description=WORD, Picture=None, Price=1),
    ]

    rows, lost = shown(records)

    assert rows == {
        1: ("c", "new", "pix", 4),
        2: ("said " + WORD, f"{WORD}?", None, None),
        3: ("a", WORD, None, 1),  # a snapshot reads all there is: somebody wrote that word
    }
    assert lost == {}


def test_a_value_that_bronze_never_had_is_null_and_counted(shown, events):
    p = events()
    records = [
        p.change("u", 1, "a", Description=WORD, Price=1),
        p.change("c", 2, "a", Description="of the row before", Price=1),
        p.change("d", 2, "a", Description="of the row before"),
        p.tombstone(2),
        p.change("u", 2, "b", Description=WORD, Price=1),
        p.change("c", 3, "its key was changed", Description=WORD, Price=1),
    ]

    rows, lost = shown(records)

    assert rows == {
        1: ("a", None, None, 1),
        2: ("b", None, None, 1),
        3: ("its key was changed", None, None, 1),
    }
    assert lost == {"Description": 3}


def test_a_value_is_found_in_the_partition_that_the_key_came_from(shown, events):
    old, new = events(), events()
    rows, lost = shown(
        [
            old.change("c", 1, "a", Description="first", lsn=1),
            old.change("u", 1, "a", Description="second", lsn=2),
            old.change("u", 1, "b", Description=WORD, lsn=3),
        ],
        [new.change("u", 1, "c", Description=WORD, lsn=4)],
    )

    assert rows == {1: ("c", "second", None, None)}
    assert lost == {}
