"""A table whose prefix lies inside another one's: neither is foreign to the other."""

from dataclasses import replace

from batches import numbered, seal

from bictl.bronze import load, migrate
from bictl.verify.inspect import list_objects

INNER_TOPIC = "cord.ConcordDb.dbo.Inner"


def test_the_inner_table_s_batches_are_no_litter_of_the_outer_one(settings, clients):
    outer = settings.table("product")
    inner = replace(
        outer,
        name="inner",
        topic=INNER_TOPIC,
        prefix=f"{outer.prefix}x/",
        bronze="bronze.inner_cdc",
    )
    key = seal(clients.objects, inner, numbered([(b'{"ID":1}', b'{"op":"c"}')]))
    litter = f"{outer.prefix}x/batch=20240514T000001Z.jsonl"
    clients.objects.put_new(litter, b"", metadata={})
    migrate(clients.database, [outer, inner])

    listing = list_objects(clients.objects, outer.prefix)
    assert (listing.named, listing.foreign) == ((), (litter,))
    loaded = load(clients.objects, clients.database, table=outer, run="test")
    assert (loaded.objects, loaded.foreign) == (0, (litter,))

    assert [info.key for info, _ in list_objects(clients.objects, inner.prefix).named] == [key]
