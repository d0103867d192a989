"""What was read of one record, layer by layer; an error stands for a layer that did not answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from bictl.errors import BictlError, Unreachable
from bictl.trace.broker import Broker
from bictl.trace.report import Layer, Place, State
from bictl.trace.shelf import Held, Shelf
from bictl.trace.warehouse import Rows

if TYPE_CHECKING:
    from bictl.ingest import Ack
    from bictl.settings import Table


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What was read of one record; an error stands for a layer that could not be read."""

    table: "Table"
    place: Place
    now: datetime
    max_lag: int
    broker: Broker | BictlError
    shelf: Shelf | BictlError
    rows: Rows | BictlError
    written_at: datetime | None = None  # Kafka's timestamp, wherever the record was found
    source_at: datetime | None = None
    op: str = ""
    position: str = ""
    accepted: "Mapping[str, Ack]" = field(default_factory=dict)  # by SQLSTATE

    def is_young(self, moment: datetime | None) -> bool:
        """Whether something of that time may still be on its way."""
        return moment is not None and (self.now - moment).total_seconds() <= self.max_lag

    @property
    def held(self) -> Held | None:
        """The batch that answers for the offset."""
        return self.shelf.held if isinstance(self.shelf, Shelf) else None

    @property
    def is_served(self) -> bool:
        """Whether Kafka has the record."""
        return isinstance(self.broker, Broker) and self.broker.record is not None

    @property
    def is_loaded(self) -> bool:
        """Whether bronze or the quarantine holds it, or held it."""
        rows = self.rows
        return isinstance(rows, Rows) and any((rows.row, rows.quarantined, rows.pruned))


def unread(name: str, error: BictlError) -> Layer:
    """A layer that gave no answer."""
    state = State.UNREACHABLE if isinstance(error, Unreachable) else State.UNKNOWN
    return Layer(name=name, state=state, said=(error.message,), repair=error.hint or "")
