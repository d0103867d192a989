"""Objects → Postgres: one transaction an object, and bictl's own tables."""

from bictl.bronze.account import LoadResult
from bictl.bronze.load import load, unloaded
from bictl.bronze.migrate import Migration, check_version, migrate
from bictl.bronze.prune import PruneResult, Verified, Wish, prune
from bictl.bronze.retry import Retried, retry

__all__ = [
    "LoadResult",
    "Migration",
    "PruneResult",
    "Retried",
    "Verified",
    "Wish",
    "check_version",
    "load",
    "migrate",
    "prune",
    "retry",
    "unloaded",
]
