"""One look at every table: the services are asked beside each other, and none can hold it up."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from bictl.errors import BictlError, TimedOut, Unreachable
from bictl.ops.aside import Answer
from bictl.status.kafka import Ends, read_ends, without_kafka
from bictl.status.objects import Objects, read_objects
from bictl.status.postgres import BUDGET, Rows, read_rows
from bictl.status.report import RECREATED, Layer, Report, TableStatus

if TYPE_CHECKING:
    from bictl.clients import Clients
    from bictl.settings import Table

_T = TypeVar("_T")
_Found = dict[str, _T | BictlError]  # by the table's name
KAFKA, OBJECTS, POSTGRES = "Kafka", "the object store", "Postgres"
_FIRST = 0.6  # of the patience is for the frontiers, which Kafka's part stands on


def gather(
    open_clients: "Callable[[], Clients]",
    tables: "Sequence[Table]",
    *,
    staging_schema: str,
    max_lag: int,
    patience: float,
    now: datetime | None = None,
) -> Report:
    """Looks at every table; writes nothing.

    `open_clients` gives clients that nobody else uses: a service that hangs for more than
    `patience` seconds is left behind with them. What it would have told is unknown; the rest is
    there.
    """
    started, moment = time.monotonic(), now or datetime.now(UTC)
    shelves = Answer(lambda: _objects(open_clients, tables))
    most = patience * _FIRST
    ends = Answer(
        lambda: _ends(open_clients, tables, shelves, max_lag=max_lag, now=moment, most=most)
    )
    rows = Answer(lambda: _rows(open_clients, tables, staging_schema))

    def found(answer: Answer[_Found[_T]], service: str) -> _Found[_T]:
        left = patience - (time.monotonic() - started)
        return _taken(answer, tables, service, left, patience)

    objects, counted = found(shelves, OBJECTS), found(rows, POSTGRES)
    kafka = found(ends, KAFKA)
    return Report(
        tables=tuple(
            _status(table, objects[table.name], kafka[table.name], counted[table.name])
            for table in tables
        ),
        at=moment,
        seconds=time.monotonic() - started,
        answered=_answered(objects) or _answered(kafka) or _answered(counted),
    )


def _answered(side: Mapping[str, object]) -> bool:
    return any(not isinstance(item, Unreachable) for item in side.values())


def _taken(
    answer: Answer[_Found[_T]],
    tables: "Sequence[Table]",
    service: str,
    left: float,
    patience: float,
) -> _Found[_T]:
    try:
        return answer.within(left, late=f"{service} did not answer within {patience:g} s")
    except TimedOut as late:
        return dict.fromkeys((table.name for table in tables), late)


def _each(tables: "Sequence[Table]", look: "Callable[[Table], _T]") -> _Found[_T]:
    """What each table gives; a service that did not answer once is not asked again."""
    found: _Found[_T] = {}
    gone: BictlError | None = None
    for table in tables:
        try:
            found[table.name] = gone or look(table)
        except Unreachable as error:
            found[table.name] = gone = error
        except BictlError as error:
            found[table.name] = error
    return found


def _objects(open_clients: "Callable[[], Clients]", tables: "Sequence[Table]") -> _Found[Objects]:
    with closing(open_clients()) as clients:
        return _each(tables, lambda table: read_objects(clients.objects, table))


def _ends(
    open_clients: "Callable[[], Clients]",
    tables: "Sequence[Table]",
    shelves: Answer[_Found[Objects]],
    *,
    max_lag: int,
    now: datetime,
    most: float,
) -> _Found[Ends]:
    """Kafka's side, which needs the frontiers; its connections are opened meanwhile. Without the
    frontiers in `most` seconds it tells what it can."""
    with closing(open_clients()) as clients:
        topics = _each(tables, lambda table: clients.reader.describe(table.topic))
        try:
            objects: _Found[Objects] = shelves.within(most, late="the frontiers came too late")
        except TimedOut as late:  # that is the object store's fault, and Kafka has told its part
            objects = dict.fromkeys((table.name for table in tables), late)

        def look(table: "Table") -> Ends:
            topic, shelf = topics[table.name], objects[table.name]
            if isinstance(topic, BictlError):
                raise topic
            known = None if isinstance(shelf, BictlError) else shelf
            return read_ends(clients.reader, topic, known, max_lag=max_lag, now=now)

        return _each(tables, look)


def _rows(
    open_clients: "Callable[[], Clients]", tables: "Sequence[Table]", staging_schema: str
) -> _Found[Rows]:
    with (
        closing(open_clients()) as clients,
        closing(clients.new_database("bictl status", statement_timeout=BUDGET)) as impatient,
    ):
        return _each(
            tables,
            lambda table: read_rows(
                clients.database, impatient, table, staging=f"{staging_schema}.{table.staging}"
            ),
        )


def _status(
    table: "Table",
    objects: Objects | BictlError,
    ends: Ends | BictlError,
    rows: Rows | BictlError,
) -> TableStatus:
    """The three sides of one table, with what is missing by the name of who did not tell."""
    sides = {OBJECTS: objects, KAFKA: ends, POSTGRES: rows}
    unknown = {name: side.message for name, side in sides.items() if isinstance(side, BictlError)}
    shelf = None if isinstance(objects, BictlError) else objects
    counted = None if isinstance(rows, BictlError) else rows
    known = ends if not isinstance(ends, BictlError) else None
    if known is None and shelf is not None:
        known = without_kafka(shelf)
    if known is not None and any(part.state == RECREATED for part in known.partitions):
        unknown[KAFKA] = f"{table.topic} is another topic than was read: bictl verify"
    return TableStatus(
        table=table.name,
        topic=table.topic,
        generation=known.generation if known else None,
        partitions=known.partitions if known else (),
        layers=_layers(table, shelf, counted),
        stages=counted.stages if counted else (),
        verdicts=counted.verdicts if counted else (),
        unknown=unknown,
        hints={name: side.hint for name, side in sides.items() if isinstance(side, BictlError)},
    )


def _layers(table: "Table", objects: Objects | None, rows: Rows | None) -> tuple[Layer, ...]:
    first = Layer(name="objects", rows=None) if objects is None else _sealed(objects, rows)
    if rows is not None:
        return (first, *rows.layers)
    names = ["bronze", "quarantine", "staging", *(["vectors"] if table.embed else [])]
    return (first, *(Layer(name=name, rows=None) for name in names))


def _sealed(objects: Objects, rows: Rows | None) -> Layer:
    """Records in the objects that are there: those that were loaded are known one by one, of the
    others how many offsets they answer for."""
    loaded = rows.loaded if rows else {}
    new = [batch for batch in objects.batches if batch.key not in loaded]
    records = sum(loaded.get(batch.key, batch.span) for batch in objects.batches)
    batches = f"{len(objects.batches):,} batch{'' if len(objects.batches) == 1 else 'es'}"
    waiting = f", {len(new):,} not loaded yet" if new and rows else ""
    return Layer(
        name="objects",
        rows=records,
        how="at most" if new else "counted",
        at=objects.newest,
        note=f"{batches}{waiting}",
    )
