"""bictl quarantine: the records that bronze could not hold."""

import base64
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bictl.cli.app import Command, group
from bictl.cli.options import LockWait, Table, Topic
from bictl.cli.session import Session, session
from bictl.cli.view import Column, View
from bictl.counted import grouped
from bictl.errors import UsageError

if TYPE_CHECKING:
    from bictl.bronze.quarantine import Chosen, Held, Row
    from bictl.settings import Table as Configured

app = group("The records that bronze could not hold: list them, look at one, load them again.")

ROWS = (
    Column("table"),
    Column("generation", wide=True),
    Column("partition", kind="count"),
    Column("offset"),
    Column("quarantined_at", "since", kind="time"),
    Column("sqlstate"),
    Column("bytes", kind="bytes"),
    Column("reason"),
    Column("timestamp", kind="time", wide=True),
    Column("key_bytes", wide=True),
    Column("value_bytes", wide=True),
    Column("object", wide=True),
)
COUNTS = (
    Column("table"),
    Column("generation", wide=True),
    Column("sqlstate"),
    Column("records", kind="count"),
    Column("bytes", kind="bytes"),
    Column("oldest", kind="time"),
    Column("newest", kind="time"),
    Column("reason"),
)
ONE = (
    *ROWS[:6],
    Column("bytes", kind="bytes"),
    Column("reason", "reason then"),
    Column("reason_now", "reason now"),
    Column("byte"),
    *ROWS[8:],
    Column("key"),
    Column("value"),
    Column("key_b64", wide=True),
    Column("value_b64", wide=True),
)
RETRIED = (
    Column("table"),
    Column("tried", kind="count"),
    Column("loaded", kind="count"),
    Column("stayed", "still there", kind="count"),
    Column("duplicates", "in bronze already", kind="count", wide=True),
    Column("conflicts", "beside another record", kind="count", wide=True),
    Column("left", "not reached", kind="count", wide=True),
    Column("reasons", wide=True),
)
_PLACE = re.compile(r"(\d{1,10}):(\d{1,19})")

Reason = Annotated[
    str | None, typer.Option("--reason", metavar="SQLSTATE", help="Only what was refused so.")
]
Offset = Annotated[
    list[str] | None, typer.Option("--offset", metavar="P:OFFSET", help="Only this; repeatable.")
]
Ranges = Annotated[
    list[str] | None, typer.Option("--range", metavar="P:[FROM,TO)", help="Only these; repeatable.")
]
Generation = Annotated[
    str | None, typer.Option("--generation", metavar="ID", help="Only this life of the topic.")
]


@app.callback()
def quarantine() -> None:
    """The records that bronze could not hold: list them, look at one, load them again."""


@app.command("list", cls=Command)
def list_(
    context: typer.Context,
    table: Table = None,
    topic: Topic = None,
    reason: Reason = None,
    offset: Offset = None,
    range_: Ranges = None,
    generation: Generation = None,
    count: Annotated[bool, typer.Option("--count", help="One line a reason.")] = False,
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="Records a table.")] = 100,
) -> None:
    """List the records in quarantine by their places, or count them by reason.

    A record that Postgres refuses as jsonb is kept whole in quarantine, with the SQLSTATE and the
    words of the refusal. It counts as accounted for, and `bictl verify` stays red until it loads
    (`bictl quarantine retry`) or a person accepts its SQLSTATE (`bictl ack --quarantine`).

    Examples:

      bictl quarantine list
      bictl quarantine list --count
      bictl quarantine list --table product --reason 22P05 --limit 1000 -o jsonl
      bictl quarantine list --range '0:[61000,62000)'
    """
    from bictl.bronze import check_version

    with session(context) as here:
        chosen = _chosen(reason, offset, range_, generation)
        tables = here.tables(table, topic)
        check_version(here.clients.database)
        if count:
            _count(here, tables, chosen)
        else:
            _list(here, tables, chosen, limit)


@app.command(cls=Command)
def show(
    context: typer.Context,
    place: Annotated[str, typer.Argument(metavar="P:OFFSET", help="For example 0:61000.")],
    table: Table = None,
    topic: Topic = None,
    generation: Generation = None,
    raw: Annotated[
        str | None,
        typer.Option(metavar="key|value", help="Only these bytes, exactly as they came."),
    ] = None,
) -> None:
    """Show one record in quarantine: its key and value, and where Postgres stops to read it.

    Text is shown with its control characters made visible, cut around the error on a terminal and
    whole elsewhere; what is no text as a hexdump. In JSON the bytes that are no text stand in
    base64 under key_b64 and value_b64.

    Examples:

      bictl quarantine show 0:61000
      bictl quarantine show 0:61000 --table product --json
      bictl quarantine show 0:61000 --raw value | jq .
    """
    from bictl.bronze import check_version
    from bictl.bronze.quarantine import read_held

    if raw not in (None, "key", "value"):
        raise UsageError(f"--raw takes key or value, not {raw!r}")
    partition, offset = _parse_place(place)
    with session(context) as here:
        item = here.one_table(table, topic)
        check_version(here.clients.database)
        held = read_held(
            here.clients.database,
            table=item,
            partition=partition,
            offset=offset,
            generation=generation,
        )
        if raw:
            here.screen.write_bytes((held.key if raw == "key" else held.value) or b"")
            return
        row = _shown(item.name, held, whole=here.screen.format != "table")
        here.screen.show(View(schema="bictl.quarantine-show/1", columns=ONE, rows=[row]))
        if held.refusal is None:
            here.screen.say(
                "as jsonb Postgres takes it now: "
                f"bictl quarantine retry --table {item.name} --offset {place}"
            )


@app.command(cls=Command)
def retry(
    context: typer.Context,
    table: Table = None,
    topic: Topic = None,
    reason: Reason = None,
    offset: Offset = None,
    range_: Ranges = None,
    generation: Generation = None,
    all_: Annotated[bool, typer.Option("--all", help="Everything that is there.")] = False,
    lock_wait: LockWait = 0.0,
) -> None:
    """Load records from quarantine again, after what refused them was changed.

    A newer bictl, a newer Postgres or another setting of it (max_stack_depth) may take what was
    refused once. The raw bytes go the way of a load, one transaction an object: what loads leaves
    the quarantine, what is refused again stays there with the reason of today.

    Exit code: 0 all of it loaded, or there was none; 3 some stay.

    Examples:

      bictl quarantine retry --table product --all
      bictl quarantine retry --reason 54001          # after: alter role … set max_stack_depth
      bictl quarantine retry --offset 0:61000
    """
    from bictl import pipeline

    code = 0
    with session(context) as here:
        chosen = _chosen(reason, offset, range_, generation)
        if not (all_ or reason or offset or range_):
            raise UsageError(
                "which records?", hint="say --reason, --offset or --range; or --all of them"
            )
        for item in here.tables(table, topic):
            with here.screen.progress() as on_progress:
                work = here.work(on_progress, lock_wait=lock_wait)
                result = pipeline.retry_quarantine(work, item, chosen=chosen)
            here.screen.done(
                View(schema="bictl.quarantine-retry/1", columns=RETRIED, rows=result.rows),
                f"quarantine {item.name}: {result.summary}",
            )
            code = max(code, result.exit_code)
    raise typer.Exit(code)


def _list(here: Session, tables: "Sequence[Configured]", chosen: "Chosen", limit: int) -> None:
    from bictl.bronze.quarantine import list_rows

    rows, said = [], []
    for item in tables:
        found = list_rows(here.clients.database, table=item, chosen=chosen, limit=limit + 1)
        rows += [_row(item.name, row) for row in found[:limit]]
        more = f", the first {limit:,} shown: --limit, or --count" if len(found) > limit else ""
        said.append(f"{item.name}: {_amount(len(found), limit)} in quarantine{more}")
    view = View(schema="bictl.quarantine-list/1", columns=ROWS, rows=rows)
    here.screen.done(view, "; ".join(said))


def _amount(found: int, limit: int) -> str:
    if found > limit:
        return f"more than {limit:,} records"
    return grouped(found, "record") if found else "nothing"


def _count(here: Session, tables: "Sequence[Configured]", chosen: "Chosen") -> None:
    from bictl.bronze.quarantine import count_reasons

    rows: list[dict[str, Any]] = []
    said = []
    for item in tables:
        found = count_reasons(here.clients.database, table=item, chosen=chosen)
        rows += [{"table": item.name, **vars(reason)} for reason in found]
        said.append(f"{item.name}: {sum(reason.records for reason in found):,} in quarantine")
    view = View(schema="bictl.quarantine-count/1", columns=COUNTS, rows=rows)
    here.screen.done(view, "; ".join(said))


def _row(table: str, row: "Row") -> dict[str, Any]:
    return {"table": table, **vars(row), "bytes": row.bytes}


def _shown(table: str, held: "Held", *, whole: bool) -> dict[str, Any]:
    """The record with its bytes: `whole` for another program, else as much as a person reads."""
    now = held.refusal
    row = {
        **_row(table, held.row),
        "reason_now": f"{now.sqlstate} {now.part}: {now.words}" if now else None,
        "byte": now.at if now else None,
    }
    for part, raw in (("key", held.key), ("value", held.value)):
        at = now.at if now and now.part == part else None
        row |= _whole(part, raw) if whole else {part: _excerpt(raw, at)}
    return row


def _whole(part: str, raw: bytes | None) -> dict[str, str | None]:
    from bictl.cli.raw import as_text

    text = as_text(raw)
    if raw is None or text is not None:
        return {part: text, f"{part}_b64": None}
    return {part: None, f"{part}_b64": base64.b64encode(raw).decode()}


def _excerpt(raw: bytes | None, at: int | None) -> str | None:
    from bictl.cli.raw import excerpt

    return None if raw is None else excerpt(raw, at) or "(no bytes)"


def _chosen(
    reason: str | None,
    offsets: Sequence[str] | None,
    ranges: Sequence[str] | None,
    generation: str | None,
) -> "Chosen":
    from bictl.bronze.quarantine import Chosen
    from bictl.ingest.acks import parse_range
    from bictl.records import Range

    places = [_parse_place(text) for text in offsets or ()]
    return Chosen(
        generation=generation,
        sqlstate=reason,
        ranges=[
            *(Range(partition, offset, offset + 1) for partition, offset in places),
            *(parse_range(text) for text in ranges or ()),
        ],
    )


def _parse_place(text: str) -> tuple[int, int]:
    found = _PLACE.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"{text!r} is not a place", hint="write it as PARTITION:OFFSET, 0:61000")
    return int(found[1]), int(found[2])
