"""Objects → Postgres: one transaction an object, and bictl's own tables."""

from bictl.bronze.account import LoadResult
from bictl.bronze.load import load, unloaded
from bictl.bronze.migrate import Migration, check_version, migrate
from bictl.bronze.prune import PruneResult, Verified, Wish, prune

__all__ = [
    "LoadResult",
    "Migration",
    "PruneResult",
    "Verified",
    "Wish",
    "check_version",
    "load",
    "migrate",
    "prune",
    "unloaded",
]
