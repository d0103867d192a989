"""Comparing the keys of the source with the live ones of bronze: by buckets, then by name, then by
what is on its way."""

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from bictl.cdc.event import read_event
from bictl.errors import NotFound
from bictl.keys import in_words, values_of
from bictl.records import Record, Stop
from bictl.verify.captured import SourceKeys
from bictl.verify.read_rows import fold, fold_parameters
from bictl.verify.report import of_keys

if TYPE_CHECKING:
    from bictl.cdc.source import Source
    from bictl.cdc.source.sides import Buckets
    from bictl.clients.database import Database
    from bictl.clients.topics import TopicReader
    from bictl.settings import Table

LISTED = 500_000  # keys of differing buckets that are listed by name
TAIL = 200_000  # records beyond bronze that are read for their keys; with more, all is on its way
_PAUSE = 1.0  # seconds between two looks
_UNFINISHED = ("first", "true", "first_in_data_collection")


def live_buckets(database: "Database", table: "Table") -> "Buckets":
    """The live keys by the fold, by buckets."""
    query = fold(database, table) + database.named("verify/live_buckets")
    rows = database.rows(query, fold_parameters(table))
    return {bucket: (int(count), int(total)) for bucket, count, total in rows}


def live_keys(database: "Database", table: "Table", buckets: Sequence[int]) -> list[str]:
    """The live keys of some buckets."""
    query = fold(database, table) + database.named("verify/live_keys")
    rows = database.rows(query, {**fold_parameters(table), "buckets": list(buckets)})
    return [key for (key,) in rows]


def compare_keys(
    source: "Source",
    table: "Table",
    *,
    live: "Buckets",
    listed: Callable[[Sequence[int]], list[str]],
    tail: "Tail",
    refused: Iterable[bytes],
    settle: float,
    stop: Stop,
) -> SourceKeys:
    """The comparison. `listed` tells the live keys of some buckets, `tail` what Kafka has beyond
    bronze; `refused` are the raw keys of the quarantine, which are accounted for there."""
    theirs = source.buckets()
    rows, there_live = _count(theirs), _count(live)
    wrong = source.uncomparable()
    differing = [one for one in {*theirs, *live} if theirs.get(one) != live.get(one)]
    if not differing and not wrong:
        return SourceKeys(rows=rows, live=there_live)
    if wrong:
        return _only_counted(source, tail, live, settle, stop, uncomparable=wrong)
    chosen = _some(differing, theirs, live)
    ours = set(listed(chosen))
    there = set(source.keys(chosen))
    missing, extra = there - ours, ours - there
    refused_keys = {key for raw in refused if (key := _key(table, raw, None)) is not None}
    began, moved_in, moved_out = time.monotonic(), 0, 0
    while True:
        tail.go_on()
        moving = tail.keys | refused_keys
        late_in, late_out = missing - moving, extra - tail.keys
        moved_in, moved_out = len(missing & tail.keys), len(extra & tail.keys)
        over = time.monotonic() - began >= settle or stop()
        if over or not (late_in or late_out):
            break
        time.sleep(_PAUSE)
        there = set(source.keys(chosen))
        missing &= there
        extra -= there
    if tail.is_long or tail.is_snapshot:  # what is on its way is more than can be named
        moved_in, moved_out = moved_in + len(late_in), moved_out + len(late_out)
        late_in, late_out = set(), set()
    return SourceKeys(
        rows=there_live + len(missing) - len(extra) if len(chosen) == len(differing) else rows,
        live=there_live,
        missing=of_keys(_words(table, late_in)),
        extra=of_keys(_words(table, late_out)),
        arriving=moved_in + len(missing & refused_keys - tail.keys),
        leaving=moved_out,
        is_least=len(chosen) < len(differing),
        may_be_in_objects=tail.has_gap,
        settled=time.monotonic() - began,
    )


def _only_counted(
    source: "Source",
    tail: "Tail",
    live: "Buckets",
    settle: float,
    stop: Stop,
    *,
    uncomparable: str,
) -> SourceKeys:
    """Two counts; they may be apart by the records that bronze does not have yet."""
    began, there = time.monotonic(), _count(live)
    while True:
        rows = _count(source.buckets())
        tail.go_on()
        near = abs(rows - there) <= len(tail.keys) or tail.is_long or tail.is_snapshot
        if near or time.monotonic() - began >= settle or stop():
            break
        time.sleep(_PAUSE)
    return SourceKeys(
        rows=rows,
        live=there,
        arriving=max(0, rows - there) if near else 0,
        leaving=max(0, there - rows) if near else 0,
        uncomparable=uncomparable,
        settled=time.monotonic() - began,
    )


class Tail:
    """What Kafka has beyond bronze: the keys of its records, read on as they come.

    `ask` puts a question to Kafka, `held` is where bronze ends in each partition, `sealed`
    where the objects do; `is_snapshot` says that bronze holds the beginning of a snapshot that goes
    on.
    """

    def __init__(
        self,
        ask: "Callable[[Callable[[TopicReader], None]], None]",
        table: "Table",
        *,
        held: Mapping[int, int],
        sealed: Mapping[int, int],
        max_lag: int,
        is_snapshot: bool,
    ) -> None:
        self._sealed = sealed
        self._ask, self._table, self._max_lag = ask, table, max_lag
        self._was_snapshot = is_snapshot
        self._position = dict(held)
        self._marks: dict[int, tuple[str, int]] = {}
        self._read = 0
        self.keys: set[str] = set()
        self.has_gap = False  # Kafka discarded some that are in objects and not in bronze

    @property
    def is_long(self) -> bool:
        """Whether there are more records than are worth reading."""
        return self._read > TAIL

    @property
    def is_snapshot(self) -> bool:
        """Whether the newest record is one of a snapshot that goes on."""
        if not self._marks:
            return self._was_snapshot
        youngest = (time.time() - self._max_lag) * 1000
        return any(mark in _UNFINISHED and at >= youngest for mark, at in self._marks.values())

    def go_on(self) -> None:
        """Reads up to the present end."""
        self._ask(self._read_on)

    def _read_on(self, reader: "TopicReader") -> None:
        topic = self._table.topic
        try:
            parts = reader.describe(topic).partitions
        except NotFound:
            return
        for part, ends in reader.offsets(topic, parts, known=self._position).items():
            first = max(ends.start, self._position.get(part, 0))
            held, sealed = self._position.get(part, 0), self._sealed.get(part, 0)
            self.has_gap |= held < min(ends.start, sealed)
            if first >= ends.stable:
                continue
            self._read += ends.stable - first
            if self._read > TAIL:
                return
            for chunk in reader.read(topic, part, first=first, end=ends.stable):
                for record in chunk.records:
                    self._note(part, record)
                self._position[part] = chunk.next

    def _note(self, part: int, record: Record) -> None:
        key = _key(self._table, record.key, record.value)
        if key is not None:
            self.keys.add(key)
        if (event := read_event(record.value)) is not None:
            self._marks[part] = event.mark, record.timestamp


def _key(table: "Table", raw: bytes | None, value: bytes | None) -> str | None:
    """The text that stands for a record's key, as the fold makes it; None where it has none."""
    held = _payload(raw)
    if not isinstance(held, dict):
        envelope = _payload(value)
        if not isinstance(envelope, dict):
            return None
        held = envelope.get("after") or envelope.get("before") or envelope
    values = [_text(held.get(name)) for name in table.key]
    if any(one is None for one in values):
        return None
    if len(values) == 1:
        return values[0]
    return "[" + ",".join(json.dumps(one, ensure_ascii=False) for one in values) + "]"


def _payload(raw: bytes | None) -> object:
    try:
        found = json.loads(raw or b"null", parse_int=str, parse_float=str)
    except ValueError:
        return None
    return found.get("payload", found) if isinstance(found, dict) else found


def _text(value: object) -> str | None:
    """As Postgres's ->> shows it."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value)


def _some(differing: Sequence[int], *sides: "Buckets") -> list[int]:
    """As many of the differing buckets as may be listed, at least one."""
    chosen: list[int] = []
    size = 0
    for bucket in sorted(differing):
        size += max(side.get(bucket, (0, 0))[0] for side in sides)
        if chosen and size > LISTED:
            break
        chosen.append(bucket)
    return chosen


def _count(side: "Buckets") -> int:
    return sum(count for count, _ in side.values())


def _words(table: "Table", keys: Iterable[str]) -> list[str]:
    """Keys for a person, whole numbers in their order."""
    ordered = sorted(keys, key=lambda key: (not key.isdigit(), int(key) if key.isdigit() else key))
    return [in_words(table.key, values_of(table.key, key)) for key in ordered]
