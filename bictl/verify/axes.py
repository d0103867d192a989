"""What stands at each offset of each partition, layer by layer: a run's evidence as one picture.

Nothing is judged here and nothing is read that the checks did not read, but for the places of the
quarantine: the same sets that the boundaries count are told apart by partition.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from bictl.errors import BictlError
from bictl.records import Range
from bictl.verify import kafka
from bictl.verify.bronze import Bronze, Comparison, held_by, ranges_of
from bictl.verify.cut import Cut, Part
from bictl.verify.expired import Expired
from bictl.verify.layers import BRONZE, KAFKA, OBJECTS
from bictl.verify.ranges import Ranges, common, merged, subtract
from bictl.verify.report import Check, State
from bictl.verify.shelf import Place, Shelf

if TYPE_CHECKING:
    from bictl.verify.world import World

CHECKS = "checks"


class What(StrEnum):
    """What stands at an offset of a layer; the first of these that fits."""

    MISSING = "missing"
    EXTRA = "too many"
    NAMED = "named by a check"
    UNKNOWN = "unknown"
    ACKNOWLEDGED = "acknowledged as lost"
    QUARANTINED = "quarantined"
    IN_FLIGHT = "in flight"
    EXPIRED = "expired"
    PRUNED = "pruned"
    HELD = "held"
    OPEN = "open transaction"
    DISCARDED = "discarded by Kafka"
    NOT_YET = "not yet here"
    GAP = "no record"


@dataclass(frozen=True, kw_only=True)
class Lane:
    """One layer of a partition; its sets are disjoint. `unread` says why nothing is known of it."""

    layer: str
    spans: tuple[tuple[What, Ranges], ...] = ()
    unread: str = ""

    @property
    def first(self) -> int:
        """The lowest offset that something is known of."""
        return min(item.first for _, ranges in self.spans for item in ranges)

    def at(self, what: What) -> Ranges:
        """The offsets where that stands."""
        return dict(self.spans).get(what, ())


@dataclass(frozen=True, kw_only=True)
class Axis:
    """The offsets [first, next) of one partition of one generation, in every layer.

    `frontier` is the next offset to read; `current` is False for an earlier life of the topic.
    """

    generation: str
    partition: int
    first: int
    next: int
    lanes: tuple[Lane, ...]
    frontier: int | None = None
    current: bool = True

    @property
    def amiss(self) -> bool:
        """Whether something is missing, too much, named by a check or unknown."""
        wrong = (What.MISSING, What.EXTRA, What.NAMED, What.UNKNOWN)
        return any(lane.unread or any(map(lane.at, wrong)) for lane in self.lanes)


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What a run has learned of the offsets; None is what it could not learn, and `unread` why."""

    cut: Cut | None = None
    shelf: Shelf | None = None
    bronze: Bronze | None = None
    comparison: Comparison | None = None
    expired: Expired | None = None
    quarantined: Mapping[Place, Sequence[Range]] = field(default_factory=dict)
    checks: tuple[Check, ...] = ()
    max_lag: int = 0
    unread: Mapping[str, str] = field(default_factory=dict)


def axes(world: "World", checks: Sequence[Check]) -> tuple[Axis, ...]:
    """One axis a partition of every generation that a run of `world` knows of."""
    known = world.known
    return draw(
        Evidence(
            cut=known.get("cut"),
            shelf=known.get("shelf"),
            bronze=known.get("bronze"),
            comparison=known.get("comparison"),
            expired=known.get("expired"),
            quarantined=_quarantined(world),
            checks=tuple(checks),
            max_lag=world.max_lag,
            unread={name: error.message for name, error in world.failed.items()},
        )
    )


def _quarantined(world: "World") -> Mapping[Place, Sequence[Range]]:
    """Where the quarantine was read, its offsets; else they are shown as held."""
    try:
        return world.quarantined if "bronze" in world.known and not world.abandoned else {}
    except BictlError:
        return {}


def draw(found: Evidence) -> tuple[Axis, ...]:
    """The axes, the current generation's first."""
    places = set(found.shelf.places if found.shelf is not None else ())
    places |= set(found.bronze.held) if found.bronze is not None else set()
    now = found.cut.generation if found.cut is not None and found.cut.life.accepted else None
    if found.cut is not None:
        places |= {(found.cut.generation, part.partition) for part in found.cut.parts}
    return tuple(
        _axis(found, place, current=now is None or place[0] == now)
        for place in sorted(places, key=lambda place: (place[0] != now, place))
    )


def _axis(found: Evidence, place: Place, *, current: bool) -> Axis:
    part = _part(found.cut, place)
    objects = _objects(found, place, part)
    lanes = [objects, _bronze(found, place, objects)]
    if part is not None or (found.cut is None and current):
        lanes.insert(0, _kafka(found, part, lanes))
    if current and (named := _named(found, place[1], lanes)):
        lanes.append(Lane(layer=CHECKS, spans=((What.NAMED, named),)))
    whole = [item for lane in lanes for _, ranges in lane.spans for item in ranges]
    first = min((item.first for item in whole), default=part.start if part else 0)
    after = max((item.next for item in whole), default=part.end if part else 0)
    return Axis(
        generation=place[0],
        partition=place[1],
        first=first,
        next=max(first, after),
        lanes=tuple(lanes),
        frontier=found.shelf.frontier(place) if found.shelf is not None else None,
        current=current,
    )


def _part(cut: Cut | None, place: Place) -> Part | None:
    if cut is None or place[0] != cut.generation:
        return None
    return next((part for part in cut.parts if part.partition == place[1]), None)


def _kafka(found: Evidence, part: Part | None, below: Iterable[Lane]) -> Lane:
    if part is None:
        return Lane(layer=KAFKA, unread=_why(found, "cut", "ends", "topic"))
    lowest = min([part.start, *(lane.first for lane in below if lane.spans)])
    return _lane(
        KAFKA,
        (What.MISSING, [Range(part.partition, part.high, part.frontier_then)]),
        (What.HELD, [Range(part.partition, part.start, part.end)]),
        (What.OPEN, [Range(part.partition, part.end, part.high)]),
        (What.DISCARDED, [Range(part.partition, lowest, part.start)]),
    )


def _objects(found: Evidence, place: Place, part: Part | None) -> Lane:
    shelf = found.shelf
    if shelf is None:
        return Lane(layer=OBJECTS, unread=_why(found, "shelf"))
    holes = kafka.gaps(found.cut, shelf).get(place, ()) if found.cut is not None else ()
    gone = found.expired.ranges.get(place, ()) if found.expired is not None else ()
    proved = found.expired is not None or not holes
    waiting: list[Range] = []
    late: list[Range] = []
    lost: Ranges = ()
    if found.cut is not None and part is not None:
        is_late = found.cut.is_late(part, found.max_lag)
        (late if is_late else waiting).append(part.waiting)
        lost = common(kafka.lost(found.cut, shelf), [Range(place[1], 0, part.start)])
    held = held_by(shelf.chains.get(place, ()))
    return _lane(
        OBJECTS,
        (What.MISSING, [*(subtract(holes, gone) if proved else ()), *late, *lost]),
        (What.UNKNOWN, [] if proved else holes),
        (What.ACKNOWLEDGED, subtract(_of(place, shelf.acked_ranges(place[0])), held)),
        (What.IN_FLIGHT, waiting),
        (What.EXPIRED, gone),
        (What.HELD, held),
        (What.GAP, shelf.claimed(place)),
    )


def _bronze(found: Evidence, place: Place, objects: Lane) -> Lane:
    bronze, comparison, shelf = found.bronze, found.comparison, found.shelf
    if bronze is None or comparison is None or shelf is None:
        return Lane(layer=BRONZE, unread=_why(found, "bronze", "database", "comparison", "shelf"))
    there = bronze.at(place)
    waiting = ranges_of(
        batch
        for batch in comparison.waiting
        if (batch.name.generation, batch.name.partition) == place
    )
    rows = bronze.held.get(place, ())
    known = [*objects.at(What.HELD), *objects.at(What.EXPIRED), *bronze.old.get(place, ())]
    extra = subtract(common(comparison.extra, rows), known)
    return _lane(
        BRONZE,
        (What.MISSING, subtract(subtract(objects.at(What.HELD), there), waiting)),
        (What.EXTRA, [*extra, *bronze.doubled.get(place, ())]),
        (What.UNKNOWN, objects.at(What.UNKNOWN) if not there else ()),
        (What.ACKNOWLEDGED, subtract(objects.at(What.ACKNOWLEDGED), there)),
        (What.QUARANTINED, found.quarantined.get(place, ())),
        (What.IN_FLIGHT, waiting),
        (What.HELD, rows),
        (What.PRUNED, bronze.pruned.get(place, ())),
        (What.NOT_YET, [*objects.at(What.MISSING), *objects.at(What.IN_FLIGHT)]),
        (What.GAP, [*objects.at(What.GAP), *objects.at(What.EXPIRED)]),
    )


def _named(found: Evidence, partition: int, lanes: Iterable[Lane]) -> Ranges:
    """Offsets that a failed check names, and no lane shows as wrong."""
    wrong = (What.MISSING, What.EXTRA)
    shown = [item for lane in lanes for what in wrong for item in lane.at(what)]
    said = [
        item
        for check in found.checks
        if check.state is State.FAIL
        for item in (*check.missing.ranges, *check.extra.ranges)
        if item.partition == partition
    ]
    return subtract(said, shown)


def _lane(layer: str, *sets: tuple[What, Iterable[Range]]) -> Lane:
    """The lane of sets that may overlap: each offset belongs to the first that has it."""
    taken: Ranges = ()
    spans: list[tuple[What, Ranges]] = []
    for what, ranges in sets:
        left = subtract(ranges, taken)
        if left:
            spans.append((what, left))
            taken = merged(taken, left)
    return Lane(layer=layer, spans=tuple(spans))


def _of(place: Place, ranges: Iterable[Range]) -> Ranges:
    return tuple(item for item in ranges if item.partition == place[1])


def _why(found: Evidence, *names: str) -> str:
    """Why something was not learned; a run of few checks may not have needed it."""
    reasons = (found.unread[name] for name in names if name in found.unread)
    return next(reasons, "not read by this run")
