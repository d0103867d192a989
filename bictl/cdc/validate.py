"""Is a connector's configuration right: bictl's own rules, then the worker's validate.

The worker's verdict alone is not enough: it takes misspelt keys, names of Debezium 1.x and a
missing schema history without a word.
"""

import re
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bictl.cdc.connector_file import ConnectorFile
from bictl.cdc.finding import Finding
from bictl.cdc.keys import check_keys
from bictl.cdc.neighbours import (
    Neighbour,
    check_name,
    check_neighbours,
    check_table,
    check_tables,
)
from bictl.cdc.patience import unless
from bictl.cdc.references import check_secrets
from bictl.cdc.rules import check_values
from bictl.counted import counted
from bictl.errors import NotFound, StageFailed, TimedOut, Unreachable
from bictl.records import Stop, never_stop
from bictl.settings import Table

if TYPE_CHECKING:
    from bictl.clients.connect import ConnectWorker

_PATTERN = re.compile(r"PatternSyntaxException: (?P<why>[^\n]*)\n(?P<entry>[^\n]*)")
# How the SQL Server and the Postgres plugin begin what is wrong with the connection, and what is
# in it when the database did answer.
_NO_CONNECTION = re.compile(r"Unable to connect\.|Error while validating connector config: ")
_LOGIN = re.compile(r"Login failed|Cannot open database|FATAL: |no pg_hba.conf entry|SSL|TLS")
_NO_FILE = re.compile(r"Could not read (?:properties from file|directory|file) (?P<path>\S+)")
_NO_FILE_HINT = "give the worker the file that the reference names, or correct the reference"
_LOGIN_HINT = (
    "check database.user, database.password and the database's name; a reference whose provider "
    "the worker does not have is used literally"
)
_DATABASE_HINT = (
    "start it, or correct database.hostname and database.port as the worker sees them; "
    "a connector cannot be created or changed while its database does not answer"
)


@dataclass(frozen=True, kw_only=True)
class Around:
    """What stands around a connector: the tables, the other connectors, and what a person said.

    `table` is the one that it has to feed, if there is such a one; `connector` is
    `[connect] connector`; `allow` are the keys that a person vouches for.
    """

    tables: Sequence[Table] = ()
    table: Table | None = None
    connector: str = ""
    neighbours: Sequence[Neighbour] = ()
    allow: Collection[str] = ()


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What was found. `silence` is why the worker's own verdict is missing: it does not answer,
    or its database does not answer it. `asked` is whether the worker's validate was had."""

    findings: tuple[Finding, ...]
    asked: bool = False
    silence: Unreachable | None = None

    @property
    def failures(self) -> tuple[Finding, ...]:
        """What keeps the configuration from being applied."""
        return tuple(one for one in self.findings if one.level == "fail")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What a person should know of."""
        return tuple(one for one in self.findings if one.level == "warn")

    def less(self, other: "Verdict") -> "Verdict":
        """What `other` did not say yet."""
        return replace(
            self, findings=tuple(one for one in self.findings if one not in other.findings)
        )

    @property
    def summary(self) -> str:
        """The verdict in words."""
        if not self.findings:
            return "nothing is wrong" if self.asked else "no rule is broken"
        return f"{counted(len(self.failures), 'error')}, {counted(len(self.warnings), 'warning')}"


def check(
    draft: ConnectorFile, around: Around, *, worker_keys: Collection[str] = ()
) -> tuple[Finding, ...]:
    """bictl's own rules; `worker_keys` are those that the worker's plugin lists."""
    rules: Iterable[Iterable[Finding]] = (
        check_keys(draft.config, worker=worker_keys, allow=around.allow),
        check_values(draft.config),
        check_secrets(draft.config),
        check_neighbours(draft, around.neighbours),
        check_tables(draft, around.tables)
        if around.table is None
        else check_table(draft, around.table),
        check_name(draft, configured=around.connector, neighbours=around.neighbours)
        if around.connector
        else (),
    )
    return tuple(one for rule in rules for one in rule)


def look(worker: "ConnectWorker", draft: ConnectorFile, around: Around) -> Verdict:
    """bictl's own rules, knowing what the worker's plugin lists and which connectors it has."""
    try:
        keys = worker.keys(draft.plugin) if draft.plugin else frozenset[str]()
        around = replace(around, neighbours=_neighbours(worker, draft, around.neighbours))
    except NotFound as error:
        missing = _theirs("connector.class", error.message, error.hint or "")
        return Verdict(findings=(*check(draft, around), missing))
    except Unreachable as error:
        return Verdict(findings=check(draft, around), silence=error)
    return Verdict(findings=check(draft, around, worker_keys=keys))


def _neighbours(
    worker: "ConnectWorker", draft: ConnectorFile, files: Sequence[Neighbour]
) -> tuple[Neighbour, ...]:
    """The worker's other connectors, and those in files that it does not have."""
    running = [
        Neighbour(one.name, "on the worker", one.config)
        for one in worker.overview()
        if one.name != draft.name
    ]
    names = {one.name for one in running}
    return (*running, *(one for one in files if one.name not in names))


def ask(
    worker: "ConnectWorker", draft: ConnectorFile, own: Verdict, *, stop: Stop = never_stop
) -> Verdict:
    """`own` with what the worker's validate found; not asked when the rules found enough.

    It tries the source's database: seconds, and a minute and a half when that is silent; `stop`
    ends the wait.
    """
    if own.failures or own.silence:
        return own
    started = time.monotonic()
    try:
        errors = unless(stop, lambda: worker.validate(draft.name, draft.config))
    except TimedOut as error:
        return replace(own, silence=_late(worker, draft, error, time.monotonic() - started))
    except StageFailed as error:  # a 500 is how the worker says that an expression is broken
        said = str(getattr(error, "said", error.message))
        return replace(own, asked=True, findings=(*own.findings, _broken(draft, said)))
    if errors is None:
        words = f"stopped while the worker tried the database at {draft.database}"
        return replace(own, silence=Unreachable(words))
    theirs = [(key, text) for key, texts in sorted(errors.items()) for text in texts]
    away = [text for _, text in theirs if _is_away(text)]
    found = [_theirs(key, text, _hint(text)) for key, text in theirs if not _is_away(text)]
    return replace(
        own,
        asked=True,
        findings=(*own.findings, *found),
        silence=_no_database(draft, away[0]) if away and not found else None,
    )


def _is_away(text: str) -> bool:
    """Whether the database did not answer; one that refuses a login did."""
    return bool(_NO_CONNECTION.search(text)) and not _LOGIN.search(text)


def _hint(text: str) -> str:
    return _LOGIN_HINT if _LOGIN.search(text) else ""


def _theirs(key: str, message: str, hint: str = "") -> Finding:
    return Finding(level="fail", key=key, message=message, hint=hint, by="worker")


def _broken(draft: ConnectorFile, said: str) -> Finding:
    """An error that the worker gives without its key: that of the expression, if it shows one."""
    if unread := _NO_FILE.search(said):
        keys = [key for key, value in draft.config.items() if f":{unread['path']}:" in value]
        return _theirs(keys[0] if keys else "", said.rpartition("Exception: ")[2], _NO_FILE_HINT)
    found = _PATTERN.search(said)
    if found is None:
        return _theirs("", said, "the worker's log says more")
    entry = found["entry"].strip()
    keys = [key for key, value in draft.config.items() if entry and entry in value]
    return _theirs(
        keys[0] if keys else "", f"{entry!r} is no regular expression: {found['why']}", "correct it"
    )


def _no_database(draft: ConnectorFile, text: str) -> Unreachable:
    words = text.partition(" Verify the connection properties")[0].rpartition("rror: ")[2]
    words = words.removeprefix("Error while validating connector config: ").strip(' "')
    return Unreachable(
        f"the worker cannot reach the database at {draft.database}: {words}",
        hint=_DATABASE_HINT,
    )


def _late(
    worker: "ConnectWorker", draft: ConnectorFile, error: TimedOut, seconds: float
) -> TimedOut:
    """Who is silent: the worker itself, or the database that it tries."""
    try:
        worker.worker()
    except Unreachable:
        return error
    return TimedOut(
        f"the database at {draft.database} is silent: the worker has tried it for {seconds:.0f} s",
        hint=_DATABASE_HINT,
    )
