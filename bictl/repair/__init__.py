"""What of a verdict's failures can be repaired without hiding a loss, and what needs a person.

Nothing here changes anything: `bictl.pipeline.repair` does, through the stages themselves.
"""

from bictl.repair.plan import Phase, Plan, plan
from bictl.repair.step import Left, Repair, Repaired, Step

__all__ = ["Left", "Phase", "Plan", "Repair", "Repaired", "Step", "plan"]
