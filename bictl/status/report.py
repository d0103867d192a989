"""What a look at the tables found, as plain values; what a service did not tell is None.

None of this is a verdict: it compares nothing. The last verdict is quoted with its age.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bictl.ops.ledger import Last

NO_LAG, IN_FLIGHT, LATE, DISCARDED, RECREATED, UNKNOWN = (
    "no lag",
    "in flight",
    "late",
    "discarded",
    "recreated",
    "unknown",
)


@dataclass(frozen=True, kw_only=True)
class Partition:
    """One partition: `lag` counts offsets that are not read yet, at least as many as records.

    `oldest` is when the first record that is not read was written. `state` is no lag, in flight
    (younger than verify.max_lag), late, discarded (Kafka does not have what comes next), recreated
    (the topic is another one than was read) or unknown.
    """

    partition: int
    frontier: int | None
    end: int | None
    lag: int | None
    oldest: datetime | None
    state: str

    def lag_seconds(self, now: datetime) -> int | None:
        """How long the oldest record has waited; 0 where none does, None where it is unknown."""
        if self.oldest is None:
            return 0 if self.lag == 0 else None
        return max(0, int((now - self.oldest).total_seconds()))


@dataclass(frozen=True, kw_only=True)
class Layer:
    """How many rows a layer holds; `rows` is None where nobody knows.

    `how` is counted, at most, ledger, statistics, or the stage that counted them at `at`.
    """

    name: str
    rows: int | None
    how: str = "counted"
    at: datetime | None = None
    note: str = ""

    @property
    def exact(self) -> bool:
        """Whether they were counted just now."""
        return self.rows is not None and self.how == "counted"

    @property
    def words(self) -> str:
        """`~61,443`, `at most 20,000`, `61,443`."""
        if self.rows is None:
            return "unknown"
        before = {"at most": "at most ", "ledger": "~", "statistics": "~"}.get(self.how, "")
        return f"{before}{self.rows:,}"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What `bictl verify` said when it last looked."""

    level: str
    state: str
    at: datetime
    headline: str
    run_id: str
    partial: bool = False  # only some of the level's checks ran


@dataclass(frozen=True, kw_only=True)
class TableStatus:
    """One table; `unknown` says why a service's part is missing, by the service's name, and `hints`
    what to do about it."""

    table: str
    topic: str
    generation: str | None
    partitions: tuple[Partition, ...]
    layers: tuple[Layer, ...]
    stages: tuple[Last, ...]
    verdicts: tuple[Verdict, ...]  # the newest of all, then the newest full one
    unknown: dict[str, str] = field(default_factory=dict)
    hints: dict[str, str | None] = field(default_factory=dict)

    @property
    def lag(self) -> int | None:
        """Offsets that are not read yet, of all partitions."""
        found = [part.lag for part in self.partitions]
        return None if not found or None in found else sum(lag or 0 for lag in found)

    @property
    def oldest(self) -> datetime | None:
        """When the oldest record that is not read was written."""
        return min((part.oldest for part in self.partitions if part.oldest), default=None)

    @property
    def state(self) -> str:
        """The partition that matters most."""
        order = (RECREATED, DISCARDED, LATE, UNKNOWN, IN_FLIGHT, NO_LAG)
        found = {part.state for part in self.partitions}
        return next((state for state in order if state in found), UNKNOWN)

    @property
    def headline(self) -> str:
        """What matters first: how far ingest is, whose newest run did not succeed, what waits."""
        behind = f", {self.lag:,} behind" if self.lag else ""
        said = [f"{self.state}{behind}"]
        said += [f"{item.stage}: {item.newest_state}" for item in newest_failures(self.stages)]
        said += [
            f"{layer.rows:,} in quarantine"
            for layer in self.layers
            if layer.name == "quarantine" and layer.rows
        ]
        said += [f"{service} did not tell" for service in self.unknown]
        return "; ".join(said)


@dataclass(frozen=True, kw_only=True)
class Report:
    """All tables at one moment; `seconds` is what looking took."""

    tables: tuple[TableStatus, ...]
    at: datetime
    seconds: float
    answered: bool  # whether any service said anything

    @property
    def exit_code(self) -> int:
        """4 when nothing answered, 3 when something is unknown, else 0: lag is no error."""
        if not self.answered:
            return 4
        return 3 if any(table.unknown for table in self.tables) else 0


def newest_failures(stages: Sequence[Last]) -> list[Last]:
    """Stages whose newest run did not succeed."""
    return [item for item in stages if item.newest_state in ("fail", "killed", "unknown")]


def as_document(table: TableStatus, now: datetime) -> dict[str, Any]:
    """One table for JSON; its fields are only ever added to."""
    return {
        "table": table.table,
        "topic": table.topic,
        "headline": table.headline,
        "generation": table.generation,
        "state": table.state,
        "lag": table.lag,
        "oldest_unread": table.oldest,
        "partitions": [
            {**vars(part), "lag_seconds": part.lag_seconds(now)} for part in table.partitions
        ],
        "layers": [{**vars(item), "exact": item.exact} for item in table.layers],
        "stages": [vars(item) for item in table.stages],
        "verdicts": [vars(item) for item in table.verdicts],
        "unknown": table.unknown,
    }
