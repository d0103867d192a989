"""Across every boundary: one verdict from the broker to the vector index, by sets and ranges.

The cut is fixed first, then everything downstream is read; both sides of each boundary come from
the systems themselves. `report` holds the values, `present` their forms.
"""

from bictl.verify.report import Report, State
from bictl.verify.run import verify

__all__ = ["Report", "State", "verify"]
