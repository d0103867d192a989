"""ingest and load-bronze together against the way of the scripts: parse, write, parse, insert.

python bench/ingest_and_load.py [--records 61443] [--rounds 2]
"""

import argparse
import itertools
from dataclasses import replace

from baseline_ingest import ingest_by_parsing
from baseline_load import TABLE, load_row_by_row
from common import machine, pairs, services, versions
from ingest import publish
from load import connect

from bictl.bronze import load, migrate
from bictl.clients import Clients
from bictl.ingest import ingest


def main() -> None:
    """From the topic to rows in bronze; ingest.py and load.py check that nothing differs."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--records", type=int, default=61_443)
    options.add_argument("--rounds", type=int, default=2)
    chosen = options.parse_args()
    print(machine(), versions("kafka-python", "psycopg2-binary", "isal", "orjson"), sep="; ")
    for shape in ("product_schema", "product_plain"):
        with services() as (settings, _), Clients(settings) as clients:
            compare(clients, settings, shape, chosen.records, chosen.rounds)


def compare(clients, settings, shape: str, records: int, rounds: int) -> None:
    """Both ways in turn, each time into an empty prefix and empty tables."""
    table = replace(settings.table("product"), topic=f"bench.{shape}")
    publish(settings, table.topic, shape, records)
    migrate(clients.database, [table])
    plain, runs = connect(settings), itertools.count()

    def ours() -> None:
        clients.database.execute("truncate bronze.product_cdc, bictl.object_ledger")
        fresh = replace(table, prefix=f"bench/{next(runs)}/")
        ingest(clients.reader, clients.objects, table=fresh, limits=settings.ingest, run="bench")
        assert load(clients.objects, clients.database, table=fresh, run="bench").loaded == records

    def baseline() -> None:
        with plain, plain.cursor() as cursor:
            cursor.execute(TABLE)
        servers, objects = settings.kafka.bootstrap_servers, clients.objects
        batch = settings.ingest.batch_records
        ingest_by_parsing(
            servers, objects._client, objects.bucket, table.topic, records, batch=batch
        )
        keys = [info.key for info in objects.list(f"baseline/{table.topic}/")]
        bodies = ((key, objects.get(key)[0]) for key in keys)
        assert load_row_by_row(plain, bodies) == records

    found = pairs(ours, baseline, rounds=rounds)
    print(found.line(f"{shape}, {records} records", baseline="the scripts' way"))


if __name__ == "__main__":
    main()
