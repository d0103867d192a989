"""Waiting until what was committed at the JVM stack's source is in its topic."""

import json
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from bictl.clients.topics import TopicReader
from bictl.errors import NotFound, TimedOut
from bictl.records import OnProgress, Progress, Record, Stop, never_stop, no_progress

_PATIENCE = 90.0  # seconds in which at least one more record has to come
_LOOK = 2.0  # seconds between two looks at the connector
_PAUSE = 0.05
_READING = ("first", "first_in_data_collection", "true", "last_in_data_collection")


def await_snapshot(
    reader: TopicReader,
    topic: str,
    rows: int,
    *,
    check: Callable[[], None],
    on_progress: OnProgress = no_progress,
    stop: Stop = never_stop,
) -> int:
    """Wait until the topic's newest record is no longer of a running snapshot; the topic's end.

    `check` is called every two seconds and raises where the connector has failed. Raises TimedOut
    when nothing comes for 90 seconds.
    """

    def is_over(first: int, end: int) -> bool:
        on_progress(Progress(stage="snapshot", done=min(end, rows), total=rows))
        newest = _newest(reader, topic, end)
        return newest is not None and _source(newest).get("snapshot") not in _READING

    return _await(reader, topic, 0, is_over, check=check, stop=stop)


def await_transaction(
    reader: TopicReader,
    topic: str,
    transaction: int,
    *,
    first: int,
    check: Callable[[], None],
    stop: Stop = never_stop,
) -> int:
    """Wait until a record at or after `first` is of that transaction; the topic's end then."""

    def is_there(first: int, end: int) -> bool:
        chunks = reader.read(topic, 0, first=first, end=end, stop=stop)
        records = (record for chunk in chunks for record in chunk.records)
        return any(_source(record).get("txId") == transaction for record in records)

    return _await(reader, topic, first, is_there, check=check, stop=stop)


def end_of(reader: TopicReader, topic: str) -> int:
    """The topic's end; 0 while there is no topic."""
    with suppress(NotFound):
        reader.describe(topic)
        return reader.offsets(topic, [0])[0].high
    return 0


def _await(
    reader: TopicReader,
    topic: str,
    seen: int,
    is_there: Callable[[int, int], bool],
    *,
    check: Callable[[], None],
    stop: Stop,
) -> int:
    heard = looked = time.monotonic()
    while not stop():
        end = end_of(reader, topic)
        if end > seen:
            if is_there(seen, end):
                return end
            seen, heard = end, time.monotonic()
        now = time.monotonic()
        if now - heard > _PATIENCE:
            raise TimedOut(
                f"{topic} ends at {end}, and nothing came for {_PATIENCE:g} s",
                hint="bictl cdc status says what the connector does",
            )
        if now - looked > _LOOK:
            check()
            looked = now
        time.sleep(_PAUSE)
    return seen


def _newest(reader: TopicReader, topic: str, end: int) -> Record | None:
    """The newest record that is not a tombstone, of the last two."""
    for offset in range(end - 1, max(end - 3, -1), -1):
        record = reader.record(topic, 0, offset)
        if record is not None and record.value is not None:
            return record
    return None


def _source(record: Record) -> dict[str, Any]:
    """The envelope's source block; empty for a tombstone."""
    if record.value is None:
        return {}
    found: dict[str, Any] = json.loads(record.value)["payload"]["source"]
    return found
