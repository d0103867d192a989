"""What the ledger of runs tells beside a verdict. A ledger that cannot be read, or does not answer
soon, takes nothing from the verdict: nothing is told of it then."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from bictl.errors import BictlError
from bictl.ops import ledger
from bictl.ops.aside import Answer
from bictl.ops.ledger import STAGES, Last, Run

if TYPE_CHECKING:
    from bictl.clients.database import Database

_T = TypeVar("_T")
PATIENCE = 5.0  # seconds
NEWEST = 24  # runs of a stage


@dataclass(frozen=True, kw_only=True)
class Past:
    """The newest runs of each table and stage, the newest first; `unread` says why not."""

    runs: Mapping[str, Mapping[str, tuple[Run, ...]]] = field(default_factory=dict)
    unread: str = ""

    def of(self, table: str) -> Mapping[str, tuple[Run, ...]]:
        """One table's, by stage, in the order of the flow."""
        return self.runs.get(table, {})


def last_successes(
    open_database: "Callable[[], Database]", tables: Sequence[str], *, patience: float = PATIENCE
) -> list[Last]:
    """Each stage's last success on each table."""
    try:
        return _asked(
            open_database,
            lambda database: ledger.last(database, stages=STAGES, tables=tables),
            patience,
        )
    except BictlError:
        return []


def read_past(
    open_database: "Callable[[], Database]", tables: Sequence[str], *, patience: float = PATIENCE
) -> Past:
    """The newest runs of each stage on each table."""
    try:
        found = _asked(open_database, lambda database: _runs(database, tables), patience)
    except BictlError as error:
        return Past(unread=error.message)
    return Past(runs=found)


def _runs(database: "Database", tables: Sequence[str]) -> dict[str, dict[str, tuple[Run, ...]]]:
    return {
        table: {
            stage: tuple(found)
            for stage in STAGES
            if (found := ledger.runs(database, stage=stage, table=table, limit=NEWEST))
        }
        for table in tables
    }


def _asked(
    open_database: "Callable[[], Database]", ask: "Callable[[Database], _T]", patience: float
) -> _T:
    def answer() -> _T:
        with closing(open_database()) as database:
            return ask(database)

    late = f"the ledger of runs did not answer within {patience:g} s"
    return Answer(answer).within(patience, late=late)
