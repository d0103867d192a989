"""The ledger of runs in Postgres: one row a stage and run, open while it works.

The work holds an advisory lock named after its row. A row that is still `running` while nobody
holds its lock belongs to a run that was killed: the next run says so.
"""

import json
import logging
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from bictl import __version__, assets
from bictl.errors import BictlError, exit_code_of
from bictl.ops.aside import Answer
from bictl.settings.redact import redact, redact_all

if TYPE_CHECKING:
    from bictl.clients.database import Database

_log = logging.getLogger(__name__)


LEDGER_PATIENCE = 1.5  # seconds that a stage which needs no Postgres waits for it, all in all
_MOMENT = 0.5  # seconds
_FOREVER = 86_400.0


@dataclass
class Outcome:
    """How the work ended, for its row; the work may say more than that it did not fail. One that is
    in a `hurry` has to end now: its row is waited for no longer than a moment."""

    status: Literal["ok", "warn", "fail", "unknown", "killed"] = "ok"
    exit_code: int = 0
    error: str | None = None
    result: Mapping[str, Any] | None = None
    hurry: bool = False


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A stage that came to its end before there was a ledger to write it into."""

    run: str
    command: str
    arguments: Mapping[str, Any]
    started_at: datetime
    finished_at: datetime
    outcome: Outcome


@contextmanager
def recorded(
    database: "Database | None",
    run: str,
    *,
    command: str,
    arguments: Mapping[str, Any],
    makes_it: bool = False,
) -> Iterator[Outcome]:
    """Keeps the row of one stage of a run, from `running` to its outcome; secrets are taken out.

    Without a database, or where it cannot be written, the run stands in the log only: no stage
    depends on this ledger. `makes_it` is for work that makes the ledger, whose row comes behind it.
    """
    outcome = Outcome()
    row = None if database is None else _start(database, run, command, arguments)
    try:
        with _watched(outcome, command):
            yield outcome
        if makes_it and database is not None and row is None:
            row = _start(database, run, command, arguments)
    finally:
        if database is not None and row is not None:
            _finish(database, row, outcome)


@contextmanager
def recorded_aside(
    open_database: "Callable[[], Database]",
    run: str,
    *,
    command: str,
    arguments: Mapping[str, Any],
    patience: float = LEDGER_PATIENCE,
    unwritten: "list[Ended] | None" = None,
) -> Iterator[Outcome]:
    """The same for a stage that does not need Postgres, and neither fails nor waits for it.

    The row is written by a thread of its own, on a connection of its own; at the end it is waited
    for, `patience` seconds at most. A server that is absent, refuses or hangs costs no more, and
    one without bictl's tables costs nothing: then the stage joins `unwritten`, for `write_ended`.
    """
    outcome, started_at = Outcome(), datetime.now(UTC)
    opening = Answer(lambda: _start_aside(open_database, run, command, arguments))
    try:
        with _watched(outcome, command):
            yield outcome
    finally:
        closing = Answer(lambda: _finish_aside(opening, outcome))
        try:
            most = min(patience, _MOMENT) if outcome.hurry else patience
            late = f"Postgres did not answer within {most:g} s"
            if not closing.within(most, late=late) and unwritten is not None:
                unwritten.append(
                    Ended(
                        run=run,
                        command=command,
                        arguments=arguments,
                        started_at=started_at,
                        finished_at=datetime.now(UTC),
                        outcome=outcome,
                    )
                )
        except Exception as error:  # whatever it is, the stage has done its work
            _log.info("the run's end is not in the ledger: %s", error)


def write_ended(database: "Database", unwritten: list[Ended]) -> None:
    """Writes the rows that had no ledger when their stages ended, in that order."""
    while unwritten:
        ended = unwritten.pop(0)
        outcome = ended.outcome
        result = None if outcome.result is None else json.dumps(redact_all(outcome.result))
        values = [
            *_named(ended.run, ended.command, ended.arguments),
            *(outcome.status, ended.started_at, ended.finished_at, ended.finished_at),
            *(outcome.exit_code, outcome.error, result),
        ]
        try:
            database.execute(assets.sql("runs/ended"), values)
        except BictlError as failure:
            _log.warning("the run of %s is not in the ledger: %s", ended.command, failure.message)


def _named(run: str, command: str, arguments: Mapping[str, Any]) -> list[Any]:
    """What a row says of whose it is."""
    return [
        run,
        command,
        json.dumps(redact_all(arguments)),
        __version__,
        socket.gethostname(),
        os.getpid(),
    ]


@contextmanager
def _watched(outcome: Outcome, command: str) -> Iterator[None]:
    """Notes how the work ends, and says it in the log."""
    _log.info("%s started", command)
    try:
        yield
    except BaseException as error:
        outcome.status = "fail" if isinstance(error, Exception) else "killed"
        outcome.exit_code = exit_code_of(error) if isinstance(error, Exception) else 130
        outcome.error = redact(f"{type(error).__name__}: {error}")
        raise
    finally:
        _log.info("%s ended: %s, exit code %d", command, outcome.status, outcome.exit_code)


def _start(
    database: "Database", run: str, command: str, arguments: Mapping[str, Any]
) -> int | None:
    """The new row's id, or None when the ledger cannot be written."""
    try:
        killed = database.rows(assets.sql("runs/mark_killed"), [run])
        row: int = database.value(assets.sql("runs/start"), _named(run, command, arguments))
    except BictlError as error:
        _log.info("the run is not in the ledger: %s", error.message)
        return None
    for name, pid, host in killed:
        _log.warning("an earlier %s (pid %s on %s) was killed", name, pid, host)
    return row


def _finish(database: "Database", row: int, outcome: Outcome) -> None:
    """Closes the row, then frees its lock: who finds the lock free finds the row closed."""
    result = None if outcome.result is None else json.dumps(redact_all(outcome.result))
    values = [outcome.status, outcome.exit_code, outcome.error, result, row]
    try:
        database.execute(assets.sql("runs/finish"), values)
        database.rows(assets.sql("runs/unlock"), [row])
    except BictlError as failure:
        _log.warning("the run's end is not in the ledger: %s", failure.message)


def _start_aside(
    open_database: "Callable[[], Database]", run: str, command: str, arguments: Mapping[str, Any]
) -> "tuple[Database, int | None]":
    database = open_database()
    return database, _start(database, run, command, arguments)


def _finish_aside(opening: "Answer[tuple[Database, int | None]]", outcome: Outcome) -> bool:
    """Whether there was a ledger, and the row is closed."""
    database, row = opening.within(_FOREVER, late="the row was never opened")
    if row is not None:
        _finish(database, row, outcome)
    database.close()
    return row is not None
