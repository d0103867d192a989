"""bictl status: one screen a table."""

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bictl.cli.app import single
from bictl.cli.options import Table, Topic
from bictl.cli.render import ago
from bictl.cli.session import Session, session
from bictl.cli.view import Column, View

if TYPE_CHECKING:
    from bictl.ops.ledger import Last
    from bictl.status import Report, TableStatus, Verdict

ANSWER = 5.0  # seconds for one answer of a service
PATIENCE = 15.0  # seconds for all that a service has to tell
PARTITIONS = (
    Column("partition", kind="count"),
    Column("frontier", kind="count"),
    Column("end", kind="count"),
    Column("lag", kind="count"),
    Column("oldest", "oldest unread", kind="time"),
    Column("state", kind="state"),
)
LAYERS = (
    Column("name", "layer"),
    Column("words", "rows"),
    Column("at", "as of", kind="time"),
    Column("note"),
)
STAGES = (
    Column("stage"),
    Column("newest_at", "last run", kind="time"),
    Column("newest_state", "state", kind="state"),
    Column("at", "last success", kind="time"),
    Column("newest_summary", "what happened", cut=200),
)
FACTS = (
    Column("table"),
    Column("what"),
    Column("name"),
    Column("value", kind="count"),
    Column("unit"),
    Column("state", kind="state"),
    Column("at", kind="time"),
    Column("note"),
)


def status(
    context: typer.Context,
    table: Table = None,
    topic: Topic = None,
    watch: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", min=0.5, help="Look again so often, until Ctrl-C."),
    ] = None,
) -> None:
    """Show how far each table is: one screen a table.

    Each partition's frontier and end, how much is not read yet and since when; the rows of each
    layer; each stage's last run; the last verdict and how old it is. This is a look and no
    verdict: it compares nothing, `bictl verify` does. A count that would take long is estimated
    and then written with a ~. What a service does not tell is unknown, the rest is shown.

    Exit code: 0 also where there is lag, 3 something is unknown, 4 nothing answered.

    Examples:

      bictl status
      bictl status --table product --watch 5
      bictl status --json | jq '.tables[] | {table, lag, state}'
    """
    with session(context) as here:
        while True:
            report = _look(here, table, topic)
            _show(here, report, again=watch is not None)
            if watch is None or here.wait(watch):
                break
        if watch is not None:
            # a person has seen enough: that is no interruption; --timeout wants to know
            raise typer.Exit(report.exit_code if here.late else 0)
        code = report.exit_code
    raise typer.Exit(code)


def _look(here: Session, table: str | None, topic: str | None) -> "Report":
    from bictl.clients import Clients
    from bictl.status import gather

    most = here.options.timeout or 2 * PATIENCE
    return gather(
        partial(Clients, here.settings, timeout=min(ANSWER, most)),
        here.tables(table, topic),
        staging_schema=here.settings.dbt.view_schema,
        max_lag=here.settings.verify.max_lag,
        patience=min(PATIENCE, 0.6 * most),  # what is left is for saying so
    )


def _show(here: Session, report: "Report", *, again: bool) -> None:
    from bictl.status.report import as_document

    form = here.screen.format
    if form in ("json", "jsonl"):
        documents = [as_document(item, report.at) for item in report.tables]
        extra = {
            "exit_code": report.exit_code,
            "at": report.at,
            "seconds": round(report.seconds, 3),
        }
        here.screen.show(
            View(
                schema="bictl.status/1", columns=(), rows=documents, rows_key="tables", extra=extra
            )
        )
    elif form == "tsv" and not (here.options.quiet and not here.options.output):
        rows = [row for item in report.tables for row in _facts(item, report)]
        here.screen.show(View(schema="bictl.status/1", columns=FACTS, rows=rows))
    elif form == "table" and not (here.options.quiet and not here.options.output):
        if again:
            here.screen.clear()
        for item in report.tables:
            _screen(here, item)
    _complain(here, report)


def _complain(here: Session, report: "Report") -> None:
    """What is unknown, and why; a service that fails every table is named once."""
    said: dict[tuple[str, str, str | None], list[str]] = {}
    for item in report.tables:
        for service, why in item.unknown.items():
            said.setdefault((service, why, item.hints.get(service)), []).append(item.table)
    complaints = [
        (f"{_whose(tables, report)}{service} did not tell: {why}", hint)
        for (service, why, hint), tables in said.items()
    ]
    if here.options.quiet and len(complaints) > 1:  # one pair for whoever reads cron's mail
        complaints = [("; ".join(words for words, _ in complaints), complaints[0][1])]
    for words, hint in complaints:
        here.screen.error(words, here.advice(hint))


def _whose(tables: list[str], report: "Report") -> str:
    return "" if len(tables) == len(report.tables) else f"{', '.join(tables)}: "


def _screen(here: Session, item: "TableStatus") -> None:
    here.screen.headline(f"{item.table}: {item.headline}", item.state)
    generation = f", generation {item.generation}" if item.generation else ""
    views = [
        (PARTITIONS, [vars(part) for part in item.partitions]),
        (LAYERS, [{**vars(layer), "words": layer.words} for layer in item.layers]),
        (STAGES, [_stage(stage) for stage in item.stages]),
    ]
    title = f"{item.topic}{generation}"
    for columns, rows in views:
        if rows:
            here.screen.show(View(schema="bictl.status/1", columns=columns, rows=rows, title=title))
            title = ""
    for line in _verdict_lines(item):
        here.screen.write(line)
    here.screen.write("")


def _stage(stage: "Last") -> dict[str, Any]:
    """What a verdict said stands below; only that it could not be come to stands here."""
    said = "" if stage.stage == "verify" and stage.newest_state != "killed" else None
    return {**vars(stage), **({} if said is None else {"newest_summary": said})}


def _verdict_lines(item: "TableStatus") -> list[str]:
    if "Postgres" in item.unknown:
        return ["last verdict: unknown"]
    if not item.verdicts:
        return [f"no verdict yet: bictl verify --table {item.table}"]
    return [
        f"{_level(verdict)} verdict of {ago(verdict.at)}: {verdict.state}: {verdict.headline}"
        for verdict in item.verdicts
    ]


def _level(verdict: "Verdict") -> str:
    level = "full" if verdict.level == "default" else verdict.level
    return f"partial {level}" if verdict.partial else level


def _facts(item: "TableStatus", report: "Report") -> list[dict[str, Any]]:
    """One line a fact: what a script can cut without knowing the screen."""
    facts: list[dict[str, Any]] = []
    for part in item.partitions:
        facts.append(
            {
                "what": "partition",
                "name": part.partition,
                "value": part.lag,
                "unit": "records behind",
                "state": part.state,
                "at": part.oldest,
                "note": f"frontier {_word(part.frontier)}, end {_word(part.end)}",
            }
        )
    for layer in item.layers:
        facts.append(
            {
                "what": "layer",
                "name": layer.name,
                "value": layer.rows,
                "unit": "rows",
                "state": "unknown" if layer.rows is None else layer.how,
                "at": layer.at,
                "note": layer.note,
            }
        )
    for stage in item.stages:
        facts.append(
            {
                "what": "stage",
                "name": stage.stage,
                "state": stage.newest_state,
                "at": stage.newest_at,
                "note": stage.newest_summary,
            }
        )
    for verdict in item.verdicts:
        facts.append(
            {
                "what": "verdict",
                "name": _level(verdict),
                "state": verdict.state,
                "at": verdict.at,
                "note": verdict.headline,
            }
        )
    return [{"table": item.table, **fact} for fact in facts]


def _word(offset: int | None) -> str:
    return "unknown" if offset is None else str(offset)


app = single(status)
