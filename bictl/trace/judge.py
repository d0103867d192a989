"""What the evidence of each layer means for one record: pure functions, upstream to downstream.

A record that an upper layer has and a lower one lacks is missing in the first layer that lacks it,
once it is older than what may be in flight; the layers below that one are waiting.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bictl.errors import BictlError
from bictl.records import Range, short_id
from bictl.trace.broker import Broker
from bictl.trace.evidence import Evidence, unread
from bictl.trace.layers import KAFKA, OBJECTS, SOURCE, VERIFY
from bictl.trace.loaded import bronze_layer, ledger_layer
from bictl.trace.payload import UNTOLD
from bictl.trace.report import Layer, Place, State
from bictl.trace.shelf import Held, Shelf
from bictl.trace.warehouse import Rows

if TYPE_CHECKING:
    from bictl.clients.topics import Offsets
    from bictl.ingest import Ack

_RESTORE = "restore the object from a copy; bronze still holds its records"


def upstream(evidence: Evidence) -> list[Layer]:
    """The record's layers from the source to bronze."""
    kafka = _kafka(evidence)
    objects = _objects(evidence, kafka)
    ledger = ledger_layer(evidence, objects)
    return [_source(evidence), kafka, objects, ledger, bronze_layer(evidence, objects, ledger)]


def _source(evidence: Evidence) -> Layer:
    """What the record says about its own beginning."""
    if evidence.written_at is None:
        return Layer(name=SOURCE, state=State.NOT_TOLD, said=("only the record itself would say",))
    words = {"c": "insert", "u": "update", "d": "delete", "r": "read by a snapshot"}
    told = evidence.op not in (None, "", UNTOLD)
    op = words.get(evidence.op, evidence.op) if told else "its value names no operation"
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
        return replace(found, state=State.CONFLICT, said=(said, held.key), repair=VERIFY)
    said = f"line {held.number:,} of {manifest.records:,}, sealed by run {short_id(manifest.run)}"
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
