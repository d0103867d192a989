"""The ledger accounts for every record, and says what an object was."""

import pytest
from batches import numbered, put, restated, seal, sealed

from bictl.bronze import load, unloaded
from bictl.errors import BatchConflict, NotFound, StageFailed

PLAIN = [(b'{"ID":%d}' % number, b'{"n":%d}' % number) for number in range(10)]


def ledger(bronze):
    return bronze.rows(
        """select n_records, n_loaded, n_quarantined, n_duplicate, n_conflict
        from bictl.object_ledger order by loaded_at, object_key"""
    )


def test_a_lost_record_cannot_be_committed(bronze):
    with pytest.raises(StageFailed) as refused:
        bronze.clients.database.execute(
            """insert into bictl.object_ledger (object_key, sha256, etag, size, kafka_topic,
                generation, kafka_partition, first_offset, next_offset, n_records, n_tombstones,
                n_loaded, n_quarantined, n_duplicate, ingest_run, load_run)
            values ('k', 's', 'e', 1, 't', 'g', 0, 0, 10, 10, 0, 8, 1, 0, 'i', 'l')"""
        )
    assert "every_record_is_accounted_for" in str(refused.value)


def test_overlapping_batches_with_the_same_records_count_duplicates(bronze):
    objects, table = bronze.clients.objects, bronze.table
    seal(objects, table, numbered(PLAIN))
    seal(objects, table, numbered(PLAIN)[5:])

    assert bronze.load().duplicates == 5
    assert ledger(bronze) == [(10, 10, 0, 0, 0), (5, 0, 0, 5, 0)]


def test_two_contents_of_one_offset_are_a_conflict_and_nothing_is_overwritten(bronze):
    objects, table = bronze.clients.objects, bronze.table
    first = seal(objects, table, numbered(PLAIN))
    other = [(b'{"ID":5}', b'{"n":"other"}'), (b'{"ID":6}', b'{"n":6}'), (b'{"ID":7}', b'{"n":7}')]
    second = seal(objects, table, numbered([*other, (b"1", b"{}")], first=5)[:3])

    with pytest.raises(BatchConflict) as conflict:
        bronze.load()

    assert f"0:[5,6) of {first} and {second}" in str(conflict.value)
    assert ledger(bronze) == [(10, 10, 0, 0, 0), (3, 0, 0, 3, 1)]
    kept = bronze.rows("select kafka_offset, raw_value, standing_file from bictl.offset_conflict")
    assert [(offset, bytes(value), file) for offset, value, file in kept] == [
        (5, b'{"n":"other"}', first)
    ]
    assert bronze.events()["g1", 0, 5][1] == '{"n": 5}'
    assert bronze.load().objects == 0


def test_a_bad_record_where_a_good_one_stands_is_a_conflict(bronze):
    objects, table = bronze.clients.objects, bronze.table
    seal(objects, table, numbered(PLAIN))
    seal(objects, table, numbered([(b"1", b"not JSON")], first=9))

    with pytest.raises(BatchConflict):
        bronze.load()
    assert bronze.value("select count(*) from bronze.cdc_quarantine") == 0


def test_a_good_record_where_a_bad_one_stands_is_a_conflict_and_the_bad_one_is_kept(bronze):
    objects, table = bronze.clients.objects, bronze.table
    first = seal(objects, table, numbered([*PLAIN[:9], (b"1", b"not JSON")]))
    assert bronze.load().quarantined == 1
    second = seal(objects, table, numbered([(b"1", b'{"n":9}')], first=9))

    with pytest.raises(BatchConflict) as conflict:
        bronze.load()

    assert f"0:[9,10) of {first} and {second}" in str(conflict.value)
    kept = bronze.rows(
        "select kafka_offset, raw_value, batch_file, standing_file from bictl.offset_conflict"
    )
    assert [(offset, bytes(value), *files) for offset, value, *files in kept] == [
        (9, b"not JSON", first, second)
    ]
    assert bronze.events()["g1", 0, 9][1] == '{"n": 9}'
    assert bronze.value("select count(*) from bronze.cdc_quarantine") == 0
    with pytest.raises(BatchConflict):
        bronze.load(replay=True)
    assert bronze.value("select count(*) from bictl.offset_conflict") == 1


def test_the_same_bad_record_twice_is_a_duplicate(bronze):
    objects, table = bronze.clients.objects, bronze.table
    bad = numbered([*PLAIN, (b"1", b"not JSON")])
    seal(objects, table, bad)
    seal(objects, table, bad[8:])

    result = bronze.load()

    assert (result.quarantined, result.duplicates) == (1, 3)
    assert bronze.value("select count(*) from bronze.cdc_quarantine") == 1


def test_other_content_under_the_same_key_is_loaded_and_warned_about(bronze):
    objects, table = bronze.clients.objects, bronze.table
    key = seal(objects, table, numbered(PLAIN))
    bronze.load()
    objects.delete(key)
    seal(objects, table, numbered([*PLAIN, (b'{"ID":99}', b"{}")]))

    result = bronze.load()

    assert (result.loaded, result.duplicates, result.changed) == (1, 10, (key,))
    assert "other content" in result.warnings[0]
    assert len(ledger(bronze)) == 2
    assert bronze.load().objects == 0


def test_the_same_bytes_written_again_are_known(bronze):
    objects, table = bronze.clients.objects, bronze.table
    key = seal(objects, table, numbered(PLAIN))
    bronze.load()
    bronze.clients.database.execute("update bictl.object_ledger set etag = 'another'")

    assert [info.key for info in unloaded(objects, bronze.clients.database, table=table)] == [key]
    assert bronze.load().objects == 0
    assert unloaded(objects, bronze.clients.database, table=table) == []
    assert len(ledger(bronze)) == 1


def test_keys_that_are_no_batches_are_named_and_left_alone(bronze):
    bronze.clients.objects.put_new("product/raw/notes.txt", b"hello", metadata={})
    bronze.clients.objects.put_new("product/raw/ack/generation=g1/1.json", b"{}", metadata={})
    seal(bronze.clients.objects, bronze.table, numbered(PLAIN))

    result = bronze.load()

    assert result.foreign == ("product/raw/notes.txt",)
    assert "product/raw/notes.txt" in result.warnings[0]
    assert result.loaded == 10
    assert result.exit_code == 0


def _damage(table, name):
    """A manifest and a body that do not fit each other."""
    records = numbered(PLAIN, first=100)
    manifest, body = sealed(table, records)
    text = b"".join(b'{"a":1}\n' for _ in records)
    foreign = numbered(PLAIN, first=100)
    other = type(table)(name="other", topic="another.topic")
    return {
        "truncated": (manifest, body[:-40]),
        "altered": (manifest, body[:30] + bytes([body[30] ^ 1]) + body[31:]),
        "not gzip": sealed_as(manifest, b"hello"),
        "no lines of ours": sealed(table, records, text=text),
        "one record short": sealed(table, records[:-1] + records[-1:], text=_lines(table)[:-1]),
        "a record twice": sealed(table, records, text=_lines(table, twice=True)),
        "another topic inside": (
            restated(sealed(other, foreign)[0], topic=table.topic),
            sealed(other, foreign)[1],
        ),
        "another topic": sealed(other, foreign),
        "a range that does not fit": (restated(manifest, next=105, records=5), body),
        "tombstones that do not fit": (restated(manifest, tombstones=1), body),
        "a format of the future": (restated(manifest, format="jsonl.zst/9"), body),
    }[name]


def sealed_as(manifest, body):
    import hashlib

    return restated(manifest, sha256=hashlib.sha256(body).hexdigest()), body


def _lines(table, *, twice=False):
    from batches import lines

    text = lines(table.topic, 0, numbered(PLAIN, first=100))
    return text.split(b"\n")[0] + b"\n" + text if twice else text


@pytest.mark.parametrize(
    "name",
    [
        "truncated",
        "altered",
        "not gzip",
        "no lines of ours",
        "one record short",
        "a record twice",
        "another topic inside",
        "another topic",
        "a range that does not fit",
        "tombstones that do not fit",
        "a format of the future",
    ],
)
def test_a_damaged_object_is_named_and_the_others_load(bronze, name):
    objects, table = bronze.clients.objects, bronze.table
    seal(objects, table, numbered(PLAIN))
    key = put(objects, table, *_damage(table, name))
    seal(objects, table, numbered(PLAIN, first=200))

    with pytest.raises(StageFailed) as failed:
        bronze.load()

    assert key in str(failed.value)
    assert "20 records of the others loaded" in str(failed.value)
    assert {offset // 100 for _, _, offset in bronze.events()} == {0, 2}
    assert [row[0] for row in ledger(bronze)] == [10, 10]


def test_an_object_without_a_manifest_is_damaged(bronze):
    key = sealed(bronze.table, numbered(PLAIN))[0].name.key(bronze.table.prefix)
    bronze.clients.objects.put_new(key, b"x", metadata={})

    with pytest.raises(StageFailed, match="no manifest"):
        bronze.load()


def test_one_object_can_be_loaded_alone(bronze):
    objects, table = bronze.clients.objects, bronze.table
    seal(objects, table, numbered(PLAIN))
    second = seal(objects, table, numbered(PLAIN, first=10))

    assert bronze.load(only=[second]).loaded == 10
    assert {offset for _, _, offset in bronze.events()} == set(range(10, 20))
    with pytest.raises(NotFound):
        bronze.load(only=["product/raw/nothing"])


def test_a_stop_ends_between_objects_and_the_next_run_goes_on(bronze):
    objects, table = bronze.clients.objects, bronze.table
    for first in range(0, 50, 10):
        seal(objects, table, numbered(PLAIN, first=first))
    seen = []

    result = bronze.load(on_progress=seen.append, stop=lambda: len(seen) >= 2)

    assert 0 < result.left < 5
    assert result.objects + result.left == 5
    assert "left for the next run" in result.summary
    rest = load(objects, bronze.clients.database, table=table, run="next")
    assert result.loaded + rest.loaded == 50
    assert seen[-1].total == 5
