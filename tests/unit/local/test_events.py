"""The demo's events have the shape of Debezium's own (tests/fixtures/sqlserver)."""

import base64
import json
from itertools import pairwise

import pytest

from bictl.local.catalogue import Catalogue
from bictl.local.changes import Change, Position, Round, snapshot, stream
from bictl.local.events import events, key_of, value_of

TOPIC = "cord.ConcordDb.dbo.Product"
ROUNDS = [Round(1_795_000_000_000, 400, 300), Round(1_795_000_900_000, 410, 300)]
CATALOGUE = Catalogue(seed=7)


@pytest.fixture(scope="module")
def read() -> list[Change]:
    return list(snapshot(CATALOGUE, ROUNDS[0]))


@pytest.fixture(scope="module")
def streamed() -> list[Change]:
    return [change for changes in stream(CATALOGUE, ROUNDS) for change in changes]


def test_the_schema_is_debeziums_to_the_byte(fixture_records, read):
    theirs = {
        value.partition(b',"payload":')[0]
        for _, value, _, _ in fixture_records("product_schema")
        if value
    }
    ours = {value_of(change, TOPIC).partition(b',"payload":')[0] for change in read}
    assert ours == theirs
    (key, *_), *_ = fixture_records("product_schema")
    assert key_of(1, TOPIC) == key


def test_an_event_has_debeziums_members_in_debeziums_order(fixture_records, read, streamed):
    theirs = {_shape(value) for _, value, _, _ in fixture_records("product_schema") if value}
    ours = {_shape(value_of(change, TOPIC)) for change in read + streamed}
    assert ours == theirs


def test_a_row_of_debeziums_own_events_is_written_to_the_same_bytes(fixture_records):
    """Every row of the fixture, read by json and written by the generator."""
    for _, value, _, _ in fixture_records("product_schema"):
        if value is None:
            continue
        payload = json.loads(value)["payload"]
        source = payload["source"]
        place = Position(source["commit_lsn"], source["change_lsn"], source["event_serial_no"])
        change = Change(
            payload["op"],
            _product(payload["before"]),
            _product(payload["after"]),
            place,
            source["ts_ms"],
            payload["ts_ms"],
            source["snapshot"],
        )
        assert value_of(change, TOPIC) == value


def test_a_snapshot_begins_and_ends_with_its_markers(read):
    assert [change.marker for change in read] == ["first", *["true"] * 398, "last"]
    assert len({change.position for change in read}) == 1


def test_a_delete_is_followed_by_its_tombstone(streamed):
    deleted = next(change for change in streamed if change.op == "d")
    first, second = events(deleted, TOPIC)
    assert first.key == second.key
    assert second.value is None
    assert b'"after":null' in first.value


def test_positions_rise_but_within_a_changed_key(streamed):
    for one, two in pairwise(streamed):
        order = (
            (one.position.commit_lsn, one.position.change_lsn),
            (
                two.position.commit_lsn,
                two.position.change_lsn,
            ),
        )
        if two.op == "c" and two.other_id == one.row.id:
            assert one.position == two.position
        else:
            assert order[0] < order[1]


def test_a_changed_key_names_the_other_one_in_its_headers(streamed):
    gone, come = next((a, b) for a, b in pairwise(streamed) if b.op == "c" and b.other_id)
    record, tombstone = events(gone, TOPIC)
    new = f"Struct{{ID={come.row.id}}}".encode()
    assert record.headers == tombstone.headers == [("__debezium.newkey", new)]
    (created,) = events(come, TOPIC)
    assert created.headers == [("__debezium.oldkey", f"Struct{{ID={gone.row.id}}}".encode())]


def test_a_change_starts_from_the_row_as_it_was(read, streamed):
    """Images are consistent: `before` is what the key's last event left."""
    rows = {change.row.id: change.after for change in read}
    kinds = set()
    for change in streamed:
        assert rows.get(change.row.id) == change.before
        kinds.add((change.op, change.row.id in rows, change.other_id is not None))
        rows[change.row.id] = change.after
        if change.after is None:
            rows[change.row.id] = None
    assert {op for op, _, _ in kinds} == {"c", "u", "d"}
    assert ("c", True, False) in kinds  # a re-insert after a delete
    assert ("c", False, True) in kinds  # a changed key


def test_times_rise_with_the_changes(streamed):
    assert all(one.committed <= two.committed for one, two in pairwise(streamed))
    assert all(change.committed < change.seen for change in streamed)
    assert streamed[299].seen <= ROUNDS[0].started


def test_characters_beyond_the_bmp_are_two_upper_case_escapes():
    row = CATALOGUE.product(1)._replace(name='Kettle 🫖 "hot"\nЧай')
    change = Change("c", None, row, Position("a", "b", 1), 1, 2)
    written = value_of(change, TOPIC)
    assert '"Name":"Kettle \\uD83E\\uDED6 \\"hot\\"\\nЧай"'.encode() in written
    assert json.loads(written)["payload"]["after"]["Name"] == row.name


def _shape(value: bytes) -> str:
    payload = json.loads(value)["payload"]
    rows = [list(payload[side] or ()) for side in ("before", "after")]
    return json.dumps([list(payload), rows, list(payload["source"]), payload["op"]])


def _product(row: dict | None):
    if row is None:
        return None
    values = list(row.values())
    for at in range(4, 10):
        if values[at] is not None:
            values[at] = int.from_bytes(base64.b64decode(values[at]), "big", signed=True)
    return CATALOGUE.product(1)._make(values)
