"""bictl verify: the verdict on every boundary."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import typer

from bictl.cli.app import VerifyCommand, single
from bictl.cli.options import Table, Topic
from bictl.cli.session import Session, session
from bictl.cli.verdict import show
from bictl.cli.view import Column, View
from bictl.errors import Interrupted, TimedOut, UsageError
from bictl.ops.leave import leave

if TYPE_CHECKING:
    from bictl.settings import Table as Configured
    from bictl.verify import Report
    from bictl.verify.slices import Slice

ALL_CHECKS = (
    Column("id", "check"),
    Column("title", "what it holds"),
    Column("boundary"),
    Column("level"),
    Column("grows"),
    Column("layer", wide=True),
)
OFTEN = 5.0  # seconds between two verdicts of --until-ok


def verify(
    context: typer.Context,
    table: Table = None,
    topic: Topic = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Only what came after the last full verdict.")
    ] = False,
    deep: Annotated[
        bool, typer.Option("--deep", help="Also compare every record's content.")
    ] = False,
    part: Annotated[
        str | None,
        typer.Option("--slice", metavar="N/T", help="With --deep: the Nth of T parts of it."),
    ] = None,
    select: Annotated[
        list[str] | None,
        typer.Option(metavar="ID|LAYER", help="Only this check or layer; may be repeated."),
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(metavar="ID|LAYER", help="Without this check or layer.")
    ] = None,
    expect_source: Annotated[
        int | None,
        typer.Option(metavar="N", min=0, help="Rows that somebody counted at the table's source."),
    ] = None,
    list_checks: Annotated[
        bool, typer.Option("--list", help="List the checks of the level, all with --deep.")
    ] = False,
    watch: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", min=0.5, help="Judge again so often, until Ctrl-C."),
    ] = None,
    until_ok: Annotated[
        bool, typer.Option("--until-ok", help="Judge again until it is complete, then exit with 0.")
    ] = False,
    fail_on: Annotated[
        str, typer.Option(metavar="fail|warn", help="What makes the exit code 1.")
    ] = "fail",
) -> None:
    """Compare every layer with the one before it, record by record and key by key.

    The end of every partition is fixed first, then everything below is read. Both sides of a
    boundary come from the systems themselves. Records younger than verify.max_lag may be in
    flight: they are counted and the verdict is not "complete". What does not answer is unknown,
    and never rolls up to complete.

    Exit code: 0 nothing wrong, 1 a check failed, 3 something is unknown, 4 nothing answered, 6
    evidence of loss or of a recreated topic. With -o nagios: 0, 1, 2, 3.

    --deep --slice 3/7 compares the contents of a seventh of the batches, byte by byte, and all
    sets: seven nights see every record once. A batch stays in its slice; the headline says which
    one was looked at, and never that the rest is proved. In a crontab % needs a backslash.

    --watch says a line a verdict where it does not write to a terminal. --until-ok ends with 0 at
    the first verdict that is complete, at --timeout with the last verdict's code (4 where that
    found nothing wrong and was not complete).

    With several tables the JSON document has them under "tables"; with one it is that table's.

    Examples:

      bictl verify
      bictl verify --table product --deep
      bictl verify --quick -o nagios          # what a monitor calls
      bictl verify --json | jq '.checks[] | select(.state != "ok")'
      bictl verify -o html > verdict.html     # for people: one file, to look at and to send on
      bictl verify -o prometheus > v.new; test -s v.new && mv v.new verify.prom
      bictl verify --deep --slice $(date +%u)/7     # another seventh each weekday
      bictl --timeout 600 verify --until-ok    # wait until all has arrived
      bictl verify --select staging --select E1
      bictl verify --table product --expect-source 61443     # where verify may not ask the source
    """
    if fail_on not in ("fail", "warn"):
        raise UsageError(f"--fail-on takes fail or warn, not {fail_on!r}")
    wish = _wish(quick, deep, part, select or (), exclude or (), until_ok)
    if expect_source is not None and quick:
        raise UsageError(
            "--quick counts no keys, so it has nothing to hold --expect-source against",
            hint="leave --quick out",
        )
    with session(context, late_is_error=False) as here:
        if list_checks:
            here.screen.show(_all_checks(wish))
            return
        tables = here.tables(table, topic)
        if expect_source is not None:
            if len(tables) > 1:
                raise UsageError("--expect-source is about one table", hint="name it with --table")
            wish = replace(wish, expected_rows=expect_source)
        if watch is not None or until_ok:
            code = _again(here, tables, wish, every=watch or OFTEN, until_ok=until_ok)
        else:
            reports = _judge(here, tables, wish)
            _check(here, reports)
            code = show(here, reports)
            if code == 0 and fail_on == "warn" and any(one.state == "warn" for one in reports):
                code = 1
            _leave_what_hangs(reports, code)
    raise typer.Exit(code)


@dataclass(frozen=True)
class Wish:
    """What is to be judged: how deep, which part of it, which checks."""

    level: str
    part: "Slice | None"
    select: Sequence[str]
    exclude: Sequence[str]
    expected_rows: int | None = None


def _wish(
    quick: bool,
    deep: bool,
    part: str | None,
    select: Sequence[str],
    exclude: Sequence[str],
    until_ok: bool,
) -> Wish:
    """The wish, or UsageError for flags that contradict each other."""
    if quick and deep:
        raise UsageError("--quick and --deep exclude each other", hint="give one")
    if part and not deep:
        raise UsageError("--slice is a part of --deep", hint=f"bictl verify --deep --slice {part}")
    if until_ok and (quick or select or exclude):
        flag = "--quick" if quick else "--select" if select else "--exclude"
        raise UsageError(
            f"--until-ok waits for a complete verdict, {flag} never gives one",
            hint=f"leave {flag} out",
        )
    level = "quick" if quick else "deep" if deep else "default"
    if part is None:
        return Wish(level, None, select, exclude)
    from bictl.verify.slices import parse_slice

    return Wish(level, parse_slice(part), select, exclude)


def _judge(here: Session, tables: "list[Configured]", wish: Wish) -> "list[Report]":
    from bictl import pipeline

    with here.screen.progress() as on_progress:
        return pipeline.verify_each(
            here.work(on_progress),
            tables,
            level=wish.level,
            select=wish.select,
            exclude=wish.exclude,
            slice=wish.part,
            expected_rows=wish.expected_rows,
            drawn=here.screen.format == "html",
        )


def _again(
    here: Session, tables: "list[Configured]", wish: Wish, *, every: float, until_ok: bool
) -> int:
    """Verdict after verdict, each on connections of its own; one that cannot be come to is said
    and is not the end. A verdict that was cut off by --timeout does not count where there is an
    earlier one."""
    if here.screen.format in ("html", "prometheus"):
        raise UsageError(
            f"-o {here.screen.format} is one document, not one after the other",
            hint="without --watch and --until-ok",
        )
    here.stop.on_first = lambda: None  # nothing is at work that has to be finished
    code: int | None = None
    while True:
        reports = _judge(here, tables, wish)
        _check(here, reports)
        complete = all(report.complete for report in reports)
        if complete or not here.late or code is None:
            code = show(here, reports, again=True)
        if until_ok and complete:
            return code
        if here.late:
            _leave_what_hangs(reports, _last(code, until_ok=until_ok))
            break
        here.clients.close()
        if here.wait(every):
            break
    here.stop.check()
    return _last(code, until_ok=until_ok)


def _last(code: int, *, until_ok: bool) -> int:
    """The code at the deadline: where a complete verdict was waited for, 0 is not for less."""
    return (code or TimedOut.exit_code) if until_ok else code


def _check(here: Session, reports: "list[Report]") -> None:
    """Raises Interrupted when a signal came; does not wait for a probe that hangs."""
    try:
        here.stop.check()
    except Interrupted as stopped:
        words = stopped.message, stopped.hint
        code = 128 + stopped.signal_number
        _leave_what_hangs(reports, code, lambda: here.screen.error(*words))
        raise


def _leave_what_hangs(
    reports: "list[Report]", code: int, words: Callable[[], None] = lambda: None
) -> None:
    """Ends the process where a probe is still at work: closing its connection would wait for it.
    Whatever it asked for ends with the connection."""
    if any(report.hangs for report in reports):
        sys.stdout.flush()
        leave(code, words)


def _all_checks(wish: Wish) -> View:
    from bictl.verify.checks import CHECKS as KNOWN
    from bictl.verify.checks import ids_of

    wanted, unwanted = ids_of(wish.select), ids_of(wish.exclude)

    rows = [
        {
            "id": check.id,
            "title": check.title,
            "boundary": check.boundary,
            "level": check.only or check.level,
            "layer": check.layer.lower(),
            "grows": check.grows,
        }
        for check in KNOWN
        if check.runs_at(wish.level)
        and (not wish.select or check.id in wanted)
        and check.id not in unwanted
    ]
    return View(schema="bictl.verify/1", columns=ALL_CHECKS, rows=rows, rows_key="checks")


app = single(verify, cls=VerifyCommand)
