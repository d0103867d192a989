"""--fill reads the holes between batches again; what Kafka has not any more is a loss."""

from itertools import pairwise

from ingested import records

from bictl.ingest import chain


def sealed_ranges(clients, table, generation):
    found = chain(clients.objects, table.prefix, generation, 0)
    assert all(left.next == right.first for left, right in pairwise(found))
    return [(manifest.first, manifest.next) for manifest in found]


def test_holes_are_read_again_and_nothing_else(produce, table, run, keys, clients, lines):
    produce(table.topic, records(50))
    generation = run(batch_records=10).generation
    whole = list(keys())
    for index in (0, 2, 3):
        clients.objects.delete(whole[index])

    plain = run(batch_records=10)
    filled = run(batch_records=15, fill=True)

    assert plain.summary == "nothing to do; frontier 0:50"
    assert filled.records == 30
    assert [line.offset for line in lines()] == list(range(50))
    assert sealed_ranges(clients, table, generation) == [
        (0, 10),
        (10, 20),
        (20, 35),
        (35, 40),
        (40, 50),
    ]
    assert run(fill=True).summary == "nothing to do; frontier 0:50"


def test_a_missing_newest_batch_is_read_again_by_a_plain_run(produce, table, run, keys, clients):
    produce(table.topic, records(30))
    run(batch_records=10)
    clients.objects.delete(list(keys())[-1])
    assert run(batch_records=10).records == 10
