"""The whole way: a platform that scripts built, taken over by bictl at the terminal."""

import json

import pytest
from ingested import delete_topic
from old_platform import OldPlatform, records

__all__ = ["delete_topic"]

TAKEN, THERE = 115, 300


@pytest.fixture
def old(settings, clients):
    return OldPlatform(settings, clients)


def build(old, samples, *, text=False, files=2, **types):
    """What the scripts left of the first samples."""
    old.create_bronze(**types)
    lines = old.lines(samples, text=text)
    size = -(-len(lines) // files)
    for at in range(0, len(lines), size):
        file = old.put(lines[at : at + size])
        old.load(lines[at : at + size], file.rpartition("/")[2])
    old.stage()
    old.embed(len(samples))


def bronze(clients):
    """Offset → its row's generation, key, value and file."""
    return {
        row[0]: row[1:]
        for row in clients.database.rows(
            """select kafka_offset, generation, kafka_key, cdc_payload, batch_file
            from bronze.product_cdc_events where kafka_partition = 0"""
        )
    }


@pytest.mark.parametrize("text", [False, True], ids=["json", "text"])
@pytest.mark.parametrize("schema", [False, True], ids=["plain", "wrapped"])
def test_a_platform_of_scripts_is_taken_over_and_completed(
    cli, old, clients, produce, text, schema
):
    samples = records(THERE, schema=schema)
    produce(old.topic, samples)
    build(old, samples[:TAKEN], text=text)

    migrated = cli("migrate", "--json")
    loaded = cli("load-bronze", "--json")
    before = cli("verify", "--json")
    ran = cli("run", "--json")
    after = cli("verify", "--json")

    assert migrated.exit_code == 0, migrated.stderr
    assert f"took over bronze.product_cdc with {TAKEN} rows" in migrated.stderr
    assert loaded.exit_code == 0, loaded.stderr
    assert json.loads(loaded.stdout)["rows"][0]["duplicates"] == TAKEN
    assert before.exit_code == 1, before.stdout
    assert (
        f"Break: Kafka → objects, partition 0, offsets [{TAKEN},{THERE})"
        f" ({THERE - TAKEN} records) not ingested"
    ) in json.loads(before.stdout)["headline"]
    assert ran.exit_code == 0, ran.stderr
    assert after.exit_code == 0, after.stdout
    rows = bronze(clients)
    generation = clients.reader.describe(old.topic).id
    assert sorted(rows) == list(range(THERE))
    assert {row[0] for row in rows.values()} == {generation}
    assert {row[3].startswith("product/raw/generation=") for row in rows.values()} == {True}
    for offset, (key, value, *_) in enumerate(samples):
        assert rows[offset][1] == json.loads(key)
        assert rows[offset][2] == (None if value is None else json.loads(value))
