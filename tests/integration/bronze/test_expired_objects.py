"""What a load says of objects that are not there any more, and that it keeps their rows."""

import pytest
from batches import numbered, seal_all

from bictl.bronze import load
from bictl.errors import NotFound


def test_an_object_that_expired_is_told_from_one_that_never_was(bronze):
    keys = seal_all(
        bronze.clients.objects,
        bronze.table,
        numbered([(b"1", b'{"n":%d}' % number) for number in range(20)]),
        size=10,
    )
    bronze.load()
    bronze.clients.objects.delete(keys[0])
    with pytest.raises(NotFound) as caught:
        load_one(bronze, keys[0])
    assert "any more: it held 0:[0,10); 10 records were loaded at 20" in caught.value.message
    assert caught.value.message.endswith("UTC, and bronze keeps what was loaded")
    assert "lifecycle rule took it or it was lost" in caught.value.hint
    with pytest.raises(NotFound) as caught:
        load_one(bronze, keys[0].replace("00.jsonl", "77.jsonl"))
    assert "any more" not in caught.value.message


def test_a_replay_names_each_range_that_no_object_holds_and_keeps_its_rows(bronze):
    written = numbered([(b"1", b'{"n":%d}' % number) for number in range(50)])
    keys = seal_all(bronze.clients.objects, bronze.table, written, size=10)
    seal_all(bronze.clients.objects, bronze.table, written[:10], size=10, partition=1)
    bronze.load()
    before = bronze.events()
    for index in (0, 1, 3):
        bronze.clients.objects.delete(keys[index])
    result = bronze.load(replay=True)
    assert result.orphans == (
        "20 records of generation g1, 0:[0,20)",
        "10 records of generation g1, 0:[30,40)",
    )
    assert result.warnings[0].startswith(
        "kept in bronze and in no object, which expired or was lost (bictl verify tells which): 20"
    )
    assert bronze.events() == before
    assert bronze.load(replay=True).orphans == result.orphans


def load_one(bronze, key: str) -> None:
    clients = bronze.clients
    load(clients.objects, clients.database, table=bronze.table, run="test", only=[key])
