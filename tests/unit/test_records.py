"""The values that cross stages: object keys by a strict grammar, manifests that come back whole."""

import dataclasses
import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bictl.records import (
    BatchName,
    Manifest,
    Range,
    is_old_batch,
    parse_batch_key,
    partition_prefix,
)

PREFIX = "product/raw/"
generations = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)
names = st.builds(BatchName, generations, st.integers(0, 2**31 - 1), st.integers(0, 2**63 - 1))
times = st.none() | st.integers(-1, 2**63 - 1)


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    first = draw(st.integers(0, 2**63 - 2))
    next = draw(st.integers(first + 1, 2**63 - 1))
    records = draw(st.integers(0, next - first))
    return Manifest(
        cluster=draw(st.from_regex(r"[A-Za-z0-9_-]{1,22}", fullmatch=True)),
        topic=draw(st.from_regex(r"[A-Za-z0-9._-]{1,249}", fullmatch=True)),
        generation=draw(generations),
        generation_no=draw(st.integers(0, 10_000)),
        partition=draw(st.integers(0, 2**31 - 1)),
        first=first,
        next=next,
        records=records,
        tombstones=draw(st.integers(0, records)),
        sha256=draw(st.from_regex(r"[0-9a-f]{64}", fullmatch=True)),
        min_timestamp=draw(times),
        max_timestamp=draw(times),
        run=str(draw(st.uuids())),
    )


@given(names)
def test_a_batchs_key_names_it_and_is_read_back(name):
    key = name.key(PREFIX)
    assert parse_batch_key(PREFIX, key) == name
    assert key.startswith(partition_prefix(PREFIX, name.generation, name.partition))


@given(st.lists(st.integers(0, 2**63 - 1), max_size=5))
def test_keys_of_a_partition_sort_as_their_offsets(offsets):
    keys = [BatchName("g", 0, offset).key(PREFIX) for offset in offsets]
    assert sorted(keys) == [BatchName("g", 0, offset).key(PREFIX) for offset in sorted(offsets)]


@pytest.mark.parametrize(
    "key",
    [
        "",
        PREFIX,
        "other/raw/generation=g/partition=00000/batch=00000000000000000000.jsonl.gz",
        f"{PREFIX}batch=20240101T000000Z.jsonl",
        f"{PREFIX}generation=g/partition=0/batch=00000000000000000000.jsonl.gz",
        f"{PREFIX}generation=g/partition=000000/batch=00000000000000000000.jsonl.gz",
        f"{PREFIX}generation=g/partition=00000/batch=0.jsonl.gz",
        f"{PREFIX}generation=g/partition=00000/batch=00000000000000000000.jsonl.gz.tmp",
        f"{PREFIX}generation=g/partition=00000/batch=00000000000000000000.jsonl.gz\n",
        f"{PREFIX}generation=../partition=00000/batch=00000000000000000000.jsonl.gz",
        f"{PREFIX}generation=/partition=00000/batch=00000000000000000000.jsonl.gz",
        f"{PREFIX}generation=g/partition=00000/../batch=00000000000000000000.jsonl.gz",
        f"{PREFIX}generation=g/partition=٠٠٠٠٠/batch=00000000000000000000.jsonl.gz",
        f"/{PREFIX}generation=g/partition=00000/batch=00000000000000000000.jsonl.gz",
        f"{PREFIX}{PREFIX}generation=g/partition=00000/batch=00000000000000000000.jsonl.gz",
    ],
)
def test_any_other_key_is_not_ours(key):
    assert parse_batch_key(PREFIX, key) is None


@given(st.text(max_size=120))
def test_no_key_is_read_as_a_batch_that_has_another_key(tail):
    found = parse_batch_key(PREFIX, PREFIX + tail)
    assert found is None or found.key(PREFIX) == PREFIX + tail


@given(manifests())
def test_a_manifest_comes_back_from_the_objects_metadata(manifest):
    metadata = manifest.to_metadata()
    assert Manifest.from_metadata(metadata) == manifest
    assert Manifest.from_metadata({**metadata, "somebody-elses": "x"}) == manifest
    assert manifest.name == BatchName(manifest.generation, manifest.partition, manifest.first)


@given(manifests())
def test_metadata_is_what_every_object_store_keeps(manifest):
    metadata = manifest.to_metadata()
    for key, value in metadata.items():
        assert re.fullmatch(r"bictl-[a-z0-9-]+", key)
        assert value.isascii()
        assert value == value.strip()
    # the smallest limit among the stores is S3's 2 kB; a topic's name may be 249 of them
    assert sum(len(key) + len(value) for key, value in metadata.items()) < 2048


@given(manifests())
def test_a_store_that_drops_empty_metadata_drops_nothing_of_ours(manifest):
    assert all(manifest.to_metadata().values())


NEEDED = {field.name for field in dataclasses.fields(Manifest)} - {"min_timestamp", "max_timestamp"}


@pytest.mark.parametrize("field", sorted(NEEDED))
def test_metadata_without_one_of_its_fields_is_no_manifest(field):
    metadata = an_example().to_metadata()
    del metadata[f"bictl-{field.replace('_', '-')}"]
    with pytest.raises(ValueError, match="no manifest"):
        Manifest.from_metadata(metadata)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("first", "x"), ("first", ""), ("first", "1.5"), ("first", "-1"), ("next", "5"),
        ("next", "6"), ("records", "7"), ("records", "-1"), ("tombstones", "9"),
        ("partition", "-1"), ("generation-no", "-1"), ("min-timestamp", "x"), ("sha256", "x"),
        ("format", "jsonl.gz/2"), ("generation", "../x"), ("topic", "a/b"),
    ],
)  # fmt: skip
def test_metadata_that_cannot_be_true_is_refused(field, value):
    with pytest.raises(ValueError):
        Manifest.from_metadata(an_example().to_metadata() | {f"bictl-{field}": value})


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=20)))
def test_a_foreign_objects_metadata_is_no_manifest(metadata):
    with pytest.raises(ValueError):
        Manifest.from_metadata(metadata)


@given(st.integers(0, 9), st.integers(0, 100), st.integers(0, 100))
def test_a_range_says_what_it_holds(partition, first, length):
    assume(length >= 0)
    found = Range(partition, first, first + length)
    assert len(found) == length
    assert str(found) == f"{partition}:[{first},{first + length})"


def an_example() -> Manifest:
    return Manifest(
        cluster="MkU3OEVBNTcwNTJENDM2Qk",
        topic="cord.ConcordDb.dbo.Product",
        generation="g",
        generation_no=0,
        partition=0,
        first=6,
        next=12,
        records=6,
        tombstones=1,
        sha256="0" * 64,
        min_timestamp=1,
        max_timestamp=2,
        run="r",
    )


@pytest.mark.parametrize(
    ("generation", "number", "legal"),
    [("legacy", -1, True), ("legacy", -2, False), ("g", -1, False), ("g", 0, True)],
)
def test_only_legacy_stands_before_every_generation(generation, number, legal):
    manifest = dataclasses.replace(an_example(), generation=generation, generation_no=number)
    if legal:
        assert Manifest.from_metadata(manifest.to_metadata()) == manifest
        return
    with pytest.raises(ValueError, match="not legal"):
        Manifest.from_metadata(manifest.to_metadata())


@pytest.mark.parametrize(
    ("key", "old"),
    [
        ("product/raw/batch=20240514T120000Z.jsonl", True),
        ("product/raw/batch=20240514T120000Z.jsonl.gz", False),
        ("product/raw/batch=2024.jsonl", False),
        ("product/raw/day=1/batch=20240514T120000Z.jsonl", False),
        ("other/raw/batch=20240514T120000Z.jsonl", False),
        ("product/raw/generation=g/partition=00000/batch=00000000000000000000.jsonl.gz", False),
    ],
)
def test_the_scripts_objects_are_known_by_their_names(key, old):
    assert is_old_batch(PREFIX, key) is old
