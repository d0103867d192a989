"""Reading the ledger of runs: what ran, how it ended, what was killed. Needs no right to write."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bictl import assets
from bictl.errors import NotFound, UsageError
from bictl.records import short_id

if TYPE_CHECKING:
    from bictl.clients.database import Database

STAGES = ("ingest", "load-bronze", "transform", "embed", "verify")  # in the order of the flow
STATES = ("ok", "warn", "fail", "unknown", "killed", "running")
_LOOKS = 3
_HEX = re.compile(r"[0-9a-f]{1,32}")
_EVERYTHING: Mapping[str, Any] = dict.fromkeys(
    ("stage", "table", "state", "since", "low", "high"), None
)


@dataclass(frozen=True, kw_only=True)
class Run:
    """One stage of one run; `state` is as it is now, also where nobody has noted a killed run."""

    run_id: str
    stage: str
    tables: tuple[str, ...]
    words: tuple[str, ...]
    arguments: Mapping[str, Any]
    version: str
    host: str
    pid: int
    started_at: datetime
    finished_at: datetime | None
    state: str
    exit_code: int | None
    error: str | None
    result: Mapping[str, Any]

    @property
    def seconds(self) -> float | None:
        """How long it took, or takes so far; None for a killed run: nobody saw its end."""
        if self.state == "killed" and self.exit_code is None:
            return None
        return ((self.finished_at or datetime.now(UTC)) - self.started_at).total_seconds()

    @property
    def summary(self) -> str:
        """What happened, in one sentence."""
        return summary_of(self.state, self.error, self.result)


@dataclass(frozen=True, kw_only=True)
class Last:
    """One stage of one table: its last success, and what the newest run came to.

    `failed_since` counts the runs since that success that came to an end without one.
    """

    stage: str
    table: str
    run_id: str | None
    at: datetime | None
    seconds: float | None
    summary: str
    failed_since: int
    newest_run: str | None
    newest_at: datetime | None
    newest_state: str
    newest_summary: str


def summary_of(state: str, error: str | None, result: Mapping[str, Any] | None) -> str:
    """What happened, in one sentence."""
    if state == "running":
        return "at work"
    said = error or str((result or {}).get("summary") or (result or {}).get("headline") or "")
    return said or ("its process is gone" if state == "killed" else "")


def exists(database: "Database") -> bool:
    """Whether this database has a ledger of runs that this user may read."""
    query = "select to_regclass('bictl.run') is not null"
    return bool(database.value(query))


def runs(
    database: "Database",
    *,
    stage: str | None = None,
    table: str | None = None,
    state: str | None = None,
    since: datetime | None = None,
    limit: int = 20,
) -> list[Run]:
    """The newest rows that fit, the newest first; none where there is no ledger yet."""
    wanted = {**_EVERYTHING, "stage": stage, "table": table, "state": state, "since": since}
    return _read(database, {**wanted, "limit": limit})


def find(database: "Database", prefix: str) -> list[Run]:
    """The stages of one run in their order, by the beginning of its id.

    Raises NotFound when there is none, UsageError when there are several such runs.
    """
    digits = prefix.lower().replace("-", "")
    found: list[Run] = []
    if _HEX.fullmatch(digits):
        ends = {"low": digits.ljust(32, "0"), "high": digits.ljust(32, "f")}
        found = _read(database, {**_EVERYTHING, **ends, "limit": 1000})[::-1]
    if not found:
        newest = dict.fromkeys(short_id(run.run_id) for run in runs(database))
        raise NotFound("run", prefix, existing=newest, where="in the ledger")
    ids = sorted({run.run_id for run in found})
    if len(ids) > 1:
        raise UsageError(
            f"{len(ids)} runs begin with {prefix!r}", hint=f"give more of it: {', '.join(ids[:5])}"
        )
    return found


def last(
    database: "Database",
    *,
    stages: Sequence[str],
    tables: Sequence[str],
    always: Sequence[str] = (),
) -> list[Last]:
    """The last success of each stage and table; stages that never ran are left out, but for
    those that are `always` told."""
    if not exists(database):
        return [_never(stage, table) for table in tables for stage in stages if stage in always]
    given = {"stages": list(stages), "tables": list(tables), "always": list(always)}
    rows = database.dicts(assets.sql("runs/last"), given)
    going = {row["newest_id"] for row in rows if row["newest_state"] == "running"}
    dead = _unheld(database, _unheld(database, going))
    return [_last(row, killed=row["newest_id"] in dead) for row in rows]


def _read(database: "Database", wanted: Mapping[str, Any]) -> list[Run]:
    """A row may be closed, and its lock freed, between the look at it and the look at the locks:
    who seems killed is looked at once more."""
    if not exists(database):
        return []
    for _ in range(_LOOKS):
        rows = database.dicts(assets.sql("runs/list"), wanted)
        suspects = {row["id"] for row in rows if row["state"] == "killed" != row["status"]}
        if suspects == _unheld(database, suspects):
            break
    return [_run(row) for row in rows]


def _unheld(database: "Database", ids: Iterable[int]) -> set[int]:
    """Which of these rows are open while nobody holds their lock."""
    wanted = list(ids)
    return (
        {row[0] for row in database.rows(assets.sql("runs/unheld"), [wanted])} if wanted else set()
    )


def _run(row: Mapping[str, Any]) -> Run:
    names = ("run_id", "stage", "version", "host", "pid", "started_at", "state", "exit_code")
    return Run(
        **{name: row[name] for name in names},
        tables=tuple(name for name in row["tables"] if name),
        words=tuple(row["arguments"].get("words") or ()),
        arguments={key: value for key, value in row["arguments"].items() if key != "words"},
        finished_at=row["finished_at"],
        error=row["error"],
        result=row["result"] or {},
    )


def _never(stage: str, table: str) -> Last:
    """Of a stage that never ran."""
    return Last(
        stage=stage,
        table=table,
        run_id=None,
        at=None,
        seconds=None,
        summary="",
        failed_since=0,
        newest_run=None,
        newest_at=None,
        newest_state="never",
        newest_summary="",
    )


def _last(row: Mapping[str, Any], *, killed: bool) -> Last:
    state = "killed" if killed else row["newest_state"] or "never"
    took = row["finished_at"] - row["started_at"] if row["finished_at"] else None
    return Last(
        stage=row["stage"],
        table=row["table"],
        run_id=row["run_id"],
        at=row["started_at"],
        seconds=took.total_seconds() if took else None,
        summary=summary_of("ok", None, row["result"]),
        failed_since=row["failed_since"],
        newest_run=row["newest_run"],
        newest_at=row["newest_at"],
        newest_state=state,
        newest_summary=summary_of(state, row["newest_error"], row["newest_result"]),
    )
