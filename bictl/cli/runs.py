"""bictl runs: what ran, when, and how it ended."""

import socket
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bictl.cli.app import Command, group_with_default
from bictl.cli.moments import moment
from bictl.cli.options import Table
from bictl.cli.session import Session, session
from bictl.cli.view import Column, View
from bictl.errors import BictlError, NotFound, Unreachable, UsageError
from bictl.inert import inert
from bictl.ops.ledger import STAGES
from bictl.records import short_id

if TYPE_CHECKING:
    from bictl.ops.ledger import Last, Run

app = group_with_default("What ran, when, how it ended, and what it said.")

MOST = 200  # characters of what happened, in a list on a terminal; `runs show` tells all
RUNS = (
    Column("id", "run"),
    Column("stage"),
    Column("tables"),
    Column("where", wide=True),
    Column("started_at", "started", kind="time"),
    Column("seconds", "took", kind="seconds"),
    Column("state", kind="state"),
    Column("exit_code", kind="count", wide=True),
    Column("summary", "what happened", cut=MOST),
    Column("run_id", wide=True),
    Column("finished_at", wide=True),
    Column("version", wide=True),
)
LAST = (
    Column("table"),
    Column("stage"),
    Column("at", "last success", kind="time"),
    Column("seconds", "took", kind="seconds", wide=True),
    Column("newest_at", "last run", kind="time"),
    Column("newest_state", "state", kind="state"),
    Column("failed_since", "failed", kind="count"),
    Column("newest_summary", "what happened", cut=MOST),
    Column("run_id", wide=True),
    Column("newest_run", wide=True),
)
_OTHERS = ("quarantine-retry", "prune", "migrate")


@app.callback()
def runs(context: typer.Context) -> None:
    """What ran, when, how it ended, and what it said: `bictl runs` alone lists the newest runs."""
    if context.invoked_subcommand is None:
        _list(context, limit=20)


@app.command(name="list", cls=Command)
def list_(
    context: typer.Context,
    stage: Annotated[
        str | None, typer.Option(metavar="STAGE", help="ingest, load-bronze, … verify.")
    ] = None,
    table: Table = None,
    state: Annotated[
        str | None, typer.Option(metavar="STATE", help="ok, warn, fail, unknown, killed, running.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="AGE|TIME", help="2h, 30min, 7d; or 2026-07-01T12:00Z.")
    ] = None,
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="At most so many.")] = 20,
) -> None:
    """List the newest runs, a line a stage, from the ledger in Postgres.

    A run that was killed is shown as killed as soon as its process is gone: nobody has to note it.
    Reading needs no right to write.

    Examples:

      bictl runs list
      bictl runs list --state fail --since 7d
      bictl runs list --stage ingest --table product --limit 5 -o json
    """
    _list(context, stage=stage, table=table, state=state, since=since, limit=limit)


@app.command(cls=Command)
def show(
    context: typer.Context,
    run: Annotated[str, typer.Argument(metavar="ID", help="A run's id, or how it begins.")],
) -> None:
    """Show one run: each of its stages, its arguments, its errors and results, and its log.

    The log is a file of the host that the run was on: elsewhere this says where it is; on that
    host it is shown also when Postgres does not answer. Secrets are in none of it.

    Examples:

      bictl runs show 5f2c81d0
      bictl runs show 5f2c81d0 -o json | jq '.rows[].error'
    """
    from bictl.ops.ledger import find

    with session(context) as here:
        try:
            found = find(here.clients.database, run)
        except (NotFound, Unreachable) as error:
            _show_log_alone(here, run, error)
            return
        log = _log_of(here, found)
        here.screen.show(_one(here, found, log))
        if here.screen.format in ("table", "tsv"):
            _tell(here, found, log)


@app.command(cls=Command)
def last(context: typer.Context, table: Table = None) -> None:
    """Show each stage's last success, table by table, and what its newest run came to.

    Examples:

      bictl runs last
      bictl runs last --table product --json
    """
    from bictl.ops import ledger

    with session(context) as here:
        tables = here.tables(table)
        found = ledger.last(
            here.clients.database,
            stages=[*STAGES, *_OTHERS],
            tables=[item.name for item in tables],
            always=STAGES,
        )
        plain = {item.name for item in tables if not item.embed}
        rows = [
            _last(item) for item in found if not (item.stage == "embed" and item.table in plain)
        ]
        here.screen.show(View(schema="bictl.runs/1", columns=_used(here, LAST, rows), rows=rows))
        if not found:
            _nothing(here)


def _list(
    context: typer.Context,
    *,
    stage: str | None = None,
    table: str | None = None,
    state: str | None = None,
    since: str | None = None,
    limit: int,
) -> None:
    from bictl.ops import ledger

    if state is not None and state not in ledger.STATES:
        raise UsageError(f"--state takes {', '.join(ledger.STATES)}, not {state!r}")
    after = None if since is None else moment(since, option="--since")
    with session(context) as here:
        found = ledger.runs(
            here.clients.database, stage=stage, table=table, state=state, since=after, limit=limit
        )
        rows = [_row(run) for run in found]
        here.screen.show(View(schema="bictl.runs/1", columns=_used(here, RUNS, rows), rows=rows))
        if not rows:
            _nothing(here)


def _used(
    here: Session, columns: Sequence[Column], rows: Sequence[dict[str, Any]]
) -> Sequence[Column]:
    """On a terminal without what says nothing: the table where there is one alone, no failures
    (they have no room in 80 columns either), and where all ran on this host."""
    if here.screen.format != "table":
        return columns
    away = any(
        not row["where"].startswith(f"{socket.gethostname()}:") for row in rows if "where" in row
    )
    kept = [
        replace(item, wide=item.wide and not (away and item.key == "where")) for item in columns
    ]
    idle = set() if len(here.settings.tables) > 1 else {"table", "tables"}
    if here.screen.width < 90 or not any(row.get("failed_since") for row in rows):
        idle.add("failed_since")
    return [item for item in kept if item.key not in idle]


def _nothing(here: Session) -> None:
    from bictl.ops.ledger import exists

    there = exists(here.clients.database)
    here.screen.say(
        "no run in the ledger fits"
        if there
        else "there is no ledger in this database yet: bictl run"
    )


def _row(run: "Run") -> dict[str, Any]:
    return {
        "id": short_id(run.run_id),
        "stage": run.stage,
        "tables": list(run.tables),
        "where": f"{run.host}:{run.pid}",
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "seconds": None if run.seconds is None else round(run.seconds, 3),
        "state": run.state,
        "exit_code": run.exit_code,
        "summary": run.summary,
        "run_id": run.run_id,
        "version": run.version,
    }


def _last(item: "Last") -> dict[str, Any]:
    return {
        "table": item.table,
        "stage": item.stage,
        "at": item.at,
        "seconds": None if item.seconds is None else round(item.seconds, 3),
        "newest_at": item.newest_at,
        "newest_state": item.newest_state,
        "failed_since": item.failed_since,
        "newest_summary": item.newest_summary,
        "summary": item.summary,
        "run_id": item.run_id,
        "newest_run": item.newest_run,
    }


def _one(here: Session, found: "Sequence[Run]", log: list[str] | None) -> View:
    more = ("arguments", "error", "result")
    rows = [{**_row(run), **{name: getattr(run, name) for name in more}} for run in found]
    words, columns = " ".join(["bictl", *found[0].words]), _used(here, RUNS, rows)
    return View(
        schema="bictl.runs/1",
        columns=[replace(column, cut=None) for column in columns if column.key != "id"],
        rows=rows,
        extra={"run_id": found[0].run_id, "words": list(found[0].words), "log": log},
        title=f"run {found[0].run_id}: {words}",
    )


def _show_log_alone(here: Session, prefix: str, error: BictlError) -> None:
    """The log of a run that the ledger cannot tell of: Postgres was away then, or is now.

    Raises `error` where this host has no such log, or several.
    """
    folder = here.settings.state_dir / "runs"
    wanted = prefix.lower()
    paths = [path for path in folder.glob("*.log") if path.name.startswith(wanted)]
    if len(paths) != 1 or not wanted:
        raise error
    lines = _read(paths[0])
    here.screen.warn(f"the ledger tells nothing of it: {error.message}")
    if here.screen.format in ("table", "tsv"):
        for line in lines or ():
            here.screen.write(inert(line))
    else:
        extra = {"run_id": paths[0].stem, "words": None, "log": lines}
        here.screen.show(View(schema="bictl.runs/1", columns=RUNS, rows=[], extra=extra))


def _log_of(here: Session, found: "Sequence[Run]") -> list[str] | None:
    """The lines of the run's log; None where it is not on this host."""
    from bictl.ops.runlog import path_of

    return _read(path_of(here.settings.state_dir, found[0].run_id))


def _read(path: Path) -> list[str] | None:
    try:
        return path.read_text(encoding="utf-8", errors="backslashreplace").splitlines()
    except OSError:
        return None


def _tell(here: Session, found: "Sequence[Run]", log: list[str] | None) -> None:
    """The log, or where it is."""
    from bictl.ops.runlog import DAYS, KEPT

    if log is not None:
        for line in log:
            here.screen.write(inert(line))
        return
    host, name = found[0].host, f"runs/{found[0].run_id}.log"
    if host == socket.gethostname():
        here.screen.say(
            f"its log is not there: {name} in {here.settings.state_dir} "
            f"(the newest {KEPT} are kept, {DAYS} days)"
        )
    else:
        here.screen.say(f"its log is on {host}: {name} in its state directory")
