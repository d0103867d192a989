"""Two honest runs cut differently and make one chain; a dishonest object is never overwritten."""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import batches
import pytest
from ingested import records

from bictl.errors import BatchConflict, ConfigError
from bictl.ingest import chain, frontier, read_kept
from bictl.settings import Table


def test_a_run_that_was_overtaken_adopts_the_others_batches(produce, table, run, clients, lines):
    """The other run seals everything after this one has read it and before it seals."""
    produce(table.topic, records(40))
    others = []

    def overtake(progress) -> None:
        if not others:
            others.append(run(batch_records=7, max_records=21, run="other"))

    ours = run(batch_records=10, on_progress=overtake, run="ours")

    assert [line.offset for line in lines()] == list(range(40))
    found = chain(clients.objects, table.prefix, ours.generation, 0)
    assert [(m.run, m.first, m.next) for m in found] == [
        ("other", 0, 7),
        ("other", 7, 14),
        ("other", 14, 21),
        ("ours", 21, 31),
        ("ours", 31, 40),
    ]
    assert (ours.rows[0]["adopted"], ours.records) == (3, 19)
    assert ours.summary.startswith("wrote 2 batches, 19 records; adopted 3 batches of another run")


def test_the_same_batch_twice_is_adopted_as_it_is(produce, table, run, keys, clients):
    produce(table.topic, records(20))
    first = {}

    def overtake(progress) -> None:
        if not first:
            run(batch_records=10)
            first.update(keys())

    result = run(batch_records=10, on_progress=overtake)
    assert (result.records, result.rows[0]["adopted"], keys()) == (0, 2, first)


def test_eight_processes_at_once_make_one_chain(produce, table, run, settings, clients, lines):
    produce(table.topic, records(300) + records(200, partition=1), 2)
    driver = Path(__file__).with_name("one_ingest.py")
    together = [
        subprocess.Popen(
            [sys.executable, str(driver), str(settings.path), str(110 + 9 * number)],
            stdout=subprocess.PIPE,
            stdin=subprocess.PIPE,
            text=True,
        )
        for number in range(8)
    ]
    for process in together:
        assert process.stdout.readline() == "ready\n"
    for process in together:
        process.stdin.write("go\n")
        process.stdin.flush()
    ended = [process.communicate(timeout=120)[0] for process in together]

    assert [process.returncode for process in together] == [0] * 8
    assert sum(int(words.split()[1]) for words in ended) == 500
    assert [(line.partition, line.offset) for line in lines()] == [
        *((0, offset) for offset in range(300)),
        *((1, offset) for offset in range(200)),
    ]
    generation = clients.reader.describe(table.topic).id
    for partition in (0, 1):
        found = chain(clients.objects, table.prefix, generation, partition)
        assert all(left.next == right.first for left, right in pairwise(found))
    assert run().records == 0  # whoever wrote last may have been behind: a run at rest heals that
    kept = read_kept(clients.objects, table.prefix).found
    assert [(one.baseline, one.newest.next) for _, one in sorted(kept.items())] == [
        (0, 300),
        (0, 200),
    ]


@pytest.fixture
def conflicting(clients, table, keys):
    """Puts an object where the next batch belongs; gives it the topic's generation."""

    def put(written, **changes) -> str:
        generation = clients.reader.describe(table.topic).id
        manifest, body = batches.sealed(table, written, generation=generation, generation_no=0)
        body = changes.pop("body", body)
        metadata = batches.restated(manifest, **changes).to_metadata()
        key = manifest.name.key(table.prefix)
        assert clients.objects.put_new(key, body, metadata=metadata)
        return key

    return put


def overtaken(run, place):
    """A run whose next key is taken after it has looked at the objects."""
    placed = []

    def hook(progress) -> None:
        if not placed:
            placed.append(place())

    return run(on_progress=hook)


def test_other_records_under_the_key_are_a_conflict(produce, table, run, keys, conflicting):
    produce(table.topic, records(10))
    other = [batches.Written(number, b'{"ID":%d}' % number, b'{"op":"d"}') for number in range(10)]
    with pytest.raises(BatchConflict, match=r"record 0:0 is another one there") as caught:
        overtaken(run, lambda: conflicting(other))
    before = keys()
    assert caught.value.exit_code == 6
    assert "nothing was overwritten" in caught.value.hint
    assert len(before) == 1


def test_a_batch_that_lacks_one_of_our_records_is_a_conflict(produce, table, run, conflicting):
    produce(table.topic, records(10))
    written = [
        batches.Written(offset, key, value, tuple(headers), timestamp)
        for offset, (key, value, headers, timestamp, _) in enumerate(records(10))
        if offset != 4
    ]
    with pytest.raises(BatchConflict, match="does not hold record 0:4"):
        overtaken(run, lambda: conflicting(written))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"body": b"short"}, "its bytes are not those that it was sealed with"),
        ({"topic": "another.topic"}, "it is a batch of another.topic"),
    ],
)
def test_a_damaged_or_foreign_batch_is_a_conflict(
    produce, table, run, conflicting, changes, reason
):
    produce(table.topic, records(3))
    written = [batches.Written(0, b"1", b"{}")]
    with pytest.raises(BatchConflict, match=reason):
        overtaken(run, lambda: conflicting(written, **changes))


def test_an_object_without_a_manifest_under_our_key_is_a_conflict(produce, table, run, clients):
    produce(table.topic, records(3))
    generation = clients.reader.describe(table.topic).id
    key = f"{table.prefix}generation={generation}/partition=00000/batch={0:020d}.jsonl.gz"
    assert clients.objects.put_new(key, b"mine", metadata={})
    with pytest.raises(BatchConflict, match="has no manifest"):
        run()
    assert clients.objects.get(key)[0] == b"mine"


def test_foreign_objects_under_the_prefix_change_nothing(produce, table, run, clients, lines):
    produce(table.topic, records(6))
    generation = clients.reader.describe(table.topic).id
    for key in (
        "README.txt",
        "generation=x/notes",
        f"generation={generation}/partition=00000/batch=7.jsonl.gz",
        f"generation={generation}/partition=00000/batch={3:020d}.jsonl.gz.tmp",
        f"generation={generation}/partition=zero/batch={0:020d}.jsonl.gz",
        "ack/generation=x/generation.json",
    ):
        assert clients.objects.put_new(f"{table.prefix}{key}", b"{}", metadata={})
    assert run().records == 6
    assert run().summary == "nothing to do; frontier 0:6"
    assert [line.offset for line in lines()] == list(range(6))
    assert frontier(clients.objects, table.prefix, generation, 0) == 6


def test_two_topics_do_not_share_a_prefix(produce, table, run):
    produce(table.topic, records(3))
    run()
    other = Table(name="other", topic=f"{table.topic}.other", prefix=table.prefix)
    produce(other.topic, records(3))
    with pytest.raises(ConfigError, match=f"holds batches of topic {table.topic}, not of"):
        run(table=other)
