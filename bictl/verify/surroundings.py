"""What stands around a run of verify beside its three systems, and what was promised of it."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """`group` is Kafka's group that ingest commits to, `state_dir` this machine's own.

    Seconds, as in [verify]: `settle`, `max_lock`, `max_latency`, `run_every`.
    """

    group: str = ""
    state_dir: Path | None = None
    settle: int = 30
    max_lock: int = 21_600
    max_latency: int = 0
    run_every: int = 0


NOTHING_AROUND = Surroundings()
