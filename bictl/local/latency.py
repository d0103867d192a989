"""How long a committed change takes to its record in the topic, as bronze has both times."""

from dataclasses import dataclass

from bictl.clients.database import Database
from bictl.settings import Table


@dataclass(frozen=True)
class Latency:
    """Seconds: the median of all changes, and what 99 of 100 stay below."""

    p50: float
    p99: float


def commit_to_topic(database: Database, table: Table, *, first: int) -> Latency | None:
    """Of the changes at or after offset `first`; None when there are none."""
    query = database.named("local/latency", bronze=table.bronze)
    found = database.value(query, {"topic": table.topic, "first": first})
    return None if found is None else Latency(*map(float, found))
