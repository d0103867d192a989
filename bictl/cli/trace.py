"""bictl trace: one record in every layer."""

import json
import re
from typing import TYPE_CHECKING, Annotated

import typer

from bictl.cli.app import single
from bictl.cli.options import Table, Topic
from bictl.cli.session import Session, session
from bictl.cli.view import Column, View
from bictl.errors import Unreachable, UsageError

if TYPE_CHECKING:
    from bictl.settings import Table as TableSettings
    from bictl.trace import Trace
    from bictl.trace.run import Asked

ANSWER = 10.0  # seconds for one answer of a service: the others are told too
COLUMNS = (
    Column("layer"),
    Column("state", kind="state"),
    Column("at"),
    Column("seconds"),
    Column("said"),
    Column("repair"),
)
_OFFSET = re.compile(r"(\d{1,9}):(\d{1,18})")


def trace(
    context: typer.Context,
    table: Table = None,
    topic: Topic = None,
    key: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY|COLUMN=KEY", help="A key; once a column of it."),
    ] = None,
    offset: Annotated[
        str | None, typer.Option(metavar="PARTITION:OFFSET", help="One record of the topic.")
    ] = None,
    generation: Annotated[
        str | None,
        typer.Option(metavar="ID", help="The offset's generation, or how its name begins."),
    ] = None,
    events: Annotated[
        int, typer.Option(metavar="N", min=1, max=200, help="How many of a key's events.")
    ] = 20,
    scan: Annotated[
        bool, typer.Option("--scan", help="Search all that is not loaded for the key, Kafka too.")
    ] = False,
    payload: Annotated[
        bool, typer.Option("--payload", help="Show the event itself, decoded.")
    ] = False,
) -> None:
    """Show one record in every layer: where it is, since when, and where it was lost.

    By offset: the record in Kafka, its object and line, the ledger, its row in bronze or in
    quarantine; then its key's newest record, that one's row in staging and its vector. By key: all
    events of the key in order, and the newest one in every layer. Each layer has a state and the
    time that the record took to it. Where a layer should have it and has not, the command that
    repairs it stands there. A layer that does not answer is unknown, and the others are shown.

    Kafka cannot be asked for a key: the records that bronze does not hold yet are found in the
    newest objects that are not loaded, and with --scan in all of them and in Kafka above the
    frontier.

    Exit code: 0 it is where it should be or on its way, 1 it is missing somewhere, 2 it was never
    seen, 3 a layer is unknown or the record is in quarantine, 4 nothing answers, 6 it is lost or
    two records claim its offset.

    Examples:

      bictl trace --key 4711
      bictl trace --offset 0:61000 --payload
      bictl trace --table stock --key ID=1 --key Region=7
      bictl trace --key 4711 --json | jq '.layers[] | select(.state == "missing").repair'
    """
    with session(context) as here:
        item = here.one_table(table, topic)
        asked = _asked(key, offset, generation, item)
        here.patience = min(ANSWER, (here.options.timeout or 2 * ANSWER) / 2)
        found = _trace(here, item, asked, events=events, scan=scan)
        here.stop.check()
        _show(here, found, by_key=asked.key is not None, payload=payload)
        if found.exit_code == Unreachable.exit_code:
            raise _nothing_answers(found)
    raise typer.Exit(found.exit_code)


def _nothing_answers(found: "Trace") -> Unreachable:
    """What a caller tries again; the session adds what a local stack needs."""
    hints = [layer.repair for layer in found.layers if layer.repair]
    return Unreachable("nothing answers", hint=next(iter(hints), "bictl doctor"))


def _asked(
    key: list[str] | None, offset: str | None, generation: str | None, table: "TableSettings"
) -> "Asked":
    """What the options mean; UsageError when they mean nothing or two things."""
    from bictl.trace.key import parse_key
    from bictl.trace.run import Asked

    if bool(key) == bool(offset):
        raise UsageError(
            "a record is named by its key or by its offset",
            hint="bictl trace --key 4711, or bictl trace --offset 0:61000",
        )
    if key:
        if generation:
            raise UsageError("--generation is for an offset", hint="leave it out with --key")
        return Asked(key=parse_key(key, table.key))
    found = _OFFSET.fullmatch((offset or "").strip())
    if found is None:
        raise UsageError(f"{offset!r} is not an offset", hint="write it as 0:61000")
    return Asked(partition=int(found[1]), offset=int(found[2]), generation=generation)


def _trace(
    here: Session, table: "TableSettings", asked: "Asked", *, events: int, scan: bool
) -> "Trace":
    from bictl.trace import trace as stage
    from bictl.trace.run import Limits

    with here.screen.progress() as on_progress:
        return stage(
            here.clients.reader,
            here.clients.objects,
            here.clients.database,
            table=table,
            asked=asked,
            limits=Limits(max_lag=here.settings.verify.max_lag, events=events, scan=scan),
            staging=f"{here.settings.dbt.view_schema}.{table.staging}",
            model=here.settings.embedding.model,
            on_progress=on_progress,
            stop=here.stop,
        )


def _show(here: Session, found: "Trace", *, by_key: bool, payload: bool) -> None:
    """The picture on a terminal, else a line a layer or the document; with -q only what is
    wrong."""
    from bictl.trace.present import SCHEMA, as_extra, layer_rows, verdict_row

    form = here.screen.format
    if here.options.quiet and not here.options.output:
        if found.exit_code not in (0, Unreachable.exit_code):
            repairs = [layer.repair for layer in found.layers if layer.repair]
            here.screen.error(f"{found.asked}: {found.verdict}", next(iter(repairs), None))
        return
    if form == "table":
        _picture(here, found, by_key=by_key, payload=payload)
        return
    rows, extra = layer_rows(found), as_extra(found)
    if form == "tsv":
        rows = [verdict_row(found), *rows]
    here.screen.show(
        View(schema=SCHEMA, columns=COLUMNS, rows=rows, rows_key="layers", extra=extra)
    )
    if form == "tsv":
        if payload:
            here.screen.write(f"payload\t{json.dumps(found.payload, ensure_ascii=True)}")
        here.screen.say(f"{found.asked}: {found.verdict}")


def _picture(here: Session, found: "Trace", *, by_key: bool, payload: bool) -> None:
    from bictl.cli.flow import lines

    here.screen.show_lines(lines(found, width=here.screen.width, by_key=by_key, payload=payload))


app = single(trace)
