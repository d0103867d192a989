"""One kill: a beginning, a death at one point, a plain rerun, and what is there then."""

import json
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import oracle
from left import left
from pipelines import Pipeline
from world import STRACE, Ended, World

from bictl.clients import Clients

WELL = (0, 3)  # 3: the record that is no jsonb is in quarantine
_GOLDEN = 0.618
TRIES = 3  # until a point fires that some runs do not come to: a refresh of Kafka's metadata


@dataclass(frozen=True)
class Case:
    """A command, the kept world that it starts from, and its own damage to that world."""

    name: str
    words: str
    start: str
    prepare: Callable[[World], None] = lambda _: None
    compared: bool = True  # whether produced = bronze + quarantine holds at its end (pruned: not)
    whole: bool = True  # whether ledger and rows agree at its beginning
    counted: str = ""  # the column of its rows that says how much it did
    has_staging: bool = True  # whether its world has the staging view, so that all can follow


@dataclass(frozen=True)
class Point:
    """The nth call of that name, and when to die: before, inside or after it."""

    label: str
    nth: int
    moment: str

    def __str__(self) -> str:
        return f"{self.moment} {self.label} #{self.nth}"

    @property
    def wish(self) -> dict:
        return {"label": self.label, "nth": self.nth, "moment": self.moment}


@dataclass(frozen=True)
class Outcome:
    """What became of a kill; `wrong` says what is not as after an undisturbed run."""

    point: Point
    fired: bool
    lost: int = 0
    doubled: int = 0
    orphans: int = 0
    swept: int = 0  # leftovers that the first rerun left to the second
    is_new: bool = True  # whether no death before it had left the same
    wrong: tuple[str, ...] = ()


class Sweep:
    """The kills of one case, held against its undisturbed run."""

    def __init__(self, world: World, case: Case, clients: Clients, produced: dict) -> None:
        self._world, self._case, self._clients = world, case, clients
        self._pipeline, self._produced = Pipeline(world.settings, clients), produced
        self._healings: dict[str, Outcome] = {}  # by what was left
        self._begin()
        ended = world.bictl(*case.words.split(), "--json", dies={})
        assert ended.code in WELL, ended.said
        self.amount = _amount(ended, case.counted)
        self.points = [
            Point(label, nth, moment) for label, nth, moments in ended.trace for moment in moments
        ]
        assert world.bictl(*case.words.split()).code in WELL
        self._files = oracle.names(world.state_dir)
        self._undisturbed = self._finished()
        wrong = self._wrong(self._undisturbed)
        assert not wrong, wrong

    def kill(self, point: Point) -> Outcome:
        """Dies there, runs again where no death before it left the same, and compares."""
        world, words = self._world, self._case.words.split()
        for _ in range(TRIES):
            self._begin()
            begun = time.time()
            ended = world.bictl(*words, dies=point.wish)
            fired = ended.trace == [[point.label, point.nth, point.moment]]
            if fired:
                break
        if not fired:
            return Outcome(point, fired=False)
        if not point.label.startswith("dbt "):
            assert ended.code == -9, ended.said
        what = left(world.systems, world.state_dir, since=begun)
        if what in self._healings:
            return replace(self._healings[what], point=point, is_new=False)
        outcome = self._healed(point)
        if what is not None:
            self._healings[what] = outcome
        return outcome

    def cut(self, call: str, nth: int) -> Outcome:
        """Dies at the nth system call of that name (from 1) of one of its threads."""
        inject = ("-e", f"inject={call}:signal=KILL:when={nth}")
        ended, outcome = self.under(*STRACE, *inject, name=f"system call {call} {nth}")
        return replace(outcome, fired=ended.returncode == -9)

    def calls(self, call: str) -> int:
        """How many system calls of that name its busiest thread makes."""
        self._begin()
        return self._world.count(call, words=self._case.words.split())

    def under(self, *prefix: str, name: str = "") -> tuple[subprocess.CompletedProcess, Outcome]:
        """How it ends behind another program, and what a plain rerun makes of it."""
        self._begin()
        ended = self._world.under(*prefix, words=self._case.words.split())
        return ended, self._healed(Point(name, 0, "before"))

    def _healed(self, point: Point) -> Outcome:
        """Looks at what the death left, runs again, and compares."""
        world, words = self._world, self._case.words.split()
        torn = oracle.halves(world.systems) if self._case.whole else []
        orphans = len(oracle.processes_of(world.state_dir))
        again = world.bictl(*words)
        if again.code not in WELL:
            return Outcome(point, fired=True, wrong=(f"rerun: {again.code} {again.said[-300:]}",))
        left = oracle.litter(world.systems, world.state_dir)
        if left:
            assert world.bictl(*words).code in WELL
            left_still = oracle.litter(world.systems, world.state_dir)
        else:
            left_still = []
        extra = oracle.names(world.state_dir) - self._files
        found = self._finished()
        count = oracle.tally(self._produced, found)
        return Outcome(
            point,
            fired=True,
            lost=len(count.lost) if self._case.compared else 0,
            doubled=len(count.doubled),
            orphans=orphans,
            swept=len(left),
            wrong=(*torn, *left_still, *map(str, extra), *self._wrong(found)),
        )

    def together(self, count: int, *, has_locks: bool) -> tuple[list[Ended], list[str]]:
        """So many starts at once: how they ended, and what is not as after a single one."""
        self._begin()
        words = [*self._case.words.split(), "--json"]
        ended = self._world.together(*words, count=count, has_locks=has_locks)
        left = oracle.litter(self._world.systems, self._world.state_dir)
        return ended, [*left, *self._wrong(self._finished())]

    def amount_of(self, ended: Sequence[Ended]) -> int:
        """How much was done by all of them."""
        return sum(_amount(one, self._case.counted) for one in ended if one.code in WELL)

    def _begin(self) -> None:
        self._clients.database.close()
        self._world.restore(self._case.start)
        self._case.prepare(self._world)

    def _finished(self) -> oracle.Contents:
        """What is there when the rest of the pipeline has followed."""
        pipeline = self._pipeline
        pipeline.load()
        if self._case.has_staging:
            pipeline.embed()
        return oracle.contents(self._world.systems)

    def _wrong(self, found: oracle.Contents) -> list[str]:
        wrong = found.differences(self._undisturbed)
        if self._case.compared and not oracle.tally(self._produced, found).is_clean:
            wrong.append(str(oracle.tally(self._produced, found))[:300])
        if self._case.has_staging:
            report = self._pipeline.verify(level="deep")
            wrong += [] if report.complete else [report.headline]
        self._clients.database.close()
        return wrong


def _amount(ended: Ended, column: str) -> int:
    """The sum of a column of a command's result."""
    if not column:
        return 0
    document, _ = json.JSONDecoder().raw_decode(ended.said[ended.said.index("{") :])
    return sum(row[column] for row in document["rows"])


def spread(points: Sequence[Point], most: int) -> list[Point]:
    """One of each of so many equal stretches, at another place in each, so that no step falls in
    with the order of moments; all of them where there are no more."""
    if len(points) <= most:
        return list(points)
    width = len(points) / most
    return [points[n] for n in sorted({int(width * (i + i * _GOLDEN % 1)) for i in range(most)})]


def table(rows: Sequence[tuple[str, int, Sequence[Outcome]]]) -> list[str]:
    """The printed table of `make chaos`: each stage's name, its points, and what was tried."""
    head = (
        "stage",
        "points",
        "tried",
        "killed",
        "different ends",
        "complete again",
        "lost",
        "doubled",
        "orphans",
    )
    lines = [head]
    for name, points, outcomes in rows:
        fired = [outcome for outcome in outcomes if outcome.fired]
        lines.append(
            (
                name,
                str(points),
                str(len(outcomes)),
                str(len(fired)),
                str(sum(outcome.is_new for outcome in fired)),
                str(sum(not outcome.wrong for outcome in fired)),
                str(sum(outcome.lost for outcome in fired)),
                str(sum(outcome.doubled for outcome in fired)),
                str(sum(bool(outcome.orphans) for outcome in fired)),
            )
        )
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return [
        "  ".join(
            word.ljust(width) if not column else word.rjust(width)
            for column, (word, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]
