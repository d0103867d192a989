"""bictl cdc snapshot: have a connector read tables again, while it runs."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from bictl.cli.cdc.worker import check_stopped, connector_name, patience, worker
from bictl.cli.confirm import Yes, confirm, need_person
from bictl.cli.session import Session, session
from bictl.cli.view import Column, View
from bictl.errors import UsageError

if TYPE_CHECKING:
    from bictl.cdc import Channel, Signal
    from bictl.clients.connect import ConnectWorker

COLUMNS = (
    Column("connector"),
    Column("kind"),
    Column("collections"),
    Column("channel"),
    Column("signal", wide=True),
    Column("began"),
)


def snapshot(
    context: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(metavar="[CONNECTOR]", help="The connector; else the configured one."),
    ] = None,
    table: Annotated[
        list[str] | None,
        typer.Option("--table", "-t", metavar="NAME", help="A configured table; several times."),
    ] = None,
    collection: Annotated[
        list[str] | None,
        typer.Option(metavar="TABLE", help="A table as Debezium names it; several times."),
    ] = None,
    blocking: Annotated[
        bool, typer.Option("--blocking", help="All at once; the stream stands still meanwhile.")
    ] = False,
    channel: Annotated[
        str | None,
        typer.Option(metavar="kafka|table", help="How it is asked; else Kafka, where enabled."),
    ] = None,
    yes: Yes = False,
) -> None:
    """Have a running connector read tables again, without touching its offsets.

    An incremental snapshot reads in pieces beside the stream; --blocking reads at once and needs
    Debezium 2.4. Through Kafka bictl writes the signal itself and waits until the first record of
    the snapshot is in the table's topic. Through the signal table it prints the INSERT, and a
    person runs it in the source database. Either way an incremental snapshot needs the connector's
    signal.data.collection: its watermarks are written there.

    Examples:

      bictl cdc snapshot --table product
      bictl cdc snapshot --table product --blocking --yes
      bictl cdc snapshot --collection ConcordDb.dbo.Product --channel table
    """
    from bictl import cdc as stage

    if channel not in (None, "kafka", "table"):
        raise UsageError(f"{channel!r} is no channel", hint="--channel kafka, or --channel table")
    if channel != "table":
        need_person(
            "cdc snapshot has tables read again",
            yes=yes,
            hint="say --yes, or --channel table for the INSERT alone",
        )
    with session(context) as here:
        found = worker(here)
        chosen = [here.settings.table(one).topic for one in table or ()]
        if not chosen and not collection:
            chosen = [here.one_table(None).topic]
        signal, way = stage.prepare_signal(
            found,
            connector_name(here, name),
            kind="blocking" if blocking else "incremental",
            channel=channel,  # type: ignore[arg-type]
            topics=chosen,
            collections=collection or (),
        )
        _carry(here, found, signal, way, yes=yes)


def _carry(
    here: Session, found: "ConnectWorker", signal: "Signal", way: "Channel", *, yes: bool
) -> None:
    from bictl import cdc as stage

    if way == "table":
        _show(here, signal, way, None)
        return
    stage.check_topics(found, here.clients.reader, signal)
    confirm(here, signal.question, yes=yes)
    arrival = stage.Arrival.after(here.clients.reader, signal.tables)
    until = patience(here)  # from here on a signal of the system's ends the wait only
    here.clients.write(signal.topic, partition=0, key=signal.key.encode(), value=signal.record)
    here.screen.say(f"asked {signal.connector} by {signal.topic}; it listens every few seconds")
    place = arrival.await_first(signal, patience=until)
    _show(here, signal, way, place)
    check_stopped(here, signal.connector)


def _show(here: Session, signal: "Signal", way: "Channel", place: object) -> None:
    """The INSERT is the result where a person has to run it: it can be piped into a client."""
    names = ", ".join(signal.collections)
    if way == "table" and here.screen.format in ("table", "tsv"):
        here.screen.write(signal.statement)
        here.screen.say("run it in the source database; then: bictl cdc status --watch 5")
        return
    row: dict[str, Any] = {
        "connector": signal.connector,
        "kind": signal.kind,
        "collections": list(signal.collections),
        "channel": way,
        "signal": signal.statement if way == "table" else signal.record.decode(),
        "began": str(place) if place else None,
    }
    words = (
        f"the snapshot of {names} has begun: {place}"
        if place
        else "its first record is not seen yet"
    )
    here.screen.done(View(schema="bictl.cdc-snapshot/1", columns=COLUMNS, rows=[row]), words)
