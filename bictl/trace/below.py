"""What the evidence below bronze means: the key's newest record, its row in staging, its vector.

Staging and vectors hold one row a key: that of the newest record that bronze has. A record which is
not that one is superseded there, and its key's row is judged all the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bictl.clients.relations import Missing
from bictl.errors import BictlError
from bictl.trace.event import Event, is_closed, newest
from bictl.trace.evidence import unread
from bictl.trace.key import Key
from bictl.trace.layers import KEY, STAGING, VECTORS
from bictl.trace.report import Layer, Place, State
from bictl.trace.warehouse import Staged, Standing, Vector

if TYPE_CHECKING:
    from bictl.settings import Table


@dataclass(frozen=True, kw_only=True)
class Below:
    """What was read of one key. `place` is the traced record, None where only the key is known;
    `beyond` are its events that bronze does not hold."""

    table: "Table"
    model: str
    key: Key | None
    place: Place | None
    standing: Standing | BictlError
    beyond: Sequence[Event]
    now: datetime
    max_lag: int
    is_seen: bool = True  # whether any layer has the record's content

    @property
    def loaded(self) -> Event | None:
        """The newest event that bronze holds: the one that staging shows."""
        return newest(self.standing.events) if isinstance(self.standing, Standing) else None

    @property
    def newest(self) -> Event | None:
        """The newest event that is known at all."""
        return newest(self.events)

    @property
    def events(self) -> list[Event]:
        """All that is known, one a place; what bronze says about a place comes first."""
        known = {event.place: event for event in self.beyond}
        if isinstance(self.standing, Standing):
            known |= {event.place: event for event in self.standing.quarantined}
            known |= {event.place: event for event in self.standing.events}
        return list(known.values())

    @property
    def is_traced(self) -> bool:
        """Whether the row below is that of the traced record."""
        return self.place is None or (self.loaded is not None and self.loaded.place == self.place)

    def is_young(self, moment: datetime | None) -> bool:
        """Whether something of that time may still be on its way."""
        return moment is not None and (self.now - moment).total_seconds() <= self.max_lag


def downstream(below: Below) -> list[Layer]:
    """The key's layers; no vectors where the table embeds nothing."""
    staging = _staging(below)
    layers = [_key(below), _seen_from(below, staging)]
    if below.table.embed:
        layers.append(_seen_from(below, _vectors(below, staging)))
    return layers


def _seen_from(below: Below, layer: Layer) -> Layer:
    """A row that is right, but not that of the traced record."""
    right = (State.FOUND, State.DELETED, State.CLOSED, State.NO_TEXT)
    if below.is_traced or layer.state not in right or below.loaded is None:
        return layer
    if below.newest is not None and below.newest.place == below.place:
        said = f"it stands at {below.loaded.words} still"
        return replace(layer, state=State.NOT_YET, at=None, said=(said, *layer.said))
    said = f"{layer.state} as of {below.loaded.words}"
    return replace(layer, state=State.SUPERSEDED, at=None, said=(said, *layer.said))


def _key(below: Below) -> Layer:
    if below.key is None:
        return _keyless(below)
    facts: dict[str, Any] = {"key": below.key.by_column}
    if isinstance(below.standing, BictlError) and not below.beyond:
        return replace(unread(KEY, below.standing), facts=facts)
    last = below.newest
    if last is None:
        said = ("no record of it is known",)
        return Layer(name=KEY, state=State.MISSING, said=said, facts=facts)
    facts["newest"] = {"generation": last.place.generation, "offset": str(last.place)}
    if below.place is None or last.place == below.place:
        state, said = State.NEWEST, (f"the newest record of {below.key.named}",)
    else:
        state, said = (
            State.SUPERSEDED,
            (f"by {last.words}, the newest record of {below.key.named}",),
        )
    return Layer(name=KEY, state=state, said=said, facts=facts)


def _keyless(below: Below) -> Layer:
    """No key is known: the record has none, or no layer has its content."""
    if not below.is_seen:
        return Layer(name=KEY, state=State.NOT_TOLD, said=("no layer has the record itself",))
    said = ("neither the record's key nor its row names one",)
    return Layer(name=KEY, state=State.NO_KEY, said=said)


def _staging(below: Below) -> Layer:
    standing = below.standing
    if below.key is None:
        return Layer(name=STAGING, state=State.NOT_THERE)
    if isinstance(standing, BictlError):
        return unread(STAGING, standing)
    if isinstance(standing.staged, BictlError):
        return _unreadable(below, standing.staged)
    gone = _gone(standing, below.loaded)
    if standing.staged is None:
        return gone or _not_staged(below)
    return _row(below, standing.staged.row, gone)


def _unreadable(below: Below, error: BictlError) -> Layer:
    """Staging gave no answer; where it is not made yet, that is one."""
    if not isinstance(error, Missing):
        return unread(STAGING, error)
    return replace(_not_staged(below), said=(error.message,))


def _not_staged(below: Below) -> Layer:
    """No row of the key is there, and nothing says that there should be none."""
    loaded = below.loaded
    if loaded is None or below.is_young(loaded.loaded_at):
        return Layer(name=STAGING, state=State.NOT_YET)
    said = (f"bronze's newest record is {loaded.words}, and no row shows it",)
    return Layer(name=STAGING, state=State.MISSING, said=said, repair=_transform(below))


def _row(below: Below, staged: Mapping[str, Any], gone: Layer | None) -> Layer:
    """A row of the key is there."""
    loaded, facts = below.loaded, {"row": dict(staged)}
    said: tuple[str, ...]
    if gone is None and loaded is not None and not (other := _differences(staged, loaded)):
        said = (f"the row of {loaded.words}",)
        return Layer(name=STAGING, state=State.FOUND, said=said, facts=facts)
    if loaded is None:
        said = ("the row is there, and bronze holds no record of it",)
    elif gone is not None:
        said = ("the row is still there", *gone.said)
    else:
        said = (f"the row is not that of {loaded.words}: {', '.join(other)}",)
    return Layer(name=STAGING, state=State.STALE, said=said, repair=_transform(below), facts=facts)


def _transform(below: Below) -> str:
    return f"bictl transform --table {below.table.name}"


def _gone(standing: Standing, loaded: Event | None) -> Layer | None:
    """Why a key has no row, where it should have none."""
    if loaded is None:
        return None
    if loaded.is_gone:
        return Layer(name=STAGING, state=State.DELETED, said=(f"by {loaded.words}",))
    if is_closed(loaded, standing.snapshots):
        said = f"a later snapshot did not find it; its newest record is {loaded.words}"
        return Layer(name=STAGING, state=State.CLOSED, said=(said,))
    return None


def _differences(staged: Mapping[str, Any], loaded: Event) -> list[str]:
    """Where the row is not made from that record."""
    expected = {
        "cdc_operation": loaded.op,
        "ingested_at": loaded.loaded_at,
        "source_timestamp": loaded.source_at,
    }
    return [
        f"{name} is {staged[name]}, not {value}"
        for name, value in expected.items()
        if name in staged and staged[name] != value
    ]


def _vectors(below: Below, staging: Layer) -> Layer:
    standing = below.standing
    if below.key is None:
        return Layer(name=VECTORS, state=State.NOT_THERE)
    if isinstance(standing, BictlError):
        return unread(VECTORS, standing)
    vector = standing.vector
    if isinstance(vector, Vector):
        return _judged(below, standing, vector)
    if isinstance(vector, BictlError) and not isinstance(vector, Missing):
        return unread(VECTORS, vector)
    return _no_vector(below, standing, staging)


def _no_vector(below: Below, standing: Standing, staging: Layer) -> Layer:
    said = (standing.vector.message,) if isinstance(standing.vector, BictlError) else ()
    if not isinstance(standing.staged, Staged):
        passed_on = (State.DELETED, State.CLOSED, State.UNKNOWN, State.UNREACHABLE)
        state = staging.state if staging.state in passed_on else State.NOT_YET
        return Layer(name=VECTORS, state=state, said=said)
    if standing.staged.is_empty:
        return Layer(name=VECTORS, state=State.NO_TEXT, said=("nothing to embed",))
    if below.is_young(_since(below)):
        return Layer(name=VECTORS, state=State.NOT_YET, said=said)
    return Layer(name=VECTORS, state=State.MISSING, said=said, repair=_embed(below))


def _since(below: Below) -> datetime | None:
    """When the row below came to bronze."""
    return below.loaded.loaded_at if below.loaded else None


def _embed(below: Below) -> str:
    return f"bictl embed --table {below.table.name}"


def _judged(below: Below, standing: Standing, vector: Vector) -> Layer:
    """A vector is there: of this text and this model, or of another."""
    facts = {"model": vector.model, "embedded_at": vector.embedded_at}
    staged, since = standing.staged, _since(below)
    reasons = [
        (not isinstance(staged, Staged), "its row is not there any more"),
        (isinstance(staged, Staged) and staged.is_empty, "its row has no text any more"),
        (vector.is_stale, "it is that of another text"),
        (
            not _is_of(vector.model, below.model),
            f"it is of model {vector.model}, not {below.model}",
        ),
    ]
    if wrong := next((words for is_so, words in reasons if is_so), None):
        state = State.NOT_YET if below.is_young(since) else State.STALE
        return Layer(name=VECTORS, state=state, said=(wrong,), repair=_embed(below), facts=facts)
    said, at = [f"by {vector.model}"], vector.embedded_at
    if at is not None and since is not None and at < since:
        said.append(f"embedded at {at:%Y-%m-%d %H:%M:%S}: the text is the same since")
        at = None
    return Layer(name=VECTORS, state=State.FOUND, at=at, said=tuple(said), facts=facts)


def _is_of(recorded: str | None, configured: str) -> bool:
    """Whether a recorded name, `<model>@<sha256 of its weights>`, is the configured model's."""
    name = (recorded or "").partition("@")[0]
    return name == configured or name.rpartition("/")[2] == configured.rpartition("/")[2] != ""
