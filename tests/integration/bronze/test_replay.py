"""--replay rebuilds bronze from the objects alone."""

import random

from batches import numbered, seal, seal_all


def test_a_replay_rebuilds_what_was_lost_altered_or_invented(bronze, fixture_records):
    samples = fixture_records("product_plain")[:400]
    samples[33] = (b"1", b"not JSON", [], 1_715_682_225_123)
    seal_all(bronze.clients.objects, bronze.table, numbered(samples), size=100)
    bronze.load()
    undisturbed = bronze.contents()
    database = bronze.clients.database
    database.execute("delete from bronze.product_cdc where kafka_offset between 5 and 9")
    database.execute("update bronze.product_cdc set cdc_payload = '{}' where kafka_offset = 120")
    database.execute("update bronze.product_cdc set batch_file = 'x' where kafka_offset = 250")
    database.execute("delete from bronze.cdc_quarantine")
    database.execute("delete from bictl.object_ledger where first_offset = 300")

    result = bronze.load(replay=True)

    assert bronze.contents() == undisturbed
    assert (result.objects, result.loaded, result.quarantined) == (4, 399, 1)


def test_a_replay_that_was_stopped_never_shows_half_an_object(bronze, fixture_records):
    samples = fixture_records("product_plain")[:500]
    seal_all(bronze.clients.objects, bronze.table, numbered(samples), size=50)
    bronze.load()
    undisturbed = bronze.contents()
    seen = []

    stopped = bronze.load(replay=True, on_progress=seen.append, stop=lambda: len(seen) > 3)

    assert stopped.left
    assert stopped.orphans == ()
    assert bronze.contents() == undisturbed
    bronze.load(replay=True)
    assert bronze.contents() == undisturbed


def test_a_replay_keeps_overlapping_batches_apart(bronze):
    records = numbered([(b"1", b'{"n":%d}' % number) for number in range(30)])
    objects, table = bronze.clients.objects, bronze.table
    for first, end in ((0, 12), (8, 20), (15, 30)):
        seal(objects, table, records[first:end])
    bronze.load()
    undisturbed = bronze.contents()

    result = bronze.load(replay=True)

    assert (result.loaded, result.duplicates) == (30, 9)
    assert bronze.contents() == undisturbed


def test_a_replay_that_ends_between_overlapping_batches_leaves_the_ledger_true(bronze):
    records = numbered([(b"1", b'{"n":%d}' % number) for number in range(30)])
    objects, table = bronze.clients.objects, bronze.table
    seal(objects, table, records[:20])
    later = seal(objects, table, records[10:])
    bronze.load(only=[later])
    bronze.load()

    bronze.load(replay=True, only=[later])
    bronze.load(replay=True, stop=iter([False, True, True, True]).__next__)

    accounted = bronze.rows("select object_key, n_loaded from bictl.object_ledger")
    files = bronze.rows("select batch_file, count(*) from bronze.product_cdc group by 1")
    assert sorted(accounted) == sorted(files)
    assert len(bronze.events()) == 30


def test_rows_whose_objects_have_expired_stay_and_are_named(bronze):
    records = numbered([(b"1", b"{}")] * 40)
    keys = seal_all(bronze.clients.objects, bronze.table, records, size=10)
    bronze.load()
    for key in random.Random(1).sample(keys[:2], 2):
        bronze.clients.objects.delete(key)

    result = bronze.load(replay=True)

    assert result.orphans == ("20 records of generation g1, 0:[0,20)",)
    assert "in no object" in result.warnings[0]
    assert len(bronze.events()) == 40
