"""What search is measured against: typer, SentenceTransformer, pgvector, a join, a table."""

import os

import psycopg2
import typer
from pgvector.psycopg2 import register_vector
from rich.console import Console
from rich.table import Table
from sentence_transformers import SentenceTransformer

app = typer.Typer()


@app.command()
def search(query: str, limit: int = 10) -> None:
    """The ten nearest products."""
    model = SentenceTransformer(os.environ["MODEL_FOLDER"], device="cpu")
    connection = psycopg2.connect(os.environ["DATABASE"], password=os.environ["PGPASSWORD"])
    register_vector(connection)
    with connection.cursor() as cursor:
        cursor.execute(
            "with near as (select product_id, embedding <=> %s as distance "
            "from analytics_features.product_embeddings order by distance limit %s) "
            "select p.product_id, p.name, p.vendor_code, p.price, 1 - distance from near "
            "join staging_staging.stg_product p using (product_id) order by distance",
            (model.encode(query), limit),
        )
        table = Table("id", "name", "vendor code", "price", "similarity")
        for row in cursor:
            table.add_row(*(str(value) for value in row))
    Console().print(table)


if __name__ == "__main__":
    app()
