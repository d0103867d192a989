"""verify over an old platform: no false alarm at any moment, and what is really missing."""

import pytest
from old_platform import records

from bictl.bronze import OldGeneration, migrate


def states(taking, **options):
    return {check.id: check for check in taking.verify(**options).checks}


@pytest.fixture
def half(platform, taking):
    """The table is taken over, its records are in no batch yet: a run was killed there."""
    platform(records(80), taken=60)
    generation = {"product": OldGeneration(taking.generation(), 0)}
    migrate(taking.clients.database, [taking.table], legacy=generation)
    return taking


@pytest.mark.parametrize("level", ["quick", "default"])
def test_half_way_the_old_rows_wait_and_are_no_loss(half, level):
    checks = states(half, level=level)

    assert (checks["B7"].state, checks["B7"].extra.total) == ("warn", 60)
    assert "60 rows) of other scripts are in no object yet" in checks["B7"].message
    assert checks["O8"].state == "warn"
    assert checks["O8"].hint == checks["B7"].hint == "bictl load-bronze --table product"
    for quiet in ("O1", "O3", "B1", "B2", "B3", "B4", "B9"):
        if quiet in checks:  # nothing to look at is unknown, never a failure
            assert checks[quiet].state in ("ok", "unknown"), checks[quiet]


def test_half_way_the_generation_is_that_of_the_rows_also_from_an_empty_bucket(half):
    for info in list(half.clients.objects.list("")):
        half.clients.objects.delete(info.key)

    taken = half.migrate().taken["product"]

    assert taken.generation == half.generation()
    assert half.chain() == [(0, 60)]


def test_before_the_load_nothing_is_amiss_but_what_is_not_ingested(platform, taking):
    platform(records(80), taken=60)
    taking.migrate()

    checks = states(taking)

    assert "[60,80) (20 records) not ingested" in checks["K5"].message
    above = [
        check.id
        for check in checks.values()
        if check.state == "fail" and check.boundary in ("Kafka → objects", "objects → bronze")
    ]
    assert above == ["K5", "K6"]


@pytest.mark.parametrize("shape", [False, True], ids=["plain", "wrapped"])
def test_a_deep_look_finds_every_record_as_kafka_has_it(platform, taking, shape):
    platform(records(80, schema=shape), taken=60)
    taking.migrate()
    taking.ingest()
    taking.load()

    checks = states(taking, level="deep")

    assert [checks[name].state for name in ("K1", "K10", "B10", "O6")] == ["ok"] * 4


def test_holes_below_the_old_records_are_named_with_their_repair(old, taking, produce):
    samples = records(100)
    produce(old.topic, samples)
    lines = old.lines(samples)
    old.create_bronze()
    old.load(lines[20:40], old.put(lines[20:40]))
    old.load(lines[50:60], old.put(lines[50:60]))
    taking.load()

    checks = states(taking)
    assert "[40,50)" in checks["O2"].message
    assert checks["O2"].hint == "bictl ingest --table product --fill"
    assert "[0,20)" in checks["K11"].message
    assert checks["K11"].hint == "bictl ingest --table product --fill"

    taking.ingest(fill=True)
    taking.load()
    assert {states(taking)[name].state for name in ("O2", "K5", "K11", "B3", "B7")} == {"ok"}
    assert taking.value("select count(*) from bronze.product_cdc") == 100


def test_an_empty_old_table_decides_nothing(old, taking, produce):
    old.create_bronze()

    taken = taking.without_kafka().migrate().taken["product"]
    assert taken.records == 0

    samples = records(10)
    produce(old.topic, samples)
    old.put(old.lines(samples))
    assert taking.migrate().taken["product"].generation == taking.generation()
