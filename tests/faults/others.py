"""What people use instead of verify: dbt's tests, counts of rows, a diff of two tables.

Each is given all that it could have: the counts know the topic's ends and the source's rows, the
diff has the source itself beside staging, and also bronze's newest records and the vectors.
"""

import gzip
import json
import logging
import re
import subprocess
from contextlib import suppress
from pathlib import Path

import psycopg2
from facts import REFUSED, Facts
from truth import expected

from bictl.clients.dbt import Dbt
from bictl.errors import BictlError

SOURCE = {  # the source's types, by the names of staging
    "product_id": ("ID", "int", "integer"),
    "name": ("Name", "nvarchar", "text"),
    "vendor_code": ("VendorCode", "nvarchar", "text"),
    "description": ("Description", "nvarchar", "text"),
    "weight": ("Weight", "decimal(18,4)", "numeric(18,4)"),
    "length": ("Length", "decimal(18,4)", "numeric(18,4)"),
    "width": ("Width", "decimal(18,4)", "numeric(18,4)"),
    "height": ("Height", "decimal(18,4)", "numeric(18,4)"),
    "volume": ("Volume", "decimal(18,6)", "numeric(18,6)"),
    "price": ("Price", "decimal(19,4)", "numeric(19,4)"),
    "is_active": ("IsActive", "bit", "boolean"),
    "category_id": ("CategoryID", "int", "integer"),
    "manufacturer_id": ("ManufacturerID", "int", "integer"),
    "created_at": ("Created", "datetime2(7)", "timestamp"),
    "updated_at": ("Updated", "datetime", "timestamp"),
}
# The newest record of each key as people write it: by offset, deletes left out.
NEWEST = """
create view public.newest_of_bronze as
select * from (
    select distinct on ((kafka_key -> 'payload' ->> 'ID')::int)
        (kafka_key -> 'payload' ->> 'ID')::int as product_id,
        cdc_payload -> 'payload' ->> 'op' as op,
        cdc_payload -> 'payload' -> 'after' ->> 'Name' as name,
        cdc_payload -> 'payload' -> 'after' ->> 'VendorCode' as vendor_code,
        cdc_payload -> 'payload' -> 'after' ->> 'Description' as description,
        (cdc_payload -> 'payload' -> 'after' ->> 'IsActive')::boolean as is_active,
        (cdc_payload -> 'payload' -> 'after' ->> 'CategoryID')::int as category_id
    from bronze.product_cdc
    order by 1, kafka_offset desc
) as newest
where op <> 'd'
"""


TRUTH = Path(__file__).parents[1] / "fixtures" / "sqlserver" / "truth_product.json.gz"


def prepare(settings, facts: Facts) -> None:
    """The source's own table, and a view of bronze's newest records, in the pipeline's database."""
    rows = json.loads(gzip.decompress(TRUTH.read_bytes()))["rows"]
    columns = ", ".join(f"{name} {type}" for name, (_, _, type) in SOURCE.items())
    with connected(settings) as cursor:
        cursor.execute(f"create table public.source_product ({columns}, primary key (product_id))")
        marks = ", ".join(["%s"] * len(SOURCE))
        for id in facts.live:
            row = rows[str(id)]
            cells = [expected(declared, row[name]) for name, declared, _ in SOURCE.values()]
            cursor.execute(f"insert into public.source_product values ({marks})", cells)
        cursor.execute(NEWEST)


class connected:
    """A connection of the tools' own."""

    def __init__(self, settings) -> None:
        self._postgres = settings.postgres

    def __enter__(self):
        self._connection = psycopg2.connect(
            host=self._postgres.host,
            port=self._postgres.port,
            dbname=self._postgres.dbname,
            user=self._postgres.user,
            password=self._postgres.password.reveal(),
        )
        self._connection.autocommit = True
        return self._connection.cursor()

    def __exit__(self, *_) -> None:
        self._connection.close()


def compiled_tests(settings) -> dict[str, str]:
    """The four tests of the project as dbt itself has compiled them for the platform."""
    found = {
        path.stem: path.read_text(encoding="utf-8")
        for path in Path(settings.state_dir).glob("dbt/*/target/compiled/**/schema.yml/*.sql")
    }
    return {name: text for name, text in found.items() if "stg_product" in name}


def dbt_tests(bed, tests: dict[str, str]) -> bool:
    """Whether one of dbt's tests fails, or cannot run: the queries that `dbt test` sends."""
    with connected(bed.settings) as cursor:
        for text in tests.values():
            query = re.sub(r'"[^"]+"\.("[^"]+"\."[^"]+")', r"\1", text)  # in this database
            try:
                cursor.execute(f"select count(*) from ({query}) as failures")
            except psycopg2.Error:
                return True
            if cursor.fetchone()[0]:
                return True
    return False


def dbt_test(bed) -> subprocess.CompletedProcess:
    """A real `dbt test` of the project, as bictl itself would start it."""
    dbt = Dbt(bed.settings.dbt, bed.settings.postgres, state_dir=bed.settings.state_dir)
    dbt.directory.mkdir(parents=True, exist_ok=True)
    words = dbt._command(["stg_product"])
    words[words.index("build")] = "test"
    words[words.index("json")] = "text"
    return subprocess.run(
        words,
        env=dbt._environment(),
        cwd=dbt.directory,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def counts(bed) -> bool:
    """Whether the counts differ: the topic's end offsets, bronze, the source, staging, vectors."""
    try:
        records = sum(ends(bed).values())
    except BictlError:
        return True
    pairs = [
        (records, "select count(*) from bronze.product_cdc"),
        (None, "select count(*) from staging_staging.stg_product"),
        (None, "select count(*) from analytics_features.product_embeddings"),
    ]
    with connected(bed.settings) as cursor:
        try:
            cursor.execute("select count(*) from public.source_product")
            rows = cursor.fetchone()[0]
            for wanted, query in pairs:
                cursor.execute(query)
                # the refused record is in quarantine, by a person's word
                refused = sum(one.value == REFUSED for one in bed.facts.records.values())
                if cursor.fetchone()[0] != (rows if wanted is None else wanted - refused):
                    return True
        except psycopg2.Error:
            return True
    return False


def ends(bed) -> dict[int, int]:
    """The topic's end offsets, as a lag monitor reads them."""
    return {
        partition: found.high
        for partition, found in bed.clients.reader.offsets(
            bed.table.topic, range(bed.facts.partitions)
        ).items()
    }


TABLES = (
    ("public.source_product", "staging_staging.stg_product", tuple(SOURCE)[1:]),
    (
        "public.newest_of_bronze",
        "staging_staging.stg_product",
        ("name", "vendor_code", "description", "is_active", "category_id"),
    ),
    ("staging_staging.stg_product", "analytics_features.product_embeddings", ()),
)


def reladiff(bed, tables=TABLES) -> bool:
    """Whether a diff of two tables, by key and value, finds a difference, or cannot be made."""
    import reladiff as tool

    logging.getLogger("sqeleton").setLevel(logging.CRITICAL)
    postgres = bed.settings.postgres
    where = {
        "driver": "postgresql",
        "host": postgres.host,
        "port": postgres.port,
        "dbname": postgres.dbname,
        "user": postgres.user,
        "password": postgres.password.reveal(),
    }
    for left, right, columns in tables:
        made = []
        try:
            for name in (left, right):
                made.append(tool.connect_to_table(where, tuple(name.split(".")), "product_id"))
            if any(tool.diff_tables(*made, extra_columns=columns)):
                return True
        except Exception:
            return True
        finally:
            psycopg2.extensions.set_wait_callback(None)  # which the tool sets for everybody
            for table in made:
                with suppress(Exception):
                    table.database.close()
    return False


def seeing(bed, tests: dict[str, str], tables=TABLES) -> list[str]:
    """Which of them see that something is wrong."""
    found = {"dbt": dbt_tests(bed, tests), "counts": counts(bed)}
    found["reladiff"] = reladiff(bed, tables)
    return [name for name, sees in found.items() if sees]
