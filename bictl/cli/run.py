"""bictl run: every stage, for every table."""

from typing import TYPE_CHECKING

import typer

from bictl.cli.app import single
from bictl.cli.options import LockWait, Table
from bictl.cli.session import Session, session
from bictl.cli.view import Column, View

if TYPE_CHECKING:
    from bictl.pipeline import Step

COLUMNS = (
    Column("table"),
    Column("stage"),
    Column("state", kind="state"),
    Column("seconds", "time", kind="seconds"),
    Column("summary", "what happened"),
)


def run(context: typer.Context, table: Table = None, lock_wait: LockWait = 0.0) -> None:
    """Run ingest, load-bronze, transform and embed, for every configured table.

    A table that fails does not stop the others; the exit code is the worst. Run it again at any
    time: every stage does only what is not done yet. It does not verify: `bictl verify` does.

    Examples:

      bictl run
      bictl run --table product -o json
      */10 * * * * bictl -q --timeout 540 run          # crontab
    """
    from bictl.pipeline import worst

    with session(context) as here:
        steps = run_and_say(here, table, lock_wait=lock_wait)
        rows = [
            {
                "table": step.table,
                "stage": step.stage,
                "state": step.state,
                "seconds": round(step.seconds, 3),
                "summary": step.summary,
            }
            for step in steps
        ]
        code = worst(steps)
        if not here.options.quiet or here.options.output:
            here.screen.show(
                View(schema="bictl.run/1", columns=COLUMNS, rows=rows, extra={"exit_code": code})
            )
    raise typer.Exit(code)


def run_and_say(here: Session, table: str | None, *, lock_wait: float = 0.0) -> "list[Step]":
    """Runs the stages; each step is said as soon as it is done, failures with their hint."""
    from bictl import pipeline

    steps: list[Step] = []
    with here.screen.progress() as on_progress:
        work = here.work(on_progress, lock_wait=lock_wait)
        for step in pipeline.run(work, here.tables(table)):
            steps.append(step)
            if step.state == "fail" and step.exit_code in (4, 5) and here.stop():
                here.screen.detail(f"{step.stage} {step.table}: {step.summary}")
                continue  # the deadline or the signal has ended the waiting, and says so itself
            if step.state == "fail":
                hint = here.advice(step.hint) if step.exit_code == 4 else step.hint
                here.screen.error(f"{step.stage} {step.table}: {step.summary}", hint)
            else:
                here.screen.say(f"{step.stage:<12}{step.summary}  ({step.seconds:.1f} s)")
            for warning in getattr(step.result, "warnings", ()):
                here.screen.warn(warning)
    return steps


app = single(run)
