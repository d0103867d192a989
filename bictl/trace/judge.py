"""What the evidence of each layer means for one record: pure functions, upstream to downstream.

A record that an upper layer has and a lower one lacks is missing in the first layer that lacks it,
once it is older than what may be in flight; the layers below that one are waiting.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bictl.errors import BictlError, Unreachable
from bictl.records import Range
from bictl.trace.broker import Broker
from bictl.trace.report import Latency, Layer, Place, State
from bictl.trace.shelf import Held, Shelf
from bictl.trace.warehouse import Rows

if TYPE_CHECKING:
    from bictl.clients.topics import Offsets
    from bictl.ingest import Ack
    from bictl.settings import Table

SOURCE, KAFKA, OBJECTS, LEDGER, BRONZE = "source", "Kafka", "objects", "ledger", "bronze"
KEY, STAGING, VECTORS = "key", "staging", "vectors"
WAY = (SOURCE, KAFKA, OBJECTS, BRONZE, VECTORS)  # the layers that a record reaches at a time


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


def upstream(evidence: Evidence) -> list[Layer]:
    """The record's layers from the source to bronze."""
    kafka = _kafka(evidence)
    objects = _objects(evidence, kafka)
    ledger = _ledger(evidence, objects)
    return [_source(evidence), kafka, objects, ledger, _bronze(evidence, objects, ledger)]


def unread(name: str, error: BictlError) -> Layer:
    """A layer that gave no answer."""
    state = State.UNREACHABLE if isinstance(error, Unreachable) else State.UNKNOWN
    return Layer(name=name, state=state, said=(error.message,), repair=error.hint or "")


def timed(layers: list[Layer]) -> tuple[list[Layer], Latency]:
    """The layers with the seconds between them, and the sums from the source."""
    found: list[Layer] = []
    before: Layer | None = None
    for layer in layers:
        on_way = layer.name in WAY and layer.at is not None
        found.append(_after(before, layer) if on_way and before is not None else layer)
        before = layer if on_way else before
    by_name = {layer.name: layer for layer in found if layer.at is not None}
    source = by_name.get(SOURCE)
    return found, Latency(
        to_bronze=_sum(source, by_name.get(BRONZE)), to_vectors=_sum(source, by_name.get(VECTORS))
    )


def _after(before: Layer, layer: Layer) -> Layer:
    """The layer with its distance in time; a word where it lies before the one above it."""
    seconds = _between(before, layer)
    if seconds is None or seconds >= 0:
        return replace(layer, seconds=seconds)
    why = "the clocks differ"
    if layer.name == BRONZE:
        why = f"the object was written again later, or {why}"
    said = f"earlier than in {before.name}: {why}"
    return replace(layer, seconds=seconds, said=(*layer.said, said))


def _between(before: Layer, after: Layer) -> float | None:
    """Seconds; a clock that tells whole seconds only is never behind by a part of one."""
    if before.at is None or after.at is None:
        return None
    seconds = (after.at - before.at).total_seconds()
    if after.whole_seconds and -1 < seconds < 0:
        return 0.0
    return seconds


def _sum(source: Layer | None, layer: Layer | None) -> float | None:
    return None if source is None or layer is None else _between(source, layer)


def _source(evidence: Evidence) -> Layer:
    """What the record says about its own beginning."""
    if evidence.written_at is None:
        return Layer(name=SOURCE, state=State.NOT_TOLD, said=("only the record itself would say",))
    words = {"c": "insert", "u": "update", "d": "delete", "r": "read by a snapshot"}
    op = words.get(evidence.op, evidence.op or "?")
    said = f"{op}, {evidence.position}" if evidence.position else op
    state = State.FOUND if evidence.source_at is not None else State.NOT_TOLD
    return Layer(
        name=SOURCE,
        state=state,
        at=evidence.source_at,
        said=(said,),
        facts={"op": evidence.op, "position": evidence.position},
    )


def _kafka(evidence: Evidence) -> Layer:
    broker, place = evidence.broker, evidence.place
    if isinstance(broker, BictlError):
        return replace(unread(KAFKA, broker), at=evidence.written_at)
    state, said = _served(broker, place)
    facts: dict[str, Any] = {"topic_id": broker.topic.id, "generation": broker.life}
    repair = ""
    if broker.ends is not None:
        facts |= {"start": broker.ends.start, "end": broker.ends.stable, "high": broker.ends.high}
        if evidence.held is not None and place.offset >= broker.ends.high:
            state, said = State.CONFLICT, f"{said}, less than was read: restored or recreated?"
            repair = f"bictl ingest --table {evidence.table.name}"
    at = evidence.written_at
    return Layer(name=KAFKA, state=state, at=at, said=(said,), repair=repair, facts=facts)


def _served(broker: Broker, place: Place) -> tuple[State, str]:
    """What Kafka does with an offset, in a word and a sentence."""
    if broker.life != place.generation:
        now = broker.life or f"{broker.topic.id}, which nobody accepted yet"
        return State.DISCARDED, f"the topic is another one now: generation {now}"
    if broker.ends is None:
        return State.NOT_YET, f"the topic has no partition {place.partition}"
    serves = f"it serves {Range(place.partition, broker.ends.start, broker.ends.stable)}"
    if broker.record is not None:
        return State.FOUND, serves
    return _not_served(broker, broker.ends, place.offset, serves)


def _not_served(broker: Broker, ends: "Offsets", offset: int, serves: str) -> tuple[State, str]:
    """Why nothing stands at an offset."""
    if offset < ends.start:
        return State.DISCARDED, f"by retention: {serves} now"
    if offset >= ends.stable:
        is_open = offset < ends.high
        return State.NOT_YET, f"in an open transaction: {serves}" if is_open else serves
    after = f"; the next is {broker.after.offset}" if broker.after else ""
    return State.NO_RECORD, f"aborted, compacted or a control record{after}"


def _objects(evidence: Evidence, kafka: Layer) -> Layer:
    shelf = evidence.shelf
    if isinstance(shelf, BictlError):
        return unread(OBJECTS, shelf)
    if shelf.held is not None:
        return _held(evidence, shelf.held)
    if shelf.acked is not None and not evidence.is_served:
        found = _acknowledged(shelf.acked)
    elif shelf.frontier is None or evidence.place.offset >= shelf.frontier:
        found = _not_sealed(evidence, shelf, kafka)
    else:
        found = _below_frontier(evidence, shelf)
    facts = {"first": shelf.first, "baseline": shelf.baseline, "frontier": shelf.frontier}
    return replace(found, facts=facts)


def _acknowledged(ack: "Ack") -> Layer:
    said = f"{ack.range} acknowledged as lost by {ack.person} at {ack.at}: {ack.reason}"
    return Layer(name=OBJECTS, state=State.ACKNOWLEDGED, said=(said,))


def _held(evidence: Evidence, held: Held) -> Layer:
    """A batch covers the offset."""
    manifest = held.manifest
    facts = {
        "object": held.key,
        "line": held.number or None,
        "range": str(manifest.range) if manifest else None,
        "run": manifest.run if manifest else None,
    }
    found = Layer(
        name=OBJECTS, state=State.FOUND, at=held.modified, whole_seconds=True, facts=facts
    )
    if held.trouble or manifest is None:
        repair = "restore the object from a copy, or delete it and run bictl ingest --fill"
        return replace(found, state=State.DAMAGED, said=(held.trouble, held.key), repair=repair)
    if held.line is None:
        state = State.DAMAGED if evidence.is_served else State.NO_RECORD
        said = f"batch {manifest.range} was sealed without a record at {evidence.place}"
        return replace(found, state=state, said=(said, held.key), at=None)
    if _differs(evidence, held):
        said = f"Kafka serves another record at {evidence.place} than was sealed"
        return replace(found, state=State.CONFLICT, said=(said, held.key), repair=_VERIFY)
    said = f"line {held.number:,} of {manifest.records:,}, sealed by run {manifest.run}"
    return replace(found, said=(held.key, said))


def _differs(evidence: Evidence, held: Held) -> bool:
    """Whether Kafka's record and the sealed one are two."""
    broker, line = evidence.broker, held.line
    if not isinstance(broker, Broker) or broker.record is None or line is None:
        return False
    record = broker.record
    return (record.timestamp, record.key, record.value) != (line.timestamp, line.key, line.value)


def _not_sealed(evidence: Evidence, shelf: Shelf, kafka: Layer) -> Layer:
    """Above the frontier, or in a partition that was never read."""
    table, place = evidence.table, evidence.place
    where = (
        "no batch of this partition is there"
        if shelf.frontier is None
        else f"read up to the frontier {place.partition}:{shelf.frontier}"
    )
    if evidence.is_loaded:
        return _gone(evidence, shelf, where)
    if kafka.state is State.DISCARDED:
        said = ("Kafka discarded it before it was read", where)
        repair = _ack(evidence, shelf.frontier or place.offset, _start(evidence))
        return Layer(name=OBJECTS, state=State.LOST, said=said, repair=repair)
    if kafka.state is State.FOUND and not evidence.is_young(evidence.written_at):
        repair = f"bictl ingest --table {table.name}"
        return Layer(name=OBJECTS, state=State.MISSING, said=(where,), repair=repair)
    return Layer(name=OBJECTS, state=State.NOT_YET, said=(where,))


def _ack(evidence: Evidence, first: int, after: int) -> str:
    """The command that acknowledges a loss."""
    place, broker = evidence.place, evidence.broker
    lost = Range(place.partition, first, after)
    is_current = isinstance(broker, Broker) and broker.life == place.generation
    life = "" if is_current else f" --generation {place.generation}"
    return f"bictl ack --table {evidence.table.name} --range '{lost}'{life} --reason …"


def _start(evidence: Evidence) -> int:
    """Where Kafka's log begins, as far as that says what was lost."""
    broker = evidence.broker
    start = broker.ends.start if isinstance(broker, Broker) and broker.ends is not None else 0
    return max(start, evidence.place.offset + 1)


def _below_frontier(evidence: Evidence, shelf: Shelf) -> Layer:
    """Read once, and no object is there: expired at the chain's beginning, else a hole."""
    place, table = evidence.place, evidence.table
    if shelf.first is None:
        return _gone(evidence, shelf, "no batch of this partition is there any more")
    if place.offset < shelf.first:
        where = f"the batches begin at {place.partition}:{shelf.first}"
        return _gone(evidence, shelf, where)
    said = f"a hole between the batches, below the frontier {place.partition}:{shelf.frontier}"
    if evidence.is_served:
        repair = f"bictl ingest --table {table.name} --fill"
        return Layer(name=OBJECTS, state=State.MISSING, said=(said,), repair=repair)
    if evidence.is_loaded:
        return Layer(name=OBJECTS, state=State.MISSING, said=(said,), repair=_RESTORE)
    return _nowhere(evidence, said)


def _gone(evidence: Evidence, shelf: Shelf, where: str) -> Layer:
    """No object at the chain's beginning: expired if it was ever there."""
    rows, offset = evidence.rows, evidence.place.offset
    was_loaded = evidence.is_loaded or (isinstance(rows, Rows) and bool(rows.ledger))
    was_sealed = shelf.baseline is not None and offset >= shelf.baseline
    if was_loaded or (was_sealed and isinstance(rows, BictlError)):
        return Layer(name=OBJECTS, state=State.EXPIRED, said=(where,))
    if evidence.is_served:
        repair = f"bictl ingest --table {evidence.table.name} --fill"
        return Layer(name=OBJECTS, state=State.MISSING, said=(where,), repair=repair)
    return _nowhere(evidence, where)


def _nowhere(evidence: Evidence, where: str) -> Layer:
    """Neither above nor below: lost if that is sure."""
    broker, place = evidence.broker, evidence.place
    if isinstance(broker, BictlError) or isinstance(evidence.rows, BictlError):
        return Layer(name=OBJECTS, state=State.UNKNOWN, said=(where, "the others do not answer"))
    if _served(broker, place)[0] is State.NO_RECORD:
        return Layer(name=OBJECTS, state=State.NO_RECORD, said=(where,))
    said = ("no layer has it any more", where)
    repair = _ack(evidence, place.offset, place.offset + 1)
    return Layer(name=OBJECTS, state=State.LOST, said=said, repair=repair)


def _ledger(evidence: Evidence, objects: Layer) -> Layer:
    rows = evidence.rows
    if isinstance(rows, BictlError):
        return unread(LEDGER, rows)
    known = [row for row in rows.ledger if _is_of(row, evidence.held)]
    if known:
        return _in_ledger(known[0])
    load = f"bictl load-bronze --table {evidence.table.name}"
    if rows.ledger:
        said = "the object was loaded with other content"
        return Layer(name=LEDGER, state=State.STALE, said=(said,), repair=load)
    if objects.state is not State.FOUND:
        return Layer(name=LEDGER, state=_follows(objects))
    nothing = ("nothing was ever loaded",) if rows.is_new else ()
    if evidence.is_young(objects.at):
        return Layer(name=LEDGER, state=State.NOT_YET, said=nothing)
    return Layer(name=LEDGER, state=State.MISSING, said=nothing, repair=load)


def _in_ledger(row: Mapping[str, Any]) -> Layer:
    said = f"{row['n_records']:,} records loaded by run {row['load_run']}"
    return Layer(
        name=LEDGER,
        state=State.FOUND,
        at=row["loaded_at"],
        said=(said, *_accounts(row)),
        facts=dict(row),
    )


def _is_of(row: Mapping[str, Any], held: Held | None) -> bool:
    """Whether a row of the ledger is that of the object with its content."""
    if held is None or held.manifest is None:
        return True
    return (row["object_key"], row["sha256"]) == (held.key, held.manifest.sha256)


def _accounts(row: Mapping[str, Any]) -> Iterator[str]:
    """What became of an object's records, where that is more than loaded."""
    if row["n_quarantined"] or row["n_duplicate"]:
        yield (
            f"{row['n_loaded']:,} into bronze, {row['n_quarantined']:,} to quarantine, "
            f"{row['n_duplicate']:,} there already"
        )


def _bronze(evidence: Evidence, objects: Layer, ledger: Layer) -> Layer:
    rows = evidence.rows
    if isinstance(rows, BictlError):
        return unread(BRONZE, rows)
    if rows.row is not None:
        return _in_bronze(rows, evidence.table)
    if rows.quarantined is not None:
        return _in_quarantine(evidence, rows)
    if rows.pruned is not None:
        return _pruned(rows.pruned)
    if ledger.state is State.FOUND:
        return _not_in_bronze(evidence, objects, ledger.facts)
    return Layer(name=BRONZE, state=_not_loaded(evidence, objects, ledger))


def _not_loaded(evidence: Evidence, objects: Layer, ledger: Layer) -> State:
    """The ledger does not know it either."""
    if ledger.state is State.STALE:
        return State.MISSING
    if objects.state.is_unread and evidence.is_served:
        return State.UNKNOWN  # whether it was sealed
    return _follows(ledger)


def _pruned(row: Mapping[str, Any]) -> Layer:
    said = (
        f"at {row['pruned_at']:%Y-%m-%d %H:%M:%S} by run {row['run']}: {row['reason']}",
        "a newer record of its key is there",
    )
    return Layer(name=BRONZE, state=State.PRUNED, said=said, facts=dict(row))


def _in_bronze(rows: Rows, table: "Table") -> Layer:
    row = rows.row or {}
    layer = Layer(
        name=BRONZE,
        state=State.FOUND,
        at=row["ingested_at"],
        said=(f"row {row['id']} of {table.bronze}",),
        facts={"id": row["id"], "table": table.bronze, "batch_file": row["batch_file"]},
    )
    if not rows.conflicts:
        return layer
    return replace(layer, state=State.CONFLICT, said=(*_claims(rows), *layer.said), repair=_VERIFY)


def _claims(rows: Rows) -> Iterator[str]:
    for row in rows.conflicts:
        yield (
            f"{row['batch_file']} claims the offset with other content: it is kept in "
            f"bictl.offset_conflict, {row['standing_file']} stands"
        )


def _in_quarantine(evidence: Evidence, rows: Rows) -> Layer:
    row, place = rows.quarantined or {}, evidence.place
    facts = {name: row[name] for name in ("sqlstate", "reason", "batch_file")}
    why = f"{row['sqlstate']}: {row['reason']}"
    found = Layer(
        name=BRONZE,
        state=State.QUARANTINED,
        at=row["quarantined_at"],
        said=(why,),
        repair=f"bictl quarantine show {place} --table {evidence.table.name}",
        facts=facts,
    )
    if rows.conflicts:
        return replace(found, state=State.CONFLICT, said=(*_claims(rows), why))
    ack = evidence.accepted.get(row["sqlstate"])
    if ack is not None:
        said = f"in quarantine, which {ack.person} acknowledged at {ack.at}: {ack.reason}"
        return replace(found, state=State.ACKNOWLEDGED, said=(said, why))
    return found


def _not_in_bronze(evidence: Evidence, objects: Layer, loaded: Mapping[str, Any]) -> Layer:
    """The ledger says that its object was loaded, and it is not there."""
    name = evidence.table.name
    if objects.state is State.NO_RECORD:
        return Layer(name=BRONZE, state=State.NO_RECORD)
    if objects.state is State.FOUND:
        why, repair = "the ledger accounts for it", f"bictl load-bronze --table {name} --replay"
    elif evidence.is_served:
        why, repair = "its object was loaded and is gone", f"bictl ingest --table {name} --fill"
    elif objects.state is State.EXPIRED and _is_dense(loaded):
        said = ("its object was loaded and has expired, and no row is there",)
        return Layer(name=BRONZE, state=State.LOST, said=said, repair=_VERIFY)
    else:
        said = ("its object was loaded; whether that held a record here is not known",)
        return Layer(name=BRONZE, state=State.UNKNOWN, said=said)
    said = (f"{why}, and no row is there",)
    return Layer(name=BRONZE, state=State.MISSING, said=said, repair=repair)


def _is_dense(loaded: Mapping[str, Any]) -> bool:
    """Whether an object held a record at each of its offsets."""
    span: int = loaded["next_offset"] - loaded["first_offset"]
    return bool(loaded["n_records"] == span)


def _follows(above: Layer) -> State:
    """The state of a layer that has nothing because the one above has nothing."""
    if above.state is State.NO_RECORD:
        return State.NO_RECORD
    if above.state in (State.ACKNOWLEDGED, State.LOST, State.EXPIRED, State.NOT_THERE):
        return State.NOT_THERE
    return State.NOT_YET


_VERIFY = "bictl verify --deep"
_RESTORE = "restore the object from a copy; bronze still holds its records"
