"""Staging and vectors, judged from counts and samples."""

import dataclasses

import pytest
from evidence import TABLE

from bictl.verify import staging, vectors
from bictl.verify.report import NOTHING, State, of_keys
from bictl.verify.staging import Keys, Shape, Values, pair_columns
from bictl.verify.vectors import Coverage, Index, Vectors

KEYS = Keys(
    folded=12,
    keyless=0,
    expected=10,
    staged=10,
    common=10,
    missing=NOTHING,
    extra=NOTHING,
    stale=NOTHING,
)
COVERED = Coverage(
    folded=12,
    expected=10,
    stored=10,
    current=10,
    arriving=0,
    leaving=0,
    missing=NOTHING,
    orphans=NOTHING,
    stale=NOTHING,
)
STORED = Vectors(rows=10, nulls=0, zeros=0, bent=0, dimensions=(384,), models=("m@abc",), bad=())
INDEX = Index(name="i", is_valid=True, operators="vector_cosine_ops", is_building=False)


def changed(value, **fields):
    return dataclasses.replace(value, **fields)


def test_equal_key_sets_are_whole():
    assert staging.key_sets(KEYS, table=TABLE).state is State.OK
    assert staging.tally(KEYS).whole


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"missing": of_keys(["7"]), "common": 9}, "1 key not in staging: 7"),
        ({"extra": of_keys(["8"]), "staged": 11}, "1 deleted key still shown: 8"),
        ({"keyless": 2}, "2 records without the key ID"),
    ],
)
def test_a_key_too_few_or_too_many_is_named(fields, said):
    found = staging.key_sets(changed(KEYS, **fields), table=TABLE)
    assert (found.state, found.message) == (State.FAIL, said)


def test_only_deleted_keys_are_not_nothing():
    gone = changed(KEYS, expected=0, staged=0, common=0)
    assert staging.key_sets(gone, table=TABLE).evaluated == 12
    none = Shape(rows=0, ids=0, distinct_ids=0, operations=0)
    assert staging.unique_and_filled(none, gone, table=TABLE).evaluated == 12
    assert staging.decoded(Values(rows=0), gone, table=TABLE).evaluated == 12


def test_an_empty_staging_where_keys_are_expected_evaluates_nothing():
    none = Shape(rows=0, ids=0, distinct_ids=0, operations=0)
    assert staging.unique_and_filled(none, KEYS, table=TABLE).evaluated == 0


@pytest.mark.parametrize(
    "shape",
    [
        Shape(rows=10, ids=9, distinct_ids=9, operations=10),
        Shape(rows=10, ids=10, distinct_ids=9, operations=10),
        Shape(rows=10, ids=10, distinct_ids=10, operations=9),
    ],
)
def test_ids_must_be_unique_and_filled(shape):
    assert staging.unique_and_filled(shape, KEYS, table=TABLE).state is State.FAIL


def test_a_value_that_became_null_is_named_with_its_field_and_keys():
    found = staging.decoded(Values(rows=10, lost={"Price": of_keys(["7", "8"])}), KEYS, table=TABLE)
    assert (found.state, found.message) == (
        State.FAIL,
        "2 values became NULL: Price: 2 (7, 8)",
    )


def test_source_fields_find_their_columns():
    columns = {
        "product_id": "integer",
        "vendor_code": "text",
        "price": "numeric",
        "created_at": "timestamp without time zone",
        "is_active": "boolean",
    }
    assert pair_columns(["ID", "VendorCode", "Price", "Created", "IsActive"], columns) == [
        ("Created", "created_at", False),
        ("IsActive", "is_active", True),
        ("Price", "price", False),
        ("VendorCode", "vendor_code", True),
    ]


def test_equal_vectors_are_whole():
    assert vectors.coverage(COVERED, table=TABLE).state is State.OK
    assert vectors.fresh(COVERED, table=TABLE).state is State.OK
    assert vectors.tally(COVERED).whole


def test_missing_and_orphaned_vectors_are_named():
    broken = changed(COVERED, current=9, missing=of_keys(["7"]), orphans=of_keys(["8"]))
    found = vectors.coverage(broken, table=TABLE)
    assert (found.state, found.message) == (
        State.FAIL,
        "1 key not embedded: 7; 1 vector of keys that are gone: 8",
    )
    assert not vectors.tally(broken).balanced


def test_a_stale_vector_is_not_accounted_for():
    stale = changed(COVERED, current=9, stale=of_keys(["7"]))
    assert vectors.fresh(stale, table=TABLE).state is State.FAIL
    assert not vectors.tally(stale).balanced


def test_young_keys_are_in_flight_and_not_complete():
    moving = changed(COVERED, current=9, arriving=1, leaving=1)
    assert vectors.coverage(moving, table=TABLE).state is State.OK
    tally = vectors.tally(moving)
    assert tally.balanced
    assert not tally.whole


@pytest.mark.parametrize(
    "fields",
    [{"models": ("m@abc", "other@abc")}, {"models": ("other@abc",)}, {"dimensions": (384, 8)}],
)
def test_vectors_of_another_model_or_length_fail(fields):
    found = vectors.one_model(changed(STORED, **fields), COVERED, model="m", table=TABLE)
    assert found.state is State.FAIL


def test_the_configured_model_is_known_by_its_name():
    assert vectors.one_model(STORED, COVERED, model="m", table=TABLE).state is State.OK
    assert vectors.one_model(STORED, COVERED, model="org/m", table=TABLE).state is State.OK


@pytest.mark.parametrize("field", ["nulls", "zeros", "bent"])
def test_a_vector_that_no_index_holds_is_named(field):
    found = vectors.findable(changed(STORED, **{field: 1}, bad=("7",)), COVERED, table=TABLE)
    assert (found.state, found.extra.keys) == (State.FAIL, ("7",))


@pytest.mark.parametrize(
    ("indexes", "state"),
    [
        ((INDEX,), State.OK),
        ((), State.FAIL),
        ((changed(INDEX, is_valid=False),), State.FAIL),
        ((INDEX, changed(INDEX, name="j", is_valid=False)), State.FAIL),
        ((changed(INDEX, operators="vector_l2_ops"),), State.FAIL),
        ((changed(INDEX, is_valid=False, is_building=True),), State.WARN),
    ],
)
def test_a_valid_cosine_index_must_stand(indexes, state):
    assert vectors.index(indexes, COVERED, table=TABLE).state is state
