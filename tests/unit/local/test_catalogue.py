"""The demo's catalogue: deterministic, varied, with gaps, in three languages."""

import json
import re
from collections import Counter

import pytest

from bictl.local.catalogue import Catalogue, category_ids
from bictl.local.changes import Round, snapshot, stream
from bictl.local.plan import Plan


@pytest.fixture(scope="module")
def products():
    catalogue = Catalogue(seed=1)
    return [catalogue.product(id) for id in range(1, 5001)]


def test_the_same_seed_gives_the_same_product(products):
    assert Catalogue(seed=1).product(4711) == products[4710]
    assert Catalogue(seed=2).product(4711) != products[4710]


def test_every_category_is_there_and_no_product_dominates(products):
    found = Counter(product.category_id for product in products)
    assert set(category_ids().values()) < set(found)
    names = Counter(product.name for product in products)
    assert names.most_common(1)[0][1] <= 3


@pytest.mark.parametrize(
    "column",
    ["vendor_code", "description", "weight", "length", "volume", "price", "category_id"],
)
def test_a_nullable_column_has_gaps_and_values(products, column):
    missing = sum(getattr(product, column) is None for product in products)
    assert 0.01 < missing / len(products) < 0.25


def test_some_products_are_ukrainian_and_some_german(products):
    assert sum(bool(re.search("[а-яіїєґ]{4}", product.name)) for product in products) > 200
    assert sum(bool(re.search("[äöüß]", product.description or "")) for product in products) > 100


def test_values_fit_their_columns(products):
    for product in products:
        for decimal in (product.weight, product.length, product.price, product.volume):
            assert decimal is None or 0 <= decimal < 10**18
        assert product.created % 100 == 0  # datetime2(7) counts in 100 ns
        if product.volume is not None:
            sides = product.length * product.width * product.height
            assert abs(product.volume - sides / 10**15) <= 0.5


def test_later_rounds_continue_the_earlier_ones():
    catalogue = Catalogue(seed=3)
    first, second = Round(1_000_000_000_000, 50, 20), Round(1_000_000_900_000, 60, 20)
    one = list(stream(catalogue, [first]))
    both = list(stream(catalogue, [first, second]))
    assert both[0] == one[0]
    inserted = [change.row.id for change in both[1][:10]]
    assert inserted == list(range(inserted[0], inserted[0] + 10))
    assert inserted[0] > max(change.row.id for change in one[0])


def test_a_snapshot_can_be_entered_in_the_middle():
    catalogue, round = Catalogue(seed=3), Round(1_000_000_000_000, 50, 20)
    assert list(snapshot(catalogue, round, skip=30)) == list(snapshot(catalogue, round))[30:]


@pytest.mark.parametrize("skip", [0, 1, 39, 40, 41, 55])
def test_a_killed_round_is_finished_to_the_byte(skip):
    plan = Plan("t", None, rounds=(Round(1_000_000_000_000, 40, 20),))
    whole = list(plan.events(skip=0))
    assert len(whole) == plan.size()
    assert list(plan.events(skip=skip)) == whole[skip:]


def test_a_value_is_json(products):
    from bictl.local.events import events

    for change in snapshot(Catalogue(seed=1), Round(1_000_000_000_000, 300, 0)):
        (event,) = events(change, "cord.ConcordDb.dbo.Product")
        after = json.loads(event.value)["payload"]["after"]
        assert after["Name"] == products[change.row.id - 1].name
