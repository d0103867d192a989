"""Databases of the tests' own, made and dropped by the stack's own user."""

from contextlib import closing

import psycopg2

from bictl.settings import Settings


def administer(shared: Settings, statement: str) -> None:
    """Runs a statement outside of a transaction, in the database that everybody has."""
    connection = psycopg2.connect(
        host=shared.postgres.host,
        port=shared.postgres.port,
        dbname="postgres",
        user=shared.postgres.user,
        password=shared.postgres.password.reveal(),
    )
    connection.autocommit = True
    with closing(connection), connection.cursor() as cursor:
        cursor.execute(statement)


def drop_database(shared: Settings, name: str) -> None:
    """Drops it, where it is there, under its connections. FORCE would also need the right to end an
    autovacuum worker, which a plain DROP DATABASE ends by itself."""
    administer(
        shared,
        "select pg_terminate_backend(pid) from pg_stat_activity"
        f" where datname = '{name}' and usename = current_user",
    )
    administer(shared, f"drop database if exists {name}")
