"""A cold search: the whole process `bictl search` against typer with SentenceTransformer.

    python bench/search.py [--rows 61443] [--rounds 5]

Whole processes in turn, the files they read in the page cache. The first 2,000 vectors are those of
their texts, the others are these with noise: what takes the time does not depend on them.
"""

import argparse
import io
import sys
from functools import partial
from pathlib import Path

from catalogue import products
from common import machine, pairs, run, services, versions
from made_vectors import Noisy

from bictl.clients import Clients, model_files
from bictl.embeddings import embed
from bictl.settings import Settings

QUERIES = ["quiet pump for hot water", "corrosion resistant valve for gas", "cut metal sheets"]
SCHEMA = """
create schema staging_staging;
create table staging_staging.stg_product (
    product_id integer primary key, name text, vendor_code text, description text,
    price numeric(19,4), is_active boolean, category_id integer
)
"""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, default=61_443)
    arguments.add_argument("--rounds", type=int, default=5)
    chosen = arguments.parse_args()
    with services() as (settings, environment):
        _fill(settings, chosen.rows)
        ours, naive = _commands(settings, environment)
        ours("warm"), naive("warm")
        for query in QUERIES:
            found = pairs(partial(ours, query), partial(naive, query), rounds=chosen.rounds)
            print(found.line(repr(query), baseline="typer + SentenceTransformer"))
        print(f"{chosen.rows} rows")
    print(machine())
    print(versions("numpy", "psycopg2-binary", "typer", "sentence-transformers", "torch"))


def _fill(settings: Settings, count: int) -> None:
    body = "".join(
        "\t".join("\\N" if value is None else str(value) for value in product) + "\n"
        for product in products(count)
    )
    with Clients(settings) as clients:
        clients.database.script(SCHEMA)
        copy = "copy staging_staging.stg_product from stdin"
        clients.database.copy_in(copy, io.BytesIO(body.encode()))
        encoder = Noisy(clients)
        embed(
            clients.database,
            lambda: encoder,
            table=settings.table("product"),
            staging_schema=settings.dbt.view_schema,
        )


def _commands(settings: Settings, environment: dict[str, str]) -> tuple:
    postgres = settings.postgres
    naive_environment = {
        "MODEL_FOLDER": str(model_files.folder()),
        "HF_HUB_OFFLINE": "1",
        "DATABASE": f"host={postgres.host} port={postgres.port} dbname={postgres.dbname} "
        f"user={postgres.user}",
        "PGPASSWORD": postgres.password.reveal() or "",
    }
    script = str(Path(__file__).with_name("naive_search.py"))

    def ours(query: str) -> int:
        return run(sys.executable, "-m", "bictl", "search", query, "-o", "table", env=environment)[
            1
        ]

    def naive(query: str) -> int:
        return run(sys.executable, script, query, env=naive_environment)[1]

    return ours, naive


if __name__ == "__main__":
    main()
