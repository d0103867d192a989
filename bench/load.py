"""load-bronze against inserting row by row, on the same sealed objects, in turn.

python bench/load.py [--records 61443] [--rounds 3]
"""

import argparse
import gzip
import itertools
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from baseline_load import TABLE, load_row_by_row
from batches import numbered, seal_all
from common import machine, pairs, plain_connection, services, versions

from bictl.bronze import load, migrate
from bictl.clients import Clients
from bictl.settings import Settings

FIXTURES = Path(__file__).parents[1] / "tests" / "fixtures" / "sqlserver"
BATCH = 20_000  # ingest's default
SAME = """
select count(*) from bronze.product_cdc_events e
full join baseline.product_cdc b using (kafka_topic, kafka_partition, kafka_offset)
where e.kafka_key is distinct from b.kafka_key or e.cdc_payload is distinct from b.cdc_payload
    or e.kafka_timestamp is distinct from b.kafka_timestamp
"""


def main() -> None:
    """Both wire shapes, each checked to have kept the same information."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--records", type=int, default=61_443)
    options.add_argument("--rounds", type=int, default=3)
    chosen = options.parse_args()
    print(machine(), versions("psycopg2-binary", "isal", "orjson"), sep="; ")
    for shape in ("product_schema", "product_plain"):
        with services() as (settings, _), Clients(settings) as clients:
            compare(clients, settings, shape, chosen.records, chosen.rounds)


def compare(clients: Clients, settings: Settings, shape: str, records: int, rounds: int) -> None:
    """Seals the records, then loads them in both ways, each time into empty tables."""
    table, database = settings.table("product"), clients.database
    keys = seal_all(clients.objects, table, numbered(samples(shape, records)), size=BATCH)
    migrate(database, [table])
    plain = connect(settings)

    def ours() -> None:
        loaded = load(clients.objects, database, table=table, run="bench").loaded
        assert loaded == records

    def baseline() -> None:
        bodies = ((key, gzip.decompress(clients.objects.get(key)[0])) for key in keys)
        assert load_row_by_row(plain, bodies) == records

    found = pairs(ours, baseline, rounds=1)
    different = database.value(SAME)
    assert different == 0, f"{different} records differ"
    for _ in range(rounds - 1):
        empty(database, plain)
        again = pairs(ours, baseline, rounds=1)
        found.ours.extend(again.ours)
        found.baseline.extend(again.baseline)
    print(found.line(f"{shape}, {records} records", baseline="row by row"))
    print(f"  {records / min(found.ours):,.0f} records/s at best; {sizes(database)}")


def samples(shape: str, count: int) -> list[tuple]:
    """The fixture's records, over and over."""
    lines = gzip.decompress((FIXTURES / f"{shape}.jsonl.gz").read_bytes()).split(b"\n")
    known = [json.loads(line) for line in lines if line]
    encoded = [
        tuple(None if one[part] is None else one[part].encode() for part in ("key", "value"))
        for one in known
    ]
    return list(itertools.islice(itertools.cycle(encoded), count))


def connect(settings: Settings):
    """A plain connection, as a script opens it, with its table."""
    connection = plain_connection(settings.postgres)
    with connection, connection.cursor() as cursor:
        cursor.execute(TABLE)
    return connection


def empty(database, plain) -> None:
    """Both tables and the ledger, as before the first load."""
    database.execute("truncate bronze.product_cdc, bictl.object_ledger")
    with plain, plain.cursor() as cursor:
        cursor.execute(TABLE)


def sizes(database) -> str:
    """What both ways take on disk."""
    query = "select pg_size_pretty(pg_total_relation_size(%s::regclass))"
    ours, theirs = (
        database.value(query, [t]) for t in ("bronze.product_cdc", "baseline.product_cdc")
    )
    return f"{ours} against {theirs} on disk"


if __name__ == "__main__":
    main()
