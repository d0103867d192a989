"""bictl repair: what is safe about the failures that verify finds."""

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from bictl.cli.app import single
from bictl.cli.options import LockWait, Table, Topic
from bictl.cli.session import Session, session
from bictl.cli.view import Column, View

if TYPE_CHECKING:
    from bictl.repair import Repaired, Step

COLUMNS = (
    Column("table"),
    Column("repair"),
    Column("checks"),
    Column("state", kind="state"),
    Column("does", "what it does, or what is left"),
    Column("result", "what came of it"),
    Column("seconds", "time", kind="seconds"),
    Column("command", wide=True),
    Column("why", "why it is safe", wide=True),
)


def repair(
    context: typer.Context,
    table: Table = None,
    topic: Topic = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done and do nothing.")
    ] = False,
    select: Annotated[
        list[str] | None,
        typer.Option(metavar="ID|LAYER", help="Only this check, or a layer's; may be repeated."),
    ] = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="Judge by verify --deep, before and after.")
    ] = False,
    lock_wait: LockWait = 0.0,
) -> None:
    """Take a verdict, do what is safe about its failures in pipeline order, take another one.

    It reads what is not ingested, loads objects anew whose rows are missing, changed or doubled,
    makes the unique key of bronze again, rebuilds the staging view, embeds what is missing or stale
    and makes the vector index anew, each under its stage's lock. It never acknowledges a loss,
    never prunes, never deletes an object, and leaves alone what may be the last evidence of a
    record: what it does not do is named with the command for a person.

    A dry run tells what the failures of now would bring about; what a repair uncovers is seen when
    it is done. Exit code: that of the verdict behind it, as `bictl verify` has them; after a dry
    run that of the verdict before.

    Examples:

      bictl repair --dry-run
      bictl repair --table product
      bictl repair --select B3 --select E1
      bictl -q --timeout 900 repair --lock-wait 60          # in cron
    """
    from bictl import pipeline

    with session(context) as here:
        results = []
        for item in here.tables(table, topic):
            with here.screen.progress() as on_progress:
                found = pipeline.repair(
                    here.work(on_progress, lock_wait=lock_wait),
                    item,
                    select=select or (),
                    dry_run=dry_run,
                    level="deep" if deep else "default",
                    on_step=partial(_say, here, item.name),
                )
            results.append(found)
        here.stop.check()
        code = _show(here, results)
    raise typer.Exit(code)


def _say(here: Session, table: str, step: "Step") -> None:
    """Before a repair what it will do, after it what it did."""
    one = step.repair
    why = f" ({' '.join(one.checks)})" if one.checks else ""
    if step.state == "begun":
        here.screen.say(f"{table}: {one.name}{why}: {one.does}: {one.why}")
    elif step.state == "planned":
        here.screen.say(f"{table}: would {one.name}{why}: {one.does}: {one.command}")
    elif step.state == "failed":
        here.screen.error(f"{table}: {one.name}: {step.summary}", step.hint or None)
    else:
        here.screen.say(f"{table}: {one.name} done: {step.summary} ({step.seconds:.1f} s)")


def _show(here: Session, results: "list[Repaired]") -> int:
    """The steps, what is left, and the verdicts; the exit code."""
    from bictl.cli.verdict import complain
    from bictl.pipeline import worst_code

    code = worst_code([found.exit_code for found in results])
    if here.options.quiet and not here.options.output:
        complain(here, [found.after for found in results])
        return code
    verdicts = [
        {
            "table": found.table,
            "state": found.after.state.value,
            "complete": found.after.complete,
            "exit_code": found.after.exit_code,
            "headline": found.after.headline,
            "summary": found.summary,
        }
        for found in results
    ]
    here.screen.show(
        View(
            schema="bictl.repair/1",
            columns=COLUMNS,
            rows=[row for found in results for row in found.rows],
            rows_key="steps",
            extra={"exit_code": code, "verdicts": verdicts},
        )
    )
    for found in results:
        here.screen.say(f"{found.table}: {found.summary}")
        here.screen.say(f"{found.after.state.value}: {found.after.headline}")
    return code


app = single(repair)
