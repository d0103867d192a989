"""The ledger of runs in Postgres: one row a stage and run, open while it works.

The work holds an advisory lock named after its row. A row that is still `running` while nobody
holds its lock belongs to a run that was killed: the next run says so.
"""

import json
import logging
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from bictl import __version__, assets
from bictl.errors import BictlError, exit_code_of
from bictl.settings.redact import redact, redact_all

if TYPE_CHECKING:
    from bictl.clients.database import Database

_log = logging.getLogger(__name__)


@dataclass
class Outcome:
    """How the work ended, for its row; the work may say more than that it did not fail."""

    status: Literal["ok", "warn", "fail", "unknown", "killed"] = "ok"
    exit_code: int = 0
    error: str | None = None
    result: Mapping[str, Any] | None = None


@contextmanager
def recorded(
    database: "Database | None", run: str, *, command: str, arguments: Mapping[str, Any]
) -> Iterator[Outcome]:
    """Keeps the row of one stage of a run, from `running` to its outcome; secrets are taken out.

    Without a database, or where it cannot be written, the run stands in the log only: no stage
    depends on this ledger.
    """
    _log.info("%s started", command)
    outcome = Outcome()
    row = None if database is None else _start(database, run, command, arguments)
    try:
        yield outcome
    except BaseException as error:
        outcome.status = "fail" if isinstance(error, Exception) else "killed"
        outcome.exit_code = exit_code_of(error) if isinstance(error, Exception) else 130
        outcome.error = redact(f"{type(error).__name__}: {error}")
        raise
    finally:
        _log.info("%s ended: %s, exit code %d", command, outcome.status, outcome.exit_code)
        if database is not None and row is not None:
            _finish(database, row, outcome)


def _start(
    database: "Database", run: str, command: str, arguments: Mapping[str, Any]
) -> int | None:
    """The new row's id, or None when the ledger cannot be written."""
    try:
        killed = database.rows(assets.sql("runs/mark_killed"), [run])
        row: int = database.value(
            assets.sql("runs/start"),
            [
                run,
                command,
                json.dumps(redact_all(arguments)),
                __version__,
                socket.gethostname(),
                os.getpid(),
            ],
        )
    except BictlError as error:
        _log.info("the run is not in the ledger: %s", error.message)
        return None
    for name, pid, host in killed:
        _log.warning("an earlier %s (pid %s on %s) was killed", name, pid, host)
    return row


def _finish(database: "Database", row: int, outcome: Outcome) -> None:
    result = None if outcome.result is None else json.dumps(redact_all(outcome.result))
    try:
        database.rows(
            assets.sql("runs/finish"),
            [outcome.status, outcome.exit_code, outcome.error, result, row],
        )
    except BictlError as failure:
        _log.warning("the run's end is not in the ledger: %s", failure.message)
