"""The anchor test: the last sealed record, read again, is still the same record.

It tells a recreated topic where the broker has no topic ids, also when the new topic has already
grown beyond the frontier. Read only.
"""

from collections import deque
from typing import TYPE_CHECKING

from bictl.ingest.frontier import names, read_manifest
from bictl.wire import Line, parse_line, read_lines

if TYPE_CHECKING:
    from bictl.clients.objects import ObjectStore
    from bictl.clients.topics import TopicReader


def last_sealed(
    objects: "ObjectStore", prefix: str, generation: str, partition: int
) -> Line | None:
    """The last record of a partition's newest batch that holds one; None when none does.

    ValueError says what is wrong with the object.
    """
    for name in reversed(names(objects, prefix, generation, partition)):
        manifest = read_manifest(objects, prefix, name)
        if manifest is None or not manifest.records:
            continue
        lines = deque(read_lines(objects.get(name.key(prefix))[0]), maxlen=1)
        return parse_line(lines[0]) if lines else None
    return None


def still_there(reader: "TopicReader", sealed: Line) -> bool | None:
    """Whether Kafka still serves that record; None when nothing stands at its offset."""
    record = reader.record(sealed.topic, sealed.partition, sealed.offset)
    if record is None:
        return None
    return (record.timestamp, record.key, record.value) == (
        sealed.timestamp,
        sealed.key,
        sealed.value,
    )
