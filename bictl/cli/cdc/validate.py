"""bictl cdc validate: is a connector's file right, before anything is changed."""

from typing import TYPE_CHECKING

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
from bictl.cli.cdc.worker import worker
from bictl.cli.session import Session, session
from bictl.cli.view import Column, View

if TYPE_CHECKING:
    from bictl.cdc import Around, ConnectorFile, Verdict

COLUMNS = (
    Column("level", kind="state"),
    Column("key"),
    Column("message"),
    Column("hint"),
    Column("by", wide=True),
)


def validate(
    context: typer.Context,
    file: File = None,
    table: TableOf = None,
    name: Name = None,
    allow: Allow = None,
    fail_on: FailOn = "fail",
) -> None:
    """Check a connector's file: bictl's own rules, then the worker's validate. Changes nothing.

    The rules find what the worker takes without a word: misspelt keys, names of Debezium 1.x, a
    missing or shared schema history, settings that drop records silently. Without connect.url
    they are all that is checked. The worker's validate tries the source's database, and waits for
    it.

    Exit code: 0 right, 2 not right, 4 the worker or its database does not answer.

    Examples:

      bictl cdc validate infra/kafka-connect/connectors/sqlserver-product.json
      bictl cdc validate --table category --fail-on warn
      bictl cdc validate new.json -o json | jq -r '.rows[] | .key'
    """
    check_fail_on(fail_on)
    with session(context) as here:
        draft = draft_of(here, file, table, name)
        verdict = _verdict(here, draft, around(here, draft, table, allow))
        _show(here, draft, verdict)
        stop_at(verdict, fail_on=fail_on)


def _show(here: Session, draft: "ConnectorFile", verdict: "Verdict") -> None:
    """The findings on stdout; with -q what fails on stderr, and nothing else."""
    rows = [vars(one) for one in verdict.findings]
    if here.options.quiet and not here.options.output:
        tell(here, verdict)
    elif rows or here.screen.format != "table":
        extra = {"connector": draft.name, "file": draft.place, "asked": verdict.asked}
        here.screen.show(
            View(schema="bictl.cdc-validate/1", columns=COLUMNS, rows=rows, extra=extra)
        )
    here.screen.say(f"{draft.name} in {draft.place}: {verdict.summary}")


def _verdict(here: Session, draft: "ConnectorFile", near: "Around") -> "Verdict":
    from bictl.cdc import Verdict, check, look

    if not here.settings.connect.url:
        here.screen.say("[connect] url is not configured: the worker is not asked")
        return Verdict(findings=check(draft, near))
    asked = worker(here)
    return ask_worker(here, asked, draft, look(asked, draft, near))
