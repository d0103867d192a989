"""What a verdict is made of: findings, checks, boundaries, the report, and how states roll up.

Nothing here reads a system. A percentage is floored, so 100.00 stands only where the integers are
equal; what could not be evaluated is `unknown`, and `unknown` never rolls up to complete.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from bictl.counted import counted
from bictl.records import Range
from bictl.verify.ranges import Ranges, in_words, merged, total
from bictl.verify.slices import Looked

if TYPE_CHECKING:
    from bictl.verify.axes import Axis

SHOWN = 256  # characters of a key in a sentence
SAMPLES = 100  # ranges or keys that are listed; totals are always whole


class State(StrEnum):
    """How one check, one boundary or the whole report stands."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"


class Kind(StrEnum):
    """What a failure means: something to repair, or evidence of loss or of a changed identity."""

    FAILED = "failed"
    LOSS = "loss"


_WORST = (State.FAIL, State.UNKNOWN, State.WARN, State.OK)


def worst(states: Iterable[State]) -> State:
    """The state that decides; unknown when there is none at all."""
    found = set(states)
    return next((state for state in _WORST if state in found), State.UNKNOWN)


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What is missing or too much: a capped list of ranges or keys, and its whole size.

    `at_most` marks a size that is only an upper bound, because the range was never read.
    """

    ranges: Ranges = ()
    keys: tuple[str, ...] = ()
    total: int = 0
    at_most: bool = False

    def __bool__(self) -> bool:
        return self.total > 0

    @property
    def count(self) -> str:
        """The size in words, e.g. `at most 85`."""
        return f"{'at most ' if self.at_most else ''}{self.total}"

    def of(self, noun: str, verb: str = "") -> str:
        """What it counts in words, e.g. `1 record`, `at most 85 records are`."""
        return f"{'at most ' if self.at_most else ''}{counted(self.total, noun, verb)}"

    def __str__(self) -> str:
        if self.ranges:
            return in_words(self.ranges)
        more = f" and {self.total - 5} more" if self.total > 5 else ""
        return f"{', '.join(_short(key) for key in self.keys[:5])}{more}"


def _short(key: str) -> str:
    """A key for a sentence: a topic's keys may be as long as its values."""
    return key if len(key) <= SHOWN else f"{key[:SHOWN]}…"


NOTHING = Sample()


def of_ranges(ranges: Iterable[Range], *, at_most: bool = False) -> Sample:
    """A sample of offsets."""
    whole = merged(ranges)
    return Sample(ranges=whole[:SAMPLES], total=total(whole), at_most=at_most)


def of_keys(keys: Sequence[object], size: int | None = None) -> Sample:
    """A sample of keys; `size` is the whole number where only some keys were fetched."""
    listed = tuple(str(key) for key in keys[:SAMPLES])
    return Sample(keys=listed, total=len(keys) if size is None else size)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one check found. `evaluated` counts what it looked at: 0 makes it unknown."""

    state: State
    evaluated: int
    message: str = ""
    expected: str = ""
    actual: str = ""
    missing: Sample = NOTHING
    extra: Sample = NOTHING
    hint: str = ""
    kind: Kind | None = None  # where it differs from what the check's failures usually mean


def passed(evaluated: int, message: str = "") -> Finding:
    """Nothing wrong in what was evaluated."""
    return Finding(state=State.OK, evaluated=evaluated, message=message)


@dataclass(frozen=True, kw_only=True)
class Check:
    """A finding with its name, its place and what it cost."""

    id: str
    title: str
    boundary: str
    state: State
    kind: Kind = Kind.FAILED
    evaluated: int = 0
    message: str = ""
    expected: str = ""
    actual: str = ""
    missing: Sample = NOTHING
    extra: Sample = NOTHING
    hint: str = ""
    cut: str = ""
    seconds: float = 0.0
    unreachable: bool = False  # unknown because a service did not answer


@dataclass(frozen=True, kw_only=True)
class Hop:
    """What records took from one layer to the next, in seconds: the median, what 95 of 100 stayed
    below, the longest."""

    name: str  # `Kafka → objects`
    records: int
    p50: float
    p95: float
    longest: float

    @property
    def words(self) -> str:
        """`Kafka → objects 0.8 s, 95 % 2.1 s, at most 2.2 s`."""
        return f"{self.name} {self.p50:.1f} s, 95 % {self.p95:.1f} s, at most {self.longest:.1f} s"


@dataclass(frozen=True, kw_only=True)
class Tally:
    """Both sides of a boundary, counted in the systems themselves."""

    unit: str = "records"
    expected: int = 0
    accounted: int = 0
    in_flight: int = 0
    leaving: int = 0  # downstream still, and about to go
    pruned: int = 0  # of the accounted ones: removed because newer ones stand there
    missing: Sample = NOTHING
    extra: Sample = NOTHING
    at_most: bool = False  # `expected` counts offsets that may hold no record

    @property
    def whole(self) -> bool:
        """Everything expected has arrived, and nothing else."""
        return self.balanced and not self.in_flight and not self.leaving

    @property
    def balanced(self) -> bool:
        """What has not arrived is in flight, and nothing else."""
        return (
            self.expected == self.accounted + self.in_flight and not self.missing and not self.extra
        )


@dataclass(frozen=True, kw_only=True)
class Boundary:
    """A pair of layers; `tally` is None when one side could not be read."""

    upstream: str
    downstream: str
    verb: str  # what the missing ones are not: "ingested", "loaded"
    state: State
    tally: Tally | None
    hint: str = ""
    note: str = ""  # the decisive check's words

    @property
    def name(self) -> str:
        """`Kafka → objects`."""
        return f"{self.upstream} → {self.downstream}"


@dataclass(frozen=True, kw_only=True)
class Partition:
    """One partition at the cut. `frontier` is None before anything was sealed of it; `waits` is the
    age in seconds of the oldest record above it, None where there is none."""

    number: int
    start: int
    end: int  # read_committed
    frontier: int | None = None
    waits: int | None = None


@dataclass(frozen=True, kw_only=True)
class Report:
    """The verdict on one table, over an explicit cut."""

    table: str
    topic: str
    level: str
    run: str
    started: datetime
    seconds: float
    cut: tuple[str, ...]  # `0:61443` a partition
    scope: tuple[str, ...]
    unverified: tuple[str, ...]
    boundaries: tuple[Boundary, ...]
    checks: tuple[Check, ...]
    acknowledged: tuple[str, ...] = ()
    accepted_loss: Sample = NOTHING  # offsets that a person acknowledged as lost
    quarantined: int = 0  # records that are accounted for there, and not in bronze
    frontiers: tuple[tuple[str, int, int], ...] = ()  # generation, partition, next offset
    partitions: tuple[Partition, ...] = ()  # of the topic as it is now
    axes: "tuple[Axis, ...]" = ()  # where they were asked for
    expired: Sample = NOTHING  # offsets whose objects a lifecycle rule took, bronze holds them
    since: str = ""  # a quick look: which full verdict it stands on
    partial: bool = False  # only some of the level's checks ran
    hangs: bool = False  # a probe had not come to its end when the run had to
    slice: Looked | None = None  # which part of the contents a deep look compared; None: all
    bronze: str = ""  # the bronze table that was read
    latency: tuple[Hop, ...] = ()  # of the last day's records, in flow order
    state: State = State.UNKNOWN
    headline: str = ""

    @property
    def complete(self) -> bool:
        """Every boundary whole, everything evaluated, nothing in flight; never for a quick look."""
        return (
            self.level != "quick"
            and not self.partial
            and self.state in (State.OK, State.WARN)
            and bool(self.boundaries)
            and all(item.tally is not None and item.tally.whole for item in self.boundaries)
        )

    @property
    def exit_code(self) -> int:
        """6 before 1 before 4 before 3 before 0."""
        return exit_code(self.checks, self.state)


def exit_code(checks: Sequence[Check], state: State) -> int:
    """The process's exit code for a list of checks that rolled up to `state`."""
    failed = [check for check in checks if check.state is State.FAIL]
    if any(check.kind is Kind.LOSS for check in failed):
        return 6
    if failed or state is State.FAIL:
        return 1
    if not any(check.evaluated for check in checks) and any(check.unreachable for check in checks):
        return 4
    return 3 if state is State.UNKNOWN else 0


def percent(part: int, whole: int) -> str:
    """`0.18`: floored, so `100.00` stands only where the two are equal."""
    hundredths = min(part * 10_000 // whole, 10_000 if part >= whole else 9_999) if whole else 0
    return f"{hundredths // 100}.{hundredths % 100:02d}"
