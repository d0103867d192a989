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


def test_after_the_topic_was_recreated_the_old_records_are_legacy_and_the_new_ones_missing(
    cli, old, clients, produce, delete_topic
):
    samples = records(TAKEN)
    produce(old.topic, samples)
    build(old, samples)
    delete_topic(old.topic)
    produce(old.topic, records(THERE, word="Anew"))

    untouched = cli("verify", "--json")
    plan = cli("migrate", "--dry-run", "-o", "tsv")
    migrated = cli("migrate")
    before = cli("verify", "--json")
    ran = cli("run")
    after = cli("verify", "--json")

    assert untouched.exit_code == 1
    checks = {check["id"]: check for check in json.loads(untouched.stdout)["checks"]}
    assert "was made by other scripts and is not taken over yet" in checks["B4"]["message"]
    assert checks["B4"]["hint"] == "bictl migrate"
    assert checks["O8"]["message"] == "2 old objects are not taken over yet"
    assert "take over bronze.product_cdc" in plan.stdout.splitlines()
    assert "as generation legacy: Kafka has other records where these were" in plan.stdout
    assert migrated.exit_code == 0, migrated.stderr
    assert before.exit_code == 1
    headline = json.loads(before.stdout)["headline"]
    assert headline == (
        f"0.00 % of {THERE} records accounted for. Break: Kafka → objects, partition 0, offsets"
        f" [0,{THERE}) ({THERE} records) not ingested"
    )
    checks = {check["id"]: check for check in json.loads(before.stdout)["checks"]}
    assert checks["O8"]["state"] == "ok"
    assert checks["O8"]["message"] == (
        f"2 old objects taken over; {TAKEN} records of generation legacy: what that topic held"
        " beside them is unknown"
    )
    assert checks["K1"]["state"] == "ok"
    assert ran.exit_code == 0, ran.stderr
    assert after.exit_code == 0, after.stdout
    assert json.loads(after.stdout)["headline"] == (
        f"Kafka → vectors complete: {THERE} of {THERE} records through 0:{THERE}; source, what the"
        f" old topic held beside {TAKEN} records of generation legacy not verified"
    )
    counts = "select generation = 'legacy', count(*) from bronze.product_cdc group by 1 order by 1"
    assert clients.database.rows(counts) == [(False, THERE), (True, TAKEN)]
    names = "select count(*) from staging_staging.stg_product where name like 'Anew %%'"
    assert clients.database.value(names) == THERE - THERE // 50


def test_without_kafka_the_way_on_is_said_with_code_4(cli, old, produce):
    samples = records(TAKEN)
    produce(old.topic, samples)
    build(old, samples)

    refused = cli("migrate", env={"BICTL_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"})
    decided = cli(
        "migrate",
        "--legacy-generation",
        "legacy",
        env={"BICTL_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"},
    )

    assert refused.exit_code == 4
    assert "Kafka is needed once, to tell which generation" in refused.stderr
    assert "bictl migrate --legacy-generation legacy" in refused.stderr
    assert decided.exit_code == 0, decided.stderr


def test_the_vectors_of_the_scripts_stay_until_theirs_are_made(cli, old, clients, produce):
    samples = records(40)
    produce(old.topic, samples)
    build(old, samples, files=1)
    vectors = "select product_id, embedding::text, text from analytics_features.product_embeddings"
    before = sorted(clients.database.rows(vectors))

    for command in ("migrate", "load-bronze", "transform"):
        assert cli(command).exit_code == 0
    assert sorted(clients.database.rows(vectors)) == before
    embedded = cli("embed", "--json")

    assert embedded.exit_code == 0, embedded.stderr
    after = clients.database.rows(vectors)
    assert len(after) == 40
    assert {text for _, _, text in after} == {f"Product {n}" for n in range(40)}
    made = "select count(*) from analytics_features.product_embeddings where model is not null"
    assert clients.database.value(made) == 40
    index = "select indexdef from pg_indexes where indexdef like '%%hnsw%%'"
    assert "vector_cosine_ops" in clients.database.value(index)
