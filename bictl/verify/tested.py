"""Whether staging was built and tested since bronze last changed: dbt's last run, of two witnesses.

What staging shows T2 to T6 judge by itself. This says whether the model's own tests passed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bictl import assets
from bictl.clients.relations import columns
from bictl.verify.report import Finding, State, of_keys, passed
from bictl.verify.staging import Keys

if TYPE_CHECKING:
    from bictl.clients.database import Database
    from bictl.clients.dbt_report import Results
    from bictl.settings import Table


@dataclass(frozen=True, kw_only=True)
class LastRun:
    """The newest run of transform in the ledger of runs, and the newest that passed; when bronze
    last got rows; what dbt itself wrote down on this machine."""

    state: str = ""  # of the newest; empty where none stands in the ledger
    error: str = ""
    newest_at: datetime | None = None
    passed_at: datetime | None = None  # when it began: what came after that it may not have seen
    loaded_at: datetime | None = None
    results: "Results | None" = None

    @property
    def failed_nodes(self) -> tuple[str, ...]:
        """What failed by dbt's own words, unless a run that is newer passed."""
        if self.results is None:
            return ()
        is_older = self.passed_at is not None and self.results.at < self.passed_at
        return () if is_older else self.results.failed


def read_tested(
    database: "Database", table: "Table", results: "Callable[[], Results | None]"
) -> LastRun:
    """Both witnesses."""
    loaded_at, found = None, list[dict[str, Any]]()
    if columns(database, "bictl.object_ledger"):
        loaded_at = database.value(assets.sql("verify/newest_load"), {"topic": table.topic})
    if columns(database, "bictl.run"):
        parameters = {"stages": ["transform"], "tables": [table.name], "always": []}
        found = database.dicts(assets.sql("runs/last"), parameters)
    last = found[0] if found else {}
    return LastRun(
        state=str(last.get("newest_state") or ""),
        error=str(last.get("newest_error") or ""),
        newest_at=last.get("newest_at"),
        passed_at=last.get("started_at"),
        loaded_at=loaded_at,
        results=results(),
    )


def last_run(found: LastRun, keys: Keys, *, now: datetime, max_lag: int, table: "Table") -> Finding:
    """T1: dbt's last run passed, and nothing that was loaded waits for one longer than `max_lag`
    seconds."""
    hint = f"bictl transform --table {table.name}"
    evaluated = max(1, keys.folded)
    if found.state == "fail" or found.failed_nodes:
        said = found.error or f"failed or skipped: {of_keys(found.failed_nodes)}"
        return Finding(
            state=State.FAIL,
            evaluated=evaluated,
            extra=of_keys(found.failed_nodes),
            message=f"dbt's last run{_at(found)} failed: {said}",
            hint=hint,
        )
    if found.state == "killed":
        message = f"dbt's last run{_at(found)} was killed"
        return Finding(state=State.WARN, evaluated=evaluated, message=message, hint=hint)
    if not found.state:
        return passed(evaluated, "" if found.results else "no run of dbt is recorded")
    if _waits(found, now, max_lag):
        return Finding(
            state=State.WARN,
            evaluated=evaluated,
            expected="tests after each load",
            actual=f"tests at {found.passed_at:%Y-%m-%d %H:%M} UTC" if found.passed_at else "none",
            message=f"no test of staging since rows came at {found.loaded_at:%Y-%m-%d %H:%M} UTC",
            hint=hint,
        )
    return passed(evaluated)


def _waits(found: LastRun, now: datetime, max_lag: int) -> bool:
    """Whether rows came after the newest run that passed, and long ago."""
    if found.loaded_at is None or found.passed_at is None or found.loaded_at <= found.passed_at:
        return False
    return (now - found.loaded_at).total_seconds() > max_lag


def _at(found: LastRun) -> str:
    return f" at {found.newest_at:%Y-%m-%d %H:%M} UTC" if found.newest_at else ""
