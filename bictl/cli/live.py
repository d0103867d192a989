"""The live half of `bictl demo --jvm`: a source, its connector, its traffic and the latency."""

import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bictl.cli.session import Session
from bictl.errors import StageFailed

if TYPE_CHECKING:
    from bictl.cdc import ConnectorFile
    from bictl.clients.database import Database
    from bictl.local.publish import Published
    from bictl.local.stack import Stack
    from bictl.local.traffic import Traffic
    from bictl.settings import Table

_WAIT = 120.0  # seconds for a connector's tasks to run


@dataclass(frozen=True)
class Captured:
    """What happened at the source, and offsets [first, next) that Debezium made of it."""

    published: "Published"
    traffic: "Traffic"


def capture(
    here: Session, running: "Stack", table: "Table", products: int, changes: int
) -> Captured:
    """Fill the source, register its connector, await the snapshot, change the source, await it."""
    from bictl.clients.database import Database
    from bictl.local.arrival import end_of

    with closing(Database(running.source, application="bictl demo")) as source:
        rows = _fill(here, source, products)
        before = end_of(here.clients.reader, table.topic)
        _register(here, running)
        after = _snapshot(here, table, rows, before)
        return _change(here, source, table, changes, after)


def measure(here: Session, running: "Stack", table: "Table", first: int) -> dict[str, Any]:
    """The latency of the traffic, and of one more change that is followed through to staging."""
    from bictl.clients.database import Database
    from bictl.local.latency import commit_to_topic

    whole = commit_to_topic(here.clients.database, table, first=first)
    with closing(Database(running.source, application="bictl demo")) as source:
        followed = _follow(here, source, table)
    said = (
        []
        if whole is None
        else [f"commit → topic {whole.p50:.2f} s (p50), {whole.p99:.2f} s (p99)"]
    )
    if followed:
        said.append(
            f"one more change: topic after {followed['topic']:.2f} s, "
            f"{table.staging} after {followed['staging']:.2f} s"
        )
    here.screen.say(f"{'latency':<12}{'; '.join(said)}")
    parts = {} if whole is None else {"p50": round(whole.p50, 3), "p99": round(whole.p99, 3)}
    return {"commit_to_topic": parts, "one_change": followed}


def _fill(here: Session, source: "Database", products: int) -> int:
    from bictl.local.traffic import fill

    rows = fill(source, products)
    here.stop.check()
    here.screen.say(f'{"source":<12}ConcordDb\'s dbo."Product" holds {rows:,} products')
    return rows


def _register(here: Session, running: "Stack") -> None:
    """As `bictl cdc apply` would, nothing is put where nothing differs; and what had failed, e.g.
    with a source that was down, is restarted."""
    from bictl.cdc import RESTART_FAILED, Patience, apply, carry_out, plan, prepare

    draft, worker = _draft(running), here.clients.connect()
    patience = Patience(until=time.monotonic() + _WAIT, stop=here.stop)
    planned = plan(worker, draft)
    done = apply(worker, draft, planned, patience=patience)
    here.stop.check()
    said, reason, hint = done.summary, done.reason, done.verdict.hint
    if done.exit_code == 1 and not done.changed:
        wanted = prepare(worker, draft.name, RESTART_FAILED)
        change = carry_out(worker, wanted, patience=patience)
        here.stop.check()
        said, reason = change.summary, "" if change.exit_code == 0 else change.summary
    elif done.exit_code == 0:
        reason = ""
    if reason:
        raise StageFailed(f"{draft.name}: {reason}", hint=hint)
    here.screen.say(f"{'connector':<12}{said}")


def _draft(running: "Stack") -> "ConnectorFile":
    from bictl.cdc.connector_file import read
    from bictl.local.configuration import CONNECTOR, connectors_dir

    return read(connectors_dir(running.directory) / f"{CONNECTOR}.json")


def _snapshot(here: Session, table: "Table", rows: int, before: int) -> int:
    """The topic's end once the snapshot is over."""
    from bictl.local.arrival import await_snapshot

    reader, started = here.clients.reader, time.monotonic()
    with here.screen.progress() as on_progress:
        end = await_snapshot(
            reader,
            table.topic,
            rows,
            check=lambda: _check(here),
            on_progress=on_progress,
            stop=here.stop,
        )
    here.stop.check()
    if end > before:
        seconds = time.monotonic() - started
        here.screen.say(
            f"{'snapshot':<12}{end - before:,} records in {table.topic}  ({seconds:.1f} s)"
        )
    return end


def _change(
    here: Session, source: "Database", table: "Table", changes: int, before: int
) -> Captured:
    """The traffic, until the record of its last transaction is in the topic."""
    from bictl.local.publish import Published
    from bictl.local.traffic import change

    with here.screen.progress() as on_progress:
        made = change(source, changes, on_progress=on_progress, stop=here.stop)
    here.stop.check()
    end = _await(here, table, made.last, before)
    here.screen.say(f"{'traffic':<12}{_words(made)}")
    published = Published(table.topic, before, end, 0, made.changes, resumed=False)
    return Captured(published, made)


def _words(made: "Traffic") -> str:
    said = [f"{made.transactions:,} transactions, {made.rolled_back} more rolled back"]
    for op, word in (("c", "created"), ("u", "updated"), ("d", "deleted")):
        if made.changes.get(op):
            said.append(f"{made.changes[op]:,} {word}")
    if made.moved:
        said.append(f"{made.moved} of them under a new key")
    return ", ".join(said)


def _await(here: Session, table: "Table", transaction: int, first: int) -> int:
    from bictl.local.arrival import await_transaction

    end = await_transaction(
        here.clients.reader,
        table.topic,
        transaction,
        first=first,
        check=lambda: _check(here),
        stop=here.stop,
    )
    here.stop.check()
    return end


def _follow(here: Session, source: "Database", table: "Table") -> dict[str, float]:
    """Seconds after its commit at which one change is in the topic, and in staging: a view, so
    that it is there with the load."""
    from bictl import pipeline
    from bictl.local.arrival import end_of
    from bictl.local.traffic import touch

    before = end_of(here.clients.reader, table.topic)
    transaction = touch(source)
    committed = time.monotonic()
    _await(here, table, transaction, before)
    arrived = time.monotonic()
    with here.screen.progress() as on_progress:
        work = here.work(on_progress)
        pipeline.ingest(work, table)
        pipeline.load_bronze(work, table)
    here.stop.check()
    (wanted,) = source.rows('select "ID", "Price" from dbo."Product" order by 1 desc limit 1')
    if _staged(here, table, wanted[0]) != wanted[1]:
        raise StageFailed(
            f"product {wanted[0]} has another price in {table.staging} than at the source",
            hint=f"bictl trace --table {table.name} --key {wanted[0]}",
        )
    staged = time.monotonic()
    return {"topic": round(arrived - committed, 3), "staging": round(staged - committed, 3)}


def _staged(here: Session, table: "Table", id: int) -> Any:
    query = "select price from {view} where product_id = %s"
    view = f"{here.settings.dbt.view_schema}.{table.staging}"
    return here.clients.database.value(here.clients.database.quoted(query, view=view), [id])


def _check(here: Session) -> None:
    """Raises StageFailed with the root cause where the connector has failed."""
    from bictl.cdc import judge

    worker = here.clients.connect()
    name = here.settings.connect.connector
    verdict = judge(worker.connector(name), answers=True)
    if verdict.health == "fail":
        raise StageFailed(f"{name}: {verdict.reason}", hint=verdict.hint)
