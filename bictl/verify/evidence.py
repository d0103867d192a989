"""Evidence: acquired when a check first needs it, and once, also where several lanes need it at the
same time.

That something could not be acquired is remembered too: the checks that need it are all unknown,
for one timeout and not for one each.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from bictl.errors import BictlError
from bictl.records import Stop, never_stop
from bictl.verify.one_snapshot import OneSnapshot
from bictl.verify.slices import WHOLE, Slice
from bictl.verify.surroundings import NOTHING_AROUND, Surroundings

if TYPE_CHECKING:
    from bictl.clients.connect import ConnectWorker
    from bictl.clients.database import Database
    from bictl.clients.dbt_report import Results
    from bictl.clients.encoder import Encoder
    from bictl.clients.objects import ObjectStore
    from bictl.clients.topics import TopicReader
    from bictl.model_file import Model
    from bictl.settings import Table

_T = TypeVar("_T")


class once(Generic[_T]):
    """A property that is acquired once; a failure is raised again for whoever asks again."""

    def __init__(self, acquire: Callable[[Any], _T]) -> None:
        self._acquire = acquire
        self.__doc__ = acquire.__doc__

    @overload
    def __get__(self, world: None, owner: type) -> "once[_T]": ...
    @overload
    def __get__(self, world: "Evidence", owner: type) -> _T: ...
    def __get__(self, world: "Evidence | None", owner: type) -> "once[_T] | _T":
        if world is None:
            return self
        name = self._acquire.__name__
        if name not in world.known:
            with world.turn(name):  # evidence needs other evidence, but never in a circle
                if name in world.failed:
                    raise world.failed[name]
                if name not in world.known:
                    try:
                        world.known[name] = self._acquire(world)
                    except BictlError as error:
                        world.failed[name] = error
                        raise
        found: _T = world.known[name]
        return found


@dataclass(frozen=True, kw_only=True)
class Question:
    """What one run asks: which table, how deep, and what may still be in flight (seconds).

    `slice` is the part of the batches whose contents a deep look compares, `with_cells` says
    whether the cells of staging are compared beside its keys.
    """

    table: "Table"
    level: str
    max_lag: int
    now: datetime
    staging: str  # the staging relation, schema.name
    model: str  # the configured embedding model
    slice: Slice = WHOLE
    with_cells: bool = True
    keeps_nulls: Callable[[], bool | None] = lambda: None
    worker: "Callable[[], ConnectWorker] | None" = None
    staging_model: Callable[[], "Model | None"] = lambda: None  # None: its columns are not known
    around: Surroundings = NOTHING_AROUND
    encoder: "Callable[[], Encoder] | None" = None
    dbt_results: "Callable[[], Results | None]" = lambda: None  # of the last run on this machine
    stop: Stop = never_stop


class Evidence:
    """What one run asks, and what it knows by now."""

    def __init__(
        self,
        reader: "TopicReader",
        objects: "ObjectStore",
        database: "Database",
        question: Question,
    ) -> None:
        self._own_reader, self._objects = reader, objects
        self._asking = threading.RLock()  # a reader asks one thing at a time
        self._postgres, self._outside = OneSnapshot(database), database
        self.question = question
        self.known: dict[str, Any] = {}
        self.failed: dict[str, BictlError] = {}
        self.abandoned = False  # whether a thread is still at work here
        self._turns: dict[str, threading.RLock] = {}

    def turn(self, name: str) -> "threading.RLock":
        """Whose turn it is to acquire a piece of evidence."""
        return self._turns.setdefault(name, threading.RLock())

    @property
    def table(self) -> "Table":
        """The table in question."""
        return self.question.table

    @property
    def level(self) -> str:
        """quick, default or deep."""
        return self.question.level

    @property
    def max_lag(self) -> int:
        """Seconds that a record may be in flight."""
        return self.question.max_lag

    @property
    def model(self) -> str:
        """The configured embedding model."""
        return self.question.model

    @property
    def seed(self) -> str:
        """What chooses the samples: the day, so that a verdict can be repeated, and that a week of
        them looks at more than one."""
        return f"{self.question.now:%Y-%m-%d}"

    def _ask(self, question: "Callable[[TopicReader], _T]") -> _T:
        """Asks Kafka; the question holds everything that it needs of the world already."""
        with self._asking:
            return question(self._own_reader)

    def _attempt(self, name: str) -> None:
        """Acquires something for its place in the order; whoever needs it meets its failure."""
        try:
            getattr(self, name)
        except BictlError:
            return
