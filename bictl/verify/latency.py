"""How long the last day's records took, hop by hop, as the layers themselves tell it.

A record's own times are its commit at the source, its timestamp in Kafka, its object's in the
store, its row's in bronze and its key's vector's. What staging shows is a view: it has no time.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from bictl.clients.key_parts import identity
from bictl.clients.relations import columns
from bictl.verify.report import Finding, Hop, State, passed
from bictl.verify.shown_keys import ShownKeys

if TYPE_CHECKING:
    from bictl.clients.database import Database
    from bictl.settings import Table

DAY = timedelta(days=1)
WHOLE = "source → bronze"  # the hop that is the way itself, as far as every record goes
_TO_VECTORS = "bronze → vectors"
_NO_VECTORS = "select null::text as key, null::timestamptz as embedded_at where false"


@dataclass(frozen=True, kw_only=True)
class Latency:
    """The hops of the records that came to Kafka since `since`, in flow order."""

    since: datetime
    hops: tuple[Hop, ...]

    def hop(self, name: str) -> Hop | None:
        """The hop of that name; None where no record took it."""
        return next((one for one in self.hops if one.name == name), None)


def read_latency(database: "Database", table: "Table", staging: str, *, now: datetime) -> Latency:
    """The last day's hops; those to vectors where there are any."""
    since, shown = now - DAY, ShownKeys(database, table, staging)
    vectors = database.quoted(_NO_VECTORS)
    if table.embed and "embedded_at" in columns(database, table.embeddings):
        vectors = database.quoted(
            'select ({id}) collate "C" as key, embedded_at from {vectors}'
            " where embedded_at >= %(since)s",
            id=identity("{name}::text", table.id),
            vectors=table.embeddings,
        )
    query = database.named("verify/latency", bronze=table.bronze, vectors=vectors, **shown.of_event)
    parameters = {"topic": table.topic, "since": since, **shown.parameters}
    return Latency(
        since=since,
        hops=tuple(
            Hop(name=name, records=count, p50=float(p50), p95=float(p95), longest=float(longest))
            for name, count, p50, p95, longest in database.rows(query, parameters)
        ),
    )


def judge(latency: Latency, *, max_latency: int, table: "Table") -> Finding:
    """M7: of 100 records of the last day 95 were in bronze within `max_latency` seconds after their
    commit at the source, and their vectors as long after that at most; 0 judges nothing."""
    whole = latency.hop(WHOLE)
    if whole is None:
        return passed(1, "no record came in the last day")
    late = [
        one
        for name in (WHOLE, _TO_VECTORS)
        if max_latency and (one := latency.hop(name)) is not None and one.p95 > max_latency
    ]
    said = "; ".join(one.words for one in latency.hops)
    if not late:
        return passed(whole.records, said)
    return Finding(
        state=State.FAIL,
        evaluated=whole.records,
        expected=f"95 of 100 within {max_latency} s",
        actual=f"{late[0].name} {late[0].p95:.1f} s",
        message=f"records are late: {said}",
        hint=f"bictl run --table {table.name}, and more often",
    )
