"""bictl ack: a person accepts a loss, a recreated topic or a refusal."""

import getpass
import socket
from typing import TYPE_CHECKING, Annotated

import typer

from bictl.cli.app import single
from bictl.cli.options import Table, Topic
from bictl.cli.session import Session, session
from bictl.cli.view import Column, View
from bictl.errors import UsageError

if TYPE_CHECKING:
    from bictl.ingest.acknowledge import AckResult
    from bictl.settings import Table as Configured

COLUMNS = (
    Column("table"),
    Column("kind"),
    Column("generation"),
    Column("partition", kind="count"),
    Column("first", "from", kind="count"),
    Column("next", "to", kind="count"),
    Column("sqlstate"),
    Column("expires"),
    Column("person"),
    Column("at", kind="time"),
    Column("reason"),
)


def ack(
    context: typer.Context,
    table: Table = None,
    topic: Topic = None,
    range_: Annotated[
        list[str] | None,
        typer.Option(
            "--range", metavar="P:[FROM,TO)", help="Offsets that are lost; more than once."
        ),
    ] = None,
    generation: Annotated[
        str | None,
        typer.Option(metavar="ID", help="The new topic's id; with --range, whose offsets."),
    ] = None,
    quarantine: Annotated[
        str | None,
        typer.Option(metavar="SQLSTATE", help="What was refused so may stay in quarantine."),
    ] = None,
    expires: Annotated[
        str | None,
        typer.Option(metavar="DAY", help="With --quarantine: the last day that it counts, UTC."),
    ] = None,
    reason: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Why it is acceptable; it is kept.")
    ] = None,
    person: Annotated[
        str | None, typer.Option(metavar="NAME", help="Who says so; else the user who runs it.")
    ] = None,
) -> None:
    """Accept a loss, a recreated topic or records in quarantine; without any, list what was.

    An acknowledgement is an object in the bucket. It is written once, never changed, and every
    later verify names it. What Kafka still serves cannot be acknowledged as lost. That a SQLSTATE
    may stay in quarantine is said for all its records, those to come too, until it expires.

    Examples:

      bictl ack --table product --range '0:[115,61443)' --reason 'retention was 7 days, see OPS-12'
      bictl ack --table product --generation 6b1f0c7e-… --reason 'topic rebuilt after the restore'
      bictl ack --table product --quarantine 22P05 --expires 2027-01-31 --reason 'fixed in 8.2'
      bictl ack --table product          # what was acknowledged
    """
    from bictl.ingest.acknowledge import acknowledge, acknowledged
    from bictl.ingest.acks import parse_range

    _check(range_, generation, quarantine, expires)
    with session(context) as here:
        item = here.one_table(table, topic)
        ranges = [parse_range(text) for text in range_ or ()]
        if not ranges and generation is None and quarantine is None:
            found = acknowledged(here.clients.objects, table=item)
        elif not reason:
            raise UsageError("an acknowledgement needs a reason", hint="add --reason '…'")
        elif quarantine:
            found = _accept(here, item, quarantine, expires, reason, person or _caller())
        else:
            found = acknowledge(
                here.clients.reader,
                here.clients.objects,
                table=item,
                ranges=ranges,
                generation=generation,
                reason=reason,
                person=person or _caller(),
            )
        here.screen.done(_view(found), f"{item.name}: {found.summary}")


def _check(
    ranges: list[str] | None, generation: str | None, quarantine: str | None, expires: str | None
) -> None:
    """UsageError for options that do not belong together."""
    if quarantine and (ranges or generation):
        raise UsageError("one acknowledgement at a time", hint="--quarantine stands alone")
    if expires and not quarantine:
        raise UsageError(
            "what is lost stays lost: only --quarantine expires", hint="leave --expires out"
        )


def _accept(
    here: Session, table: "Configured", sqlstate: str, expires: str | None, reason: str, person: str
) -> "AckResult":
    from bictl.bronze import check_version
    from bictl.bronze.quarantine import count_states
    from bictl.ingest.acknowledge import acknowledge_refusal
    from bictl.ingest.acks import parse_day

    day = parse_day(expires) if expires else None
    check_version(here.clients.database)
    return acknowledge_refusal(
        here.clients.objects,
        table=table,
        sqlstate=sqlstate,
        quarantined=count_states(here.clients.database, table=table),
        expires=day,
        reason=reason,
        person=person,
    )


def _view(found: "AckResult") -> View:
    return View(schema="bictl.ack/1", columns=COLUMNS, rows=found.rows)


def _caller() -> str:
    return f"{getpass.getuser()}@{socket.gethostname()}"


app = single(ack)
