"""Which lifecycle rules delete what bictl writes."""

from datetime import UTC, datetime

import pytest

from bictl.clients.lifecycle import Expiry, parse_rules

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SIZES = {"ObjectSizeGreaterThan": 9, "ObjectSizeLessThan": 99}
KEY = "product/raw/generation=g/partition=00000/batch=00000000000000000000.jsonl.gz"


def one(expiration=None, *, status="Enabled", **rule):
    return {"ID": "r", "Status": status, "Expiration": expiration or {"Days": 90}, **rule}


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (one(Filter={"Prefix": "product/"}), Expiry(name="r", prefix="product/", days=90)),
        (one(Prefix="product/"), Expiry(name="r", prefix="product/", days=90)),
        (one(Filter={}), Expiry(name="r", days=90)),
        (one(), Expiry(name="r", days=90)),
        (
            one(Filter={"And": {"Prefix": "p/", **SIZES}}),
            Expiry(name="r", prefix="p/", days=90, above=9, below=99),
        ),
        (one({"Date": NOW}, Filter={"Prefix": "p/"}), Expiry(name="r", prefix="p/", at=NOW)),
    ],
    ids=["filter", "old", "whole", "bare", "sizes", "date"],
)  # fmt: skip
def test_rules_that_delete_are_read_in_every_spelling(rule, expected):
    assert parse_rules([rule]) == [expected]


@pytest.mark.parametrize(
    "rule",
    [
        one(status="Disabled"),
        one({"ExpiredObjectDeleteMarker": True}),
        {"ID": "t", "Status": "Enabled", "Transitions": [{"Days": 30, "StorageClass": "GLACIER"}]},
        {"ID": "n", "Status": "Enabled", "NoncurrentVersionExpiration": {"NoncurrentDays": 1}},
        one(Filter={"Tag": {"Key": "a", "Value": "b"}}),
        one(Filter={"And": {"Prefix": "product/", "Tags": [{"Key": "a", "Value": "b"}]}}),
    ],
    ids=["off", "markers", "moves", "versions", "tag", "tags"],
)
def test_rules_that_delete_nothing_of_bictls_are_left_out(rule):
    assert parse_rules([rule]) == []


def test_a_rule_covers_keys_by_prefix_and_size():
    rule = Expiry(name="r", prefix="product/raw/", days=1, above=10, below=20)
    assert rule.covers(KEY, 15)
    assert not rule.covers(KEY, 10)
    assert not rule.covers(KEY, 20)
    assert not rule.covers(f"_bictl/{KEY}", 15)
    assert rule.touches("product/")
    assert rule.touches("product/raw/generation=g/")
    assert not rule.touches("_bictl/product/raw/")
    assert Expiry(name="all", days=1).touches("_bictl/product/raw/")


def test_a_date_that_has_not_come_deletes_nothing():
    rule = Expiry(name="r", at=NOW)
    assert rule.age(datetime(2026, 5, 31, tzinfo=UTC)) is None
    assert rule.age(NOW) == 0
    assert rule.words == "rule r (on 2026-06-01)"
    assert Expiry(name="r", days=3).age(NOW) == 3
