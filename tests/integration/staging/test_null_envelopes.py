"""What stands for a tombstone without being one: the view and verify's fold read it alike."""

import json

import pytest
from batches import Written

from bictl.verify.read_rows import read_staging_keys

SCHEMA = {"type": "struct", "fields": [], "optional": True, "name": "cord.Product.Envelope"}
NULLS = {
    "a tombstone": None,
    "a null envelope": b'{"schema":null,"payload":null}',
    "a null envelope with blanks": b'{ "schema": null, "payload": null }',
    "a null payload under a schema": b'{"schema":%b,"payload":null}' % json.dumps(SCHEMA).encode(),
    "a null payload alone": b'{"payload":null}',
    "a JSON null": b"null",
}


@pytest.fixture
def keys(staging):
    """What verify's fold says of the view."""
    return lambda: read_staging_keys(
        staging.clients.database, staging.settings.table("product"), staging.view
    )[0]


def test_a_null_record_is_no_row_however_it_is_written(staging, events, keys):
    p = events()
    records = [p.change("c", id, "a") for id in range(1, len(NULLS) + 2)]
    for id, value in enumerate(NULLS.values(), 1):
        records.append(Written(p.offset, json.dumps({"ID": id}).encode(), value))
        p.offset += 1
    staging.load(records)

    assert staging.names() == {len(NULLS) + 1: "a"}
    found = keys()
    assert (found.folded, found.expected, found.staged) == (len(NULLS) + 1, 1, 1)
    assert not found.missing
    assert not found.extra
    assert not found.keyless


def test_a_row_after_a_null_record_is_there_again(staging, events, keys):
    p = events()
    records = []
    for id, value in enumerate(NULLS.values(), 1):
        records += [Written(p.offset, json.dumps({"ID": id}).encode(), value)]
        p.offset += 1
        records += [p.change("c", id, "again")]
    staging.load(records)

    assert staging.names() == dict.fromkeys(range(1, len(NULLS) + 1), "again")
    assert not keys().missing


def test_a_null_record_stands_where_the_record_before_it_stands(staging, events, keys):
    """Across partitions too, where the source's position decides: a null record has none."""
    first, second = events(), events()
    old = [first.change("c", id, "old", lsn=1) for id in range(1, len(NULLS) + 1)]
    new = [second.change("u", id, "new", lsn=2) for id in range(1, len(NULLS) + 1)]
    for id, value in enumerate(NULLS.values(), 1):
        old.append(Written(first.offset, json.dumps({"ID": id}).encode(), value))
        first.offset += 1
    staging.load(old, partition=0)
    staging.load(new, partition=1)

    assert staging.names() == dict.fromkeys(range(1, len(NULLS) + 1), "new")
    assert not keys().missing


def test_a_column_named_payload_that_is_null_is_a_row(staging, events, keys):
    p = events()
    staging.load([p.record(1, {"ID": 1, "Name": "a", "payload": None})])

    assert staging.names() == {1: "a"}
    assert not keys().missing
