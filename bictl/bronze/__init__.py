"""Objects → Postgres: one transaction an object, and bictl's own tables."""

from bictl.bronze.account import LoadResult
from bictl.bronze.load import load, unloaded
from bictl.bronze.migrate import Migration, check_version, migrate, pending
from bictl.bronze.old_table import OldGeneration
from bictl.bronze.prune import PruneResult, Verified, Wish, prune
from bictl.bronze.retry import Retried, retry
from bictl.bronze.undouble import undouble

__all__ = [
    "LoadResult",
    "Migration",
    "OldGeneration",
    "PruneResult",
    "Retried",
    "Verified",
    "Wish",
    "check_version",
    "load",
    "migrate",
    "pending",
    "prune",
    "retry",
    "undouble",
    "unloaded",
]
