"""How far each table is, what stands in each layer, what ran last: a look, and no verdict."""

from bictl.status.gather import gather
from bictl.status.report import Layer, Partition, Report, TableStatus, Verdict

__all__ = ["Layer", "Partition", "Report", "TableStatus", "Verdict", "gather"]
