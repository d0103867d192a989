"""What the ledger of runs tells beside a verdict. A ledger that cannot be read, or does not answer
soon, takes nothing from the verdict: nothing is told of it then."""

from collections.abc import Callable, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from bictl.errors import BictlError
from bictl.ops import ledger
from bictl.ops.aside import Answer
from bictl.ops.ledger import STAGES, Last

if TYPE_CHECKING:
    from bictl.clients.database import Database

PATIENCE = 5.0  # seconds


def last_successes(
    open_database: "Callable[[], Database]", tables: Sequence[str], *, patience: float = PATIENCE
) -> list[Last]:
    """Each stage's last success on each table."""

    def ask() -> list[Last]:
        with closing(open_database()) as database:
            return ledger.last(database, stages=STAGES, tables=tables)

    try:
        return Answer(ask).within(patience, late="the ledger of runs did not answer")
    except BictlError:
        return []
