"""Postgres as it stands at one moment, on as many connections as read it beside each other.

https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-SNAPSHOT-SYNCHRONIZATION
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar

from bictl.errors import BictlError, TimedOut

if TYPE_CHECKING:
    from bictl.clients.database import Database

_T = TypeVar("_T")
CONNECTIONS = 2  # what reads bronze is bound by a core of the server; a third one gained nothing
# The fold sorts every record once; its laterals give one row each, so memoizing them only copies
# them.
_SETTINGS = "set local work_mem = '64MB'; set local enable_memoize = off"
_BESIDE = "set local lock_timeout = '2s'"  # longer than Postgres looks for deadlocks of its own
_ALONE = "set local lock_timeout = 0"


class OneSnapshot:
    """A read-only snapshot, from `open` to `close`.

    Who reads takes a connection that is free; a second one is opened when the first is at work, and
    where that cannot be had the first one does it all. So it does from when one of them had to wait
    for a lock: a `reindex` waits for what the other one has read, and everybody for the `reindex`,
    a deadlock that Postgres does not see.
    """

    def __init__(self, database: "Database", *, connections: int = CONNECTIONS) -> None:
        self._database, self._most = database, connections
        self._free: list[Database] = []
        self._all: list[Database] = []
        self._parting = False
        self._changed = threading.Condition()
        self._opened, self._others = ExitStack(), ExitStack()
        self._name = ""
        self._mine = threading.local()

    def open(self) -> None:
        """Fixes the moment."""
        self._opened.enter_context(self._database.transaction(read_only=True, snapshot=True))
        self._opened.push(self._others)
        self._database.execute(_SETTINGS)
        self._database.execute(_BESIDE)
        self._name = self._database.value("select pg_export_snapshot()")
        self._all, self._free = [self._database], [self._database]

    def read(self, ask: "Callable[[Database], _T]") -> _T:
        """Within a savepoint, so that a failed statement spoils nothing else."""
        held: Database | None = getattr(self._mine, "database", None)
        if held is not None:
            with held.transaction():
                return ask(held)
        try:
            return self._read(ask)
        except TimedOut as error:
            if not self._database.waited_for_a_lock(error):
                raise
        self._part()
        return self._read(ask)

    def cancel(self) -> None:
        """Asks the server to give up what it does here, and does not wait for its answer."""
        for database in list(self._all):
            threading.Thread(target=database.cancel, name="cancel", daemon=True).start()

    def close(self) -> None:
        """Ends the snapshot; the connections that were opened for it are closed. One that has died
        holds nothing that could be ended."""
        with suppress(BictlError):
            self._opened.close()

    def _read(self, ask: "Callable[[Database], _T]") -> _T:
        with self._taken() as database:
            self._mine.database = database
            try:
                with database.transaction():
                    return ask(database)
            finally:
                self._mine.database = None

    def _part(self) -> None:
        """Leaves the first connection alone, once nobody reads on another one; it then waits for
        locks as long as it takes."""
        with self._changed:
            self._most, self._parting = 1, True
            while self._parting and len(self._free) < len(self._all):
                self._changed.wait()
            try:
                if self._parting:
                    self._all, self._free = [self._database], [self._database]
                    with suppress(BictlError):  # of a connection that has died
                        self._others.close()
                    self._database.execute(_ALONE)
            finally:
                self._parting = False
                self._changed.notify_all()

    @contextmanager
    def _taken(self) -> "Iterator[Database]":
        database = self._take()
        try:
            yield database
        finally:
            with self._changed:
                self._free.append(database)
                self._changed.notify_all()

    def _take(self) -> "Database":
        with self._changed:
            while self._parting or not self._free:
                if self._parting or len(self._all) >= self._most:
                    self._changed.wait()
                elif (more := self._beside()) is not None:
                    self._all.append(more)
                    return more
                else:
                    self._most = len(self._all)
            return self._free.pop()

    def _beside(self) -> "Database | None":
        """Another connection that sees the same; None where there is none to be had."""
        database = self._database.beside()
        with ExitStack() as opened:
            opened.callback(database.close)
            try:
                opened.enter_context(database.transaction(read_only=True, snapshot=True))
                database.execute("set transaction snapshot %s", [self._name])
                database.execute(_SETTINGS)
                database.execute(_BESIDE)
            except BictlError:
                return None
            self._others.push(opened.pop_all())
        return database
