"""What no layer has ever seen: how that is known, and what is there instead."""

from bictl.errors import BictlError, NotFound
from bictl.trace.broker import Broker
from bictl.trace.evidence import Evidence
from bictl.trace.find import Found
from bictl.trace.key import Key
from bictl.trace.open import Systems, tried
from bictl.trace.shelf import Shelf
from bictl.trace.warehouse import Rows, Staged, Standing, Vector


def unknown_offset(systems: Systems, evidence: Evidence) -> NotFound:
    """The error for an offset, with the offsets that are there."""
    place, there = evidence.place, []
    if isinstance(evidence.broker, Broker) and evidence.broker.ends is not None:
        ends = evidence.broker.ends
        there.append(f"Kafka serves {place.partition}:[{ends.start},{ends.stable})")
    elif not isinstance(systems.topic, BictlError) and place.generation == systems.life:
        there.append(f"the topic has partitions {', '.join(map(str, systems.topic.partitions))}")
    if isinstance(evidence.shelf, Shelf) and evidence.shelf.frontier is not None:
        found = evidence.shelf
        there.append(f"the batches hold {place.partition}:[{found.first},{found.frontier})")
    return NotFound(
        "offset",
        str(place),
        where=f"in generation {place.generation} of {systems.table.topic}",
        hint="; ".join(there) or "bictl verify",
    )


def unknown_key(systems: Systems, key: Key, found: Found) -> NotFound:
    """The error for a key, with the nearest ones and with what was not looked at."""
    near = tried(lambda: systems.warehouse.near(key))
    hint = [] if isinstance(near, BictlError) or not near else [f"existing: {', '.join(near)}"]
    hint += [f"not looked at: {words}" for words in found.not_looked]
    return NotFound(
        "key",
        str(key),
        where=f"in {systems.table.name}",
        hint="; ".join(hint) or "no record has a key yet",
    )


def is_never_seen(evidence: Evidence) -> bool:
    """Whether every layer answers, and none has ever had anything at that place."""
    shelf_, rows, kafka = evidence.shelf, evidence.rows, evidence.broker
    if not (isinstance(shelf_, Shelf) and isinstance(rows, Rows) and isinstance(kafka, Broker)):
        return False
    if shelf_.held or shelf_.acked or rows.ledger or evidence.is_loaded or evidence.is_served:
        return False
    offset, ends = evidence.place.offset, kafka.ends
    if ends is None:
        return shelf_.frontier is None or offset >= shelf_.frontier
    is_before_all = offset < ends.start and (shelf_.first is None or offset < shelf_.first)
    return offset >= ends.high or (is_before_all and shelf_.frontier is None)


def is_anything(standing: Standing | BictlError) -> bool:
    """Whether a key without a record has a row or a vector."""
    return isinstance(standing, BictlError) or any(
        isinstance(found, (Staged, Vector)) for found in (standing.staged, standing.vector)
    )
