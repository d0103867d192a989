"""bictl cdc apply: a connector's file to the worker, when it differs from what runs."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from bictl.cli.cdc.draft import (
    Allow,
    FailOn,
    File,
    Name,
    TableOf,
    around,
    ask_worker,
    check_fail_on,
    draft_of,
    stop_at,
    tell,
)
from bictl.cli.cdc.worker import patience, worker
from bictl.cli.confirm import Yes, confirm, need_person
from bictl.cli.session import Session, session
from bictl.cli.view import Column, View

if TYPE_CHECKING:
    from bictl.cdc import Applied, ConnectorFile, Plan
    from bictl.clients.connect import ConnectWorker

COLUMNS = (Column("change"), Column("key"), Column("old", "runs"), Column("new", "file"))


def apply(
    context: typer.Context,
    file: File = None,
    table: TableOf = None,
    name: Name = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change, change nothing.")
    ] = False,
    yes: Yes = False,
    allow: Allow = None,
    fail_on: FailOn = "fail",
) -> None:
    """Create a connector from its file, or change the one that runs to what the file says.

    Without FILE the file is looked for among the shipped ones, or in connect.connectors_dir.
    First the file is checked as by `bictl cdc validate`; then what differs is shown, with secrets
    masked; then it is put, and bictl waits until the connector and all its tasks run. Where nothing
    differs, nothing is put: even an unchanged configuration would restart the connector. References
    to secrets, ${provider:path:key}, go to the worker as they are.

    Exit code: 0 it runs, 1 it failed, 2 the file is not right, 3 it is paused or stopped,
    4 the worker or the source's database does not answer.

    Examples:

      bictl cdc apply infra/kafka-connect/connectors/sqlserver-product.json
      bictl cdc apply --table category --dry-run
      bictl cdc apply product.json --yes && bictl cdc status
    """
    from bictl.cdc import look, plan

    check_fail_on(fail_on)
    with session(context) as here:
        draft, asked = draft_of(here, file, table, name), worker(here)
        own = look(asked, draft, around(here, draft, table, allow))
        tell(here, own)
        stop_at(own, fail_on=fail_on)
        planned = plan(asked, draft)
        if planned.changes and not dry_run:
            if planned.before:
                need_person(f"apply changes {draft.name}, which is there already", yes=yes)
            whole = ask_worker(here, asked, draft, own)
            tell(here, whole.less(own))
            stop_at(whole, fail_on=fail_on)
        code = _carry_out(here, asked, draft, planned, dry_run=dry_run, yes=yes)
    if code:
        raise typer.Exit(code)


def _carry_out(
    here: Session,
    asked: "ConnectWorker",
    draft: "ConnectorFile",
    planned: "Plan",
    *,
    dry_run: bool,
    yes: bool,
) -> int:
    """The difference, the question, the change; the exit code."""
    from bictl.cdc import apply as stage
    from bictl.cdc import consequences

    for key, words in consequences(planned).items():
        here.screen.warn(f"{key}: {words}")
    on_terminal = here.screen.format == "table"
    if on_terminal and planned.changes:
        here.screen.show(_view(planned, {}))
    if dry_run:
        _end(here, planned, {"dry_run": True}, f"dry run: {planned.summary}")
        return 0
    if planned.before and planned.changes:
        confirm(here, f"{planned.summary}? It restarts", yes=yes)
    done = stage(asked, draft, planned, patience=patience(here))
    _end(here, planned, _outcome(done), done.summary)
    if done.verdict.health != "ok":
        here.screen.error(f"{draft.name}: {done.reason}", _hint(draft, done))
    return done.exit_code


def _hint(draft: "ConnectorFile", done: "Applied") -> str | None:
    """A task that fails right after its change most likely fails for it."""
    hint = done.verdict.hint
    if done.exit_code != 1 or not done.changed:
        return hint
    return f"correct {draft.place} and apply it again" + (f"; or {hint}" if hint else "")


def _end(here: Session, planned: "Plan", outcome: dict[str, Any], sentence: str) -> None:
    """The result; on a terminal the difference stands there already."""
    quiet = here.options.quiet and not here.options.output
    if here.screen.format != "table" and not quiet:
        here.screen.show(_view(planned, outcome))
    here.screen.say(sentence)


def _view(planned: "Plan", outcome: dict[str, Any]) -> View:
    return View(
        schema="bictl.cdc-apply/1",
        columns=COLUMNS,
        rows=planned.rows,
        extra={"connector": planned.name, "existed": planned.before is not None, **outcome},
        rows_key="changes",
    )


def _outcome(done: "Applied") -> dict[str, Any]:
    return {
        "dry_run": False,
        "changed": done.changed,
        "state": done.state,
        "tasks": list(done.tasks),
        "health": done.verdict.health,
        "reason": done.reason,
        "error": done.error,
    }
