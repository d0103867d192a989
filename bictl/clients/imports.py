"""Imports before threads: two of them deadlock where one imports a package while the other imports
a module of it, and importlib then raises (https://github.com/python/cpython/issues/83065)."""


def import_vendors(*, dbt: bool) -> None:
    """Imports what the clients import when they first need it, a tenth of a second each.

    Whoever goes on in several threads calls it before. `dbt` is for those that look at its project.
    """
    import boto3  # noqa: F401
    import botocore.config  # noqa: F401
    import kafka  # noqa: F401
    import psycopg2.sql  # noqa: F401

    import bictl.clients.database
    import bictl.clients.objects
    import bictl.clients.topics

    if dbt:
        import bictl.clients.dbt
        import bictl.clients.dbt_report  # noqa: F401
