"""Objects → Postgres: one transaction an object, and bictl's own tables."""

from bictl.bronze.migrate import Migration, check_version, migrate

__all__ = ["Migration", "check_version", "migrate"]
