"""A key's records that bronze does not hold: in objects that are not loaded yet, and in Kafka."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bictl.counted import counted
from bictl.errors import BictlError
from bictl.records import OnProgress, Progress, Range, Stop, Topic
from bictl.trace import broker, shelf
from bictl.trace.event import Event, event_of
from bictl.trace.key import Key
from bictl.trace.open import Systems, tried
from bictl.trace.report import Place
from bictl.trace.shelf import Lives

if TYPE_CHECKING:
    from bictl.clients.objects import ObjectInfo

_OBJECTS = 16  # that are searched without `scan`, the newest


@dataclass(frozen=True, kw_only=True)
class Search:
    """How a key is searched: `scan` reads all that is not loaded, Kafka's end included."""

    key: Key
    scan: bool
    on_progress: OnProgress
    stop: Stop


@dataclass(frozen=True, kw_only=True)
class Found:
    """Its events, and what was and was not looked at."""

    events: tuple[Event, ...] = ()
    looked: tuple[str, ...] = ()
    not_looked: tuple[str, ...] = ()


def in_objects(systems: Systems, search: Search) -> Found:
    """In the batches that the ledger does not know, or in all where the ledger does not answer."""
    if isinstance(systems.lives, BictlError):
        return Found(not_looked=("the objects: they do not answer",))
    waiting = tried(lambda: _unloaded(systems))
    if isinstance(waiting, BictlError):
        return Found(not_looked=(f"the objects: {waiting.message}",))
    chosen = waiting if search.scan else waiting[-_OBJECTS:]
    events, failed = _search(systems, chosen, search)
    kind = "that are not loaded" if systems.refused is None else "there"
    left = len(waiting) - len(chosen)
    older = [f"{counted(left, 'older object')} {kind}: --scan reads them too"] if left else []
    words = (
        f"the {counted(len(chosen), 'object')} {kind}" if chosen else "no object waits to be loaded"
    )
    return Found(events=tuple(events), looked=(words,), not_looked=(*older, *failed))


def _search(
    systems: Systems, chosen: "list[ObjectInfo]", search: Search
) -> tuple[list[Event], list[str]]:
    """The key's events in the objects, and what could not be read."""
    events: list[Event] = []
    failed: list[str] = []
    for number, info in enumerate(chosen, 1):
        if search.stop():
            break
        try:
            events += _events_in(systems, info, search.key)
        except (BictlError, ValueError) as error:
            failed.append(str(error))
        search.on_progress(
            Progress(stage="objects", done=number, total=len(chosen), unit="objects")
        )
    return events, failed


def in_kafka(systems: Systems, search: Search) -> Found:
    """Between the objects' frontier and the end of each partition."""
    topic, life = systems.topic, systems.life
    if isinstance(topic, BictlError):
        return Found(not_looked=("Kafka: it does not answer",))
    if isinstance(systems.lives, BictlError) or life is None:
        return Found(not_looked=("Kafka: where its frontier is, is not known",))
    known = systems.lives
    ranges = tried(lambda: _above(systems, topic, life, known))
    if isinstance(ranges, BictlError):
        return Found(not_looked=(f"Kafka: {ranges.message}",))
    return _in_ranges(systems, topic, life, ranges, search)


def _in_ranges(
    systems: Systems, topic: Topic, life: str, ranges: list[Range], search: Search
) -> Found:
    if not ranges:
        return Found(looked=("Kafka's ends: nothing is above the frontier",))
    words = f"Kafka above the frontier, {', '.join(map(str, ranges))}"
    if not search.scan:
        return Found(not_looked=(f"{words}: --scan reads it",))
    found = tried(lambda: _scanned(systems, topic, life, ranges, search))
    if isinstance(found, BictlError):
        return Found(not_looked=(f"{words}: {found.message}",))
    return Found(events=tuple(found), looked=(words,))


def _unloaded(systems: Systems) -> "list[ObjectInfo]":
    """The batches that the ledger does not know, or all where there is none."""
    from bictl.bronze import unloaded

    if systems.refused is not None or systems.warehouse.is_new:
        return shelf.batches(systems.objects, systems.table)
    return unloaded(systems.objects, systems.warehouse.database, table=systems.table)


def _events_in(systems: Systems, info: "ObjectInfo", key: Key) -> list[Event]:
    return [
        event_of(
            line,
            place=Place(manifest.generation, line.partition, line.offset),
            generation_no=manifest.generation_no,
            where="objects",
        )
        for manifest, line in shelf.search(systems.objects, systems.table, info, key)
    ]


def _above(systems: Systems, topic: Topic, life: str, known: Lives) -> list[Range]:
    frontiers = shelf.frontiers(systems.objects, systems.table, topic, life=life, known=known)
    return broker.above(systems.reader, topic, frontiers)


def _scanned(
    systems: Systems, topic: Topic, life: str, ranges: list[Range], search: Search
) -> list[Event]:
    records = broker.scan(
        systems.reader,
        topic,
        ranges,
        key=search.key,
        on_progress=search.on_progress,
        stop=search.stop,
    )
    return [
        event_of(
            record,
            place=Place(life, partition, record.offset),
            generation_no=systems.numbers[life],
            where="Kafka",
        )
        for partition, record in records
    ]
