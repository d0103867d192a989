"""Taking over a platform that other scripts built: its objects, its bronze table, its records."""

from bictl.takeover.decide import Choice, Decision
from bictl.takeover.pending import Pending, check_choice, look_at_objects, look_at_rows, settle
from bictl.takeover.result import TakeoverResult
from bictl.takeover.stage import take_over

__all__ = [
    "Choice",
    "Decision",
    "Pending",
    "TakeoverResult",
    "check_choice",
    "look_at_objects",
    "look_at_rows",
    "settle",
    "take_over",
]
