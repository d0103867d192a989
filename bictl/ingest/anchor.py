"""The anchor test: the last sealed record, read again, is still the same record.

It tells a recreated topic where the broker has no topic ids, also when the new topic has already
grown beyond the frontier; and, under one id, a log that was truncated and grew again. Read only.
"""

from collections import deque
from typing import TYPE_CHECKING

from bictl.errors import RetentionPassed
from bictl.ingest.frontier import names, read_manifest
from bictl.ingest.frontier_object import Anchor
from bictl.wire import Line, parse_line, read_lines

if TYPE_CHECKING:
    from bictl.clients.objects import ObjectStore
    from bictl.clients.topics import Offsets, TopicReader


def last_sealed(
    objects: "ObjectStore", prefix: str, generation: str, partition: int
) -> Line | None:
    """The last record of a partition's newest batch that is there and holds one; None when none
    does.

    ValueError says what is wrong with the object.
    """
    for name in reversed(names(objects, prefix, generation, partition)):
        manifest = read_manifest(objects, prefix, name)
        if manifest is not None and manifest.records:
            return last_line(objects.get(name.key(prefix))[0])
    return None


def last_line(body: bytes) -> Line | None:
    """The last record of a batch; ValueError for bytes that are none."""
    lines = deque(read_lines(body), maxlen=1)
    return parse_line(lines[0]) if lines else None


def still_there(
    reader: "TopicReader",
    topic: str,
    partition: int,
    anchor: Anchor,
    *,
    known: "Offsets | None" = None,
) -> bool | None:
    """Whether Kafka still serves that record; None when nothing stands at its offset. `known` are
    the partition's offsets, where they have just been asked for."""
    try:
        record = reader.record(topic, partition, anchor.offset, known=known)
    except RetentionPassed:  # since they were asked for
        return None
    return None if record is None else Anchor.of(record) == anchor
