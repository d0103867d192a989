"""A verdict as people and programs read it: table, lines, document, page, metrics."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bictl.cli.session import Session
from bictl.cli.view import Column, View
from bictl.inert import inert

if TYPE_CHECKING:
    from bictl.verify import Report

BOUNDARIES = (
    Column("table"),
    Column("boundary"),
    Column("expected", kind="count"),
    Column("accounted", kind="count"),
    Column("unit"),
    Column("missing", kind="count"),
    Column("extra", "too many", kind="count"),
    Column("in_flight", "in flight", kind="count"),
    Column("state", kind="state"),
    Column("hint", "what to do", wide=True),
)
CHECKS = (
    Column("id", "check"),
    Column("state", kind="state"),
    Column("boundary"),
    Column("message", "what was found"),
    Column("hint", "what to do", wide=True),
)
LINE = (
    Column("at", kind="time"),
    Column("table"),
    Column("state", kind="state"),
    Column("complete"),
    Column("exit_code"),
    Column("seconds"),
    Column("headline"),
)
_MOMENT = 0.5  # seconds: what there is at the deadline for what stands beside a verdict


def show(here: Session, reports: "list[Report]", *, again: bool = False) -> int:
    """Writes the verdict in the form that was asked for; the exit code. One of several is shown on
    an empty screen, and is a line where there is none."""
    from bictl.pipeline import worst_code
    from bictl.verify.present import as_document, nagios_code, nagios_text

    code = worst_code([report.exit_code for report in reports])
    form = here.screen.format
    if form == "nagios":
        here.screen.write(nagios_text(reports).rstrip("\n"))
        return nagios_code(reports)
    if form == "prometheus":
        here.screen.write(_metrics(here, reports).rstrip("\n"))
        return code
    if form == "html":
        _write_page(here, reports)
    elif form in ("json", "jsonl"):
        here.screen.show(_document([as_document(report) for report in reports], form, code))
    elif here.options.quiet and not here.options.output:
        complain(here, reports)
    elif again and form == "tsv":
        here.screen.show(_lines(reports))
    else:
        if again:
            here.screen.clear()
        show_tables(here, reports)
    return code


def _write_page(here: Session, reports: "list[Report]") -> None:
    """The page, with the runs before this one; a terminal is told where it belongs."""
    from bictl.verify.history import read_past
    from bictl.verify.page import html_page

    names = [report.table for report in reports]
    here.screen.write(html_page(reports, read_past(here.clients.new_database, names)))
    if here.screen.on_terminal:
        here.screen.say("that is a file for a browser: bictl verify -o html > verdict.html")


def _metrics(here: Session, reports: "list[Report]") -> str:
    """The exposition, with each stage's last success beside the verdicts."""
    from bictl.verify.history import PATIENCE, last_successes
    from bictl.verify.prometheus import prometheus_text

    names = [report.table for report in reports]
    patience = _MOMENT if here.late else PATIENCE
    told = last_successes(here.clients.new_database, names, patience=patience)
    return prometheus_text(reports, told)


def _lines(reports: "list[Report]") -> View:
    """One line a verdict: when, of which table, how it stands, and the sentence."""
    rows = [
        {
            "at": report.started,
            "table": report.table,
            "state": report.state.value,
            "complete": report.complete,
            "exit_code": report.exit_code,
            "seconds": round(report.seconds, 1),
            "headline": report.headline,
        }
        for report in reports
    ]
    return View(schema="bictl.verify/1", columns=LINE, rows=rows)


def _document(documents: Sequence[dict[str, object]], form: str, code: int) -> View:
    """One table's document as it is, several under their own key; one a line for jsonl."""
    schema = "bictl.verify/1"
    if form == "json" and len(documents) == 1:
        extra = dict(documents[0])
        checks = extra.pop("checks")
        return View(schema=schema, columns=(), rows=checks, rows_key="checks", extra=extra)  # type: ignore[arg-type]
    return View(
        schema=schema, columns=(), rows=documents, rows_key="tables", extra={"exit_code": code}
    )


def complain(here: Session, reports: "list[Report]") -> None:
    """With -q: silent on success, one error and hint a table otherwise."""
    for report in reports:
        if report.exit_code:
            here.screen.error(f"{report.table}: {report.headline}", _repair(here, report))


def _repair(here: Session, report: "Report") -> str | None:
    """What to do first, or to start the local stack where it is meant and does not run."""
    from bictl.verify.present import next_step

    first = next_step(report) or None
    return here.advice(first) if any(check.unreachable for check in report.checks) else first


def show_tables(here: Session, reports: "list[Report]") -> None:
    """The boundaries, then what is not well; on stderr the sentence where no title stands."""
    from bictl.verify.present import boundary_rows

    several = len(reports) > 1
    columns = BOUNDARIES if several else BOUNDARIES[1:]
    for report in reports:
        rows = boundary_rows(report)
        here.screen.show(
            View(
                schema="bictl.verify/1",
                columns=columns if here.screen.format == "tsv" else _used(columns, rows),
                rows=rows,
                title=f"{report.state.value}: {report.headline}",
            )
        )
        if here.screen.format == "table":
            _details(here, report)
        else:
            here.screen.say(f"{report.state.value}: {report.headline}")
        for words in report.acknowledged:
            here.screen.say(words)


def _details(here: Session, report: "Report") -> None:
    """The checks that are not well, and the commands that repair them, each on a line of its own
    so that it can be copied; with -v all checks."""
    from bictl.verify.present import check_rows

    checks = check_rows(report)
    wrong = [row for row in checks if row["state"] != "ok"]
    rows = checks if here.options.verbose else wrong
    if any(check.unreachable for check in report.checks) and (up := here.advice(None)):
        here.screen.write(f"→ {up}")
    if rows:
        here.screen.show(View(schema="bictl.verify/1", columns=CHECKS, rows=rows))
    for hint in dict.fromkeys(row["hint"] for row in wrong if row["hint"]):
        here.screen.write(f"→ {inert(hint)}")


def _used(columns: Sequence[Column], rows: Sequence[dict[str, Any]]) -> list[Column]:
    """Without the columns that say nothing in any row: where all is well, a table is narrow."""
    optional = ("missing", "extra", "in_flight", "hint")
    return [
        column
        for column in columns
        if column.key not in optional or any(row[column.key] for row in rows)
    ]
