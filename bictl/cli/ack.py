"""bictl ack: a person accepts a loss or a recreated topic."""

import getpass
import socket
from typing import TYPE_CHECKING, Annotated

import typer

from bictl.cli.app import single
from bictl.cli.options import Table, Topic
from bictl.cli.session import session
from bictl.cli.view import Column, View
from bictl.errors import UsageError

if TYPE_CHECKING:
    from bictl.ingest.acknowledge import AckResult

COLUMNS = (
    Column("table"),
    Column("kind"),
    Column("generation"),
    Column("partition", kind="count"),
    Column("first", "from", kind="count"),
    Column("next", "to", kind="count"),
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
    reason: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Why it is acceptable; it is kept.")
    ] = None,
    person: Annotated[
        str | None, typer.Option(metavar="NAME", help="Who says so; else the user who runs it.")
    ] = None,
) -> None:
    """Accept a loss or a recreated topic, so that ingest goes on; without either, list them.

    An acknowledgement is an object beside the batches. It is written once, never changed, and every
    later verify names it.

    Examples:

      bictl ack --table product --range '0:[115,61443)' --reason 'retention was 7 days, see OPS-12'
      bictl ack --table product --generation 6b1f0c7e-… --reason 'topic rebuilt after the restore'
      bictl ack --table product          # what was acknowledged
    """
    from bictl.ingest.acknowledge import acknowledge, acknowledged
    from bictl.ingest.acks import parse_range

    with session(context) as here:
        item = here.one_table(table, topic)
        ranges = [parse_range(text) for text in range_ or ()]
        if not ranges and generation is None:
            found = acknowledged(here.clients.objects, table=item)
            here.screen.done(_view(found), f"{item.name}: {found.summary}")
            return
        if not reason:
            raise UsageError("an acknowledgement needs a reason", hint="add --reason '…'")
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


def _view(found: "AckResult") -> View:
    return View(schema="bictl.ack/1", columns=COLUMNS, rows=found.rows)


def _caller() -> str:
    return f"{getpass.getuser()}@{socket.gethostname()}"


app = single(ack)
