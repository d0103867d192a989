"""The stages in order, each under its lock and in the ledger of runs: what `bictl run` does.

A stage's own command goes through the same function, so a stage has one way of being run.
"""

from bictl.pipeline.flow import Step, run, worst
from bictl.pipeline.forward import Forward, bring_forward, migrate, plan_forward
from bictl.pipeline.repair import repair
from bictl.pipeline.stages import (
    embed,
    ingest,
    load_bronze,
    prune,
    retry_quarantine,
    transform,
    verify,
    verify_each,
)
from bictl.pipeline.work import Work, worst_code

__all__ = [
    "Forward",
    "Step",
    "Work",
    "bring_forward",
    "embed",
    "ingest",
    "load_bronze",
    "migrate",
    "plan_forward",
    "prune",
    "repair",
    "retry_quarantine",
    "run",
    "transform",
    "verify",
    "verify_each",
    "worst",
    "worst_code",
]
