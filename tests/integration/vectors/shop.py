"""A staging view with its nineteen columns over a plain table, and what the tests do with it."""

from dataclasses import dataclass, replace
from typing import Any

from bictl.clients import Clients
from bictl.embeddings import Difference, EmbedResult, difference, embed
from bictl.search import SearchResult, search
from bictl.settings import Table

CREATE = """
create schema staging_staging;
create table staging_staging.product_row (
    product_id integer primary key, name text, vendor_code text, description text,
    price numeric(19,4), is_active boolean, category_id integer, created_at timestamp
);
create view staging_staging.stg_product as
select
    product_id, name, vendor_code, description,
    null::numeric(18,4) as weight, null::numeric(18,4) as length, null::numeric(18,4) as width,
    null::numeric(18,4) as height, null::numeric(18,6) as volume, price, is_active, category_id,
    null::integer as manufacturer_id, created_at, created_at as updated_at,
    'r'::text as cdc_operation, created_at::timestamptz as source_timestamp,
    true as is_snapshot, created_at::timestamptz as ingested_at
from staging_staging.product_row
"""


@dataclass(frozen=True)
class Shop:
    """A database with products, and an encoder that stays open."""

    clients: Clients
    table: Table
    encoder: Any
    staging_schema: str

    @property
    def database(self):
        return self.clients.database

    def put(self, number: int, name: str | None, **columns: Any) -> None:
        """Inserts a product or changes the named columns of one."""
        columns = {"name": name, **columns}
        names = ", ".join(columns)
        places = ", ".join(f"%({key})s" for key in columns)
        updates = ", ".join(f"{key} = excluded.{key}" for key in columns)
        self.database.execute(
            f"insert into staging_staging.product_row (product_id, {names}) "
            f"values (%(number)s, {places}) on conflict (product_id) do update set {updates}",
            {"number": number, **columns},
        )

    def fill(self, count: int) -> None:
        """`count` products with texts of their own, numbered from 1."""
        self.database.execute(
            """insert into staging_staging.product_row
            select n, 'Product ' || n, 'P-' || n, repeat('steel part ' || n || ' ', 1 + n %% 3),
                n, n %% 10 <> 0, n %% 7, timestamp '2026-01-01' + n * interval '1 hour'
            from generate_series(1, %s) n""",
            [count],
        )

    def run(self, sql: str, *parameters: Any) -> int:
        return self.database.execute(sql, parameters)

    def embed(self, *, into: str | None = None, encoder: Any = None, **options: Any) -> EmbedResult:
        return embed(
            self.database,
            lambda: encoder or self.encoder,
            table=replace(self.table, embeddings=into or self.table.embeddings),
            staging_schema=self.staging_schema,
            **options,
        )

    def difference(self) -> Difference:
        return difference(
            self.database,
            table=self.table,
            staging_schema=self.staging_schema,
            model=self.encoder.model,
        )

    def search(self, query: str, **options: Any) -> SearchResult:
        return search(
            self.database,
            self.clients.query_encoder,
            table=self.table,
            staging_schema=self.staging_schema,
            query=query,
            **options,
        )

    def ids(self, query: str, **options: Any) -> list[int]:
        """The keys of the hits, best first."""
        return [hit.id for hit in self.search(query, **options).hits]

    def stored(self, table: str | None = None) -> dict[int, tuple[bytes, list[float]]]:
        """key → content hash and vector."""
        table = table or self.table.embeddings
        rows = self.database.rows(f"select product_id, content_hash, embedding::text from {table}")
        return {
            key: (bytes(digest), [float(one) for one in text[1:-1].split(",")])
            for key, digest, text in rows
        }
