"""Acknowledgements outlive the batches, and those of the first version count as before."""

import json

import pytest

from bictl.ingest import find_acks, list_acks, quarantine_ack, range_ack, write_ack
from bictl.records import Range, ack_prefix, old_ack_prefix

LOST = range_ack(Range(0, 5, 9), generation="g", reason="retention", person="olena")


@pytest.fixture
def put_old(clients, table):
    """Writes an acknowledgement as the first version did, with its fields."""

    def put(ack, **changed):
        fields = ("kind", "generation", "reason", "person", "at", "partition", "first", "next")
        document = {name: getattr(ack, name) for name in fields} | changed
        body = json.dumps({"format": "bictl.ack/1", **document}).encode()
        key = f"{old_ack_prefix(table.prefix)}{ack.name}"
        assert clients.objects.put_new(key, body, metadata={})
        return key

    return put


def test_it_is_written_where_no_rule_for_batches_reaches(clients, table):
    assert write_ack(clients.objects, table.prefix, LOST)
    (key,) = find_acks(clients.objects, table.prefix)
    assert key.startswith("_bictl/product/raw/ack/generation=g/")
    assert list_acks(clients.objects, table.prefix) == [LOST]


def test_one_of_the_first_version_counts_and_is_not_written_again(clients, table, put_old):
    key = put_old(LOST)
    assert not write_ack(clients.objects, table.prefix, LOST)
    assert find_acks(clients.objects, table.prefix) == {key: LOST}


def test_the_same_thing_in_both_places_has_one_answer_that_older_programs_read_too(
    clients, table, put_old
):
    assert write_ack(clients.objects, table.prefix, LOST)
    key = put_old(LOST, person="ann")
    ((found, ack),) = find_acks(clients.objects, table.prefix).items()
    assert (found, ack.person) == (key, "ann")


def test_what_is_no_acknowledgement_of_ours_is_left_out(clients, table):
    folder = ack_prefix(table.prefix)
    reason = quarantine_ack("22P02", expires=None, reason="known", person="olena")
    for name, body in (
        ("notes.txt", b"hello"),
        ("generation=g/generation.json", b"{}"),
        ("generation=h/generation.json", json.dumps({"format": "bictl.ack/2"}).encode()),
        ("elsewhere.json", json.dumps({"format": "bictl.ack/1", **vars(reason)}).encode()),
        (reason.name, json.dumps({"format": "bictl.ack/1", **vars(reason)}).encode()),
    ):
        assert clients.objects.put_new(f"{folder}{name}", body, metadata={})
    assert list_acks(clients.objects, table.prefix) == [reason]
