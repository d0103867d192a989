"""Taking over a bronze table that scripts filled: the table, its records into batches, their load.

python bench/takeover.py [--records 250000] [--shapes product_plain,product_schema]
"""

import argparse
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from common import machine, peak_memory, plain_connection, seconds, services, versions
from load import samples
from old_platform import BRONZE

from bictl import pipeline
from bictl.bronze import OldGeneration, migrate
from bictl.clients import Clients
from bictl.settings import Settings

FILL = """
insert into bronze.product_cdc (kafka_topic, kafka_partition, kafka_offset, kafka_timestamp,
    kafka_key, cdc_payload, batch_file)
select %s, 0, n, to_timestamp(1715680000 + n / 1000.0), s.key, s.value,
    'batch=20240514T120000Z.jsonl'
from generate_series(0, %s - 1) as n
join pg_temp.sample s on s.number = n %% %s
"""


def main() -> None:
    """Each shape on a fresh stack; seconds of each step, and of a second run with nothing old."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--records", type=int, default=250_000)
    options.add_argument("--shapes", default="product_plain,product_schema")
    chosen = options.parse_args()
    print(machine(), versions("psycopg2-binary", "isal", "orjson"), sep="; ")
    for shape in chosen.shapes.split(","):
        with services() as (settings, _), tempfile.TemporaryDirectory() as state:
            measure(replace(settings, state_dir=Path(state)), shape, chosen.records)


def measure(settings: Settings, shape: str, records: int) -> None:
    """One shape."""
    fill(settings, shape, records)
    with Clients(settings) as clients:
        table, database = settings.table("product"), clients.database
        work = pipeline.Work(clients=clients, settings=settings, run="bench")
        size = "select pg_size_pretty(pg_total_relation_size('bronze.product_cdc'))"
        before = database.value(size)
        legacy = {"product": OldGeneration("legacy", -1)}
        converted = seconds(lambda: migrate(database, [table], legacy=legacy))
        after = database.value(size)
        sealed = seconds(lambda: pipeline.bring_forward(work, [table], choice="legacy"))
        loaded = seconds(lambda: pipeline.load_bronze(work, table))
        again = seconds(lambda: pipeline.load_bronze(work, table))
        left = "select count(*) from bronze.product_cdc where batch_file like 'batch=%'"
        assert database.value(left) == 0
        assert database.value("select count(*) from bronze.product_cdc") == records
        assert database.value("select count(*) from bictl.offset_conflict") == 0
    print(f"{shape}, {records:,} rows:")
    for name, took in (("table", converted), ("batches", sealed), ("load", loaded)):
        print(f"  {name:8} {took:7.1f} s  {took * 1e6 / records:7.1f} s per million")
    print(
        f"  a load with nothing old left: {again:.2f} s; {before} before, {after} after the table"
    )
    print(f"  peak memory {peak_memory() / 2**20:.0f} MiB")


def fill(settings: Settings, shape: str, records: int) -> None:
    """The scripts' table, filled inside Postgres."""
    known = samples(shape, min(records, 3_000))
    kinds = {"text": "text", "partition": "integer", "offset": "bigint", "timestamp": "timestamptz"}
    connection = plain_connection(settings.postgres)
    with connection, connection.cursor() as cursor:
        cursor.execute(BRONZE.format(**kinds))
        cursor.execute("create temp table sample (number integer, key jsonb, value jsonb)")
        for number, (key, value) in enumerate(known):
            pair = [None if part is None else json.dumps(json.loads(part)) for part in (key, value)]
            cursor.execute("insert into sample values (%s, %s, %s)", [number, *pair])
        cursor.execute(FILL, [settings.table("product").topic, records, len(known)])
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("vacuum analyze bronze.product_cdc")
    connection.close()


if __name__ == "__main__":
    main()
