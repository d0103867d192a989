"""What stands around a run of verify beside its three systems, and what was promised of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bictl.cdc.source import Source
    from bictl.clients.certificates import Endpoint


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """`source` opens the table's source, None where none is configured; `expected_rows` is what an
    operator counted there. `group` is Kafka's group that ingest commits to, `state_dir` this
    machine's own; `endpoints` are the servers that show a certificate, `certificates` our own files
    of them. `is_local` says that Postgres runs on this machine.

    Seconds, as in [verify]: `settle`, `max_lock`, `max_latency`, `run_every`.
    """

    source: "Callable[[], Source] | None" = None
    expected_rows: int | None = None
    group: str = ""
    state_dir: Path | None = None
    endpoints: "Sequence[Endpoint]" = ()
    certificates: Sequence[Path] = ()
    is_local: bool = False
    settle: int = 30
    max_lock: int = 21_600
    max_latency: int = 0
    run_every: int = 0


NOTHING_AROUND = Surroundings()
