"""What is legal, in classes: each variation makes one scene, and verify has to stay calm."""

import random
from collections.abc import Callable, Collection, Iterable
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
import results
from scenes import Scene, Writers

from bictl.verify import Report
from bictl.verify.report import State

LEVELS = ("default", "deep", "quick")
Build = Callable[[Scene], None]


@dataclass(frozen=True, kw_only=True)
class Variation:
    """One scene: which class of legal behaviour, made how, by which chance, watched by whom."""

    kind: str
    name: str
    build: Build
    seed: int
    writers: bool  # producers and stages are at work while verify looks

    def __str__(self) -> str:
        beside = "writers" if self.writers else "alone"
        return f"{self.kind.replace(' ', '_')}-{self.name}-{beside}{self.seed}"

    def chance(self) -> random.Random:
        """Its own chance, the same in each run."""
        return random.Random(f"{self.name} {self.seed}")


@dataclass
class Variations:
    """Those of one tier; `legal("empty")` registers a function, `times` of it, half of them with
    writers, or all or none of them."""

    all: list[Variation]

    def legal(
        self, kind: str, *, times: int = 4, writers: bool | None = None
    ) -> Callable[[Build], Build]:
        """Registers what makes a scene."""

        def register(build: Build) -> Build:
            for seed in range(times):
                self.all.append(
                    Variation(
                        kind=kind,
                        name=build.__name__,
                        build=build,
                        seed=seed,
                        writers=seed % 2 == 1 if writers is None else writers,
                    )
                )
            return build

        return register


def parameters(ones: Iterable[Variation], *, sample: Collection[str]) -> list:
    """One parameter each; those of the sample run with every test."""
    return [
        pytest.param(one, id=str(one), marks=[] if str(one) in sample else [pytest.mark.faults])
        for one in ones
    ]


def assert_calm(variation: Variation, make: Callable[[random.Random], Scene]) -> None:
    """Makes the scene and writes down what verify says wrongly of it: nothing."""
    found = false_alarms(variation, make(variation.chance()))
    results.write("variation", name=str(variation), layer=variation.kind, alarms=found)
    assert found == []


def alarms(report: Report) -> dict[str, str]:
    """The checks that are red or do not know; nothing where verify is calm."""
    loud = (State.FAIL, State.UNKNOWN)
    found = {check.id: check.message for check in report.checks if check.state in loud}
    found.update({item.name: item.note for item in report.boundaries if item.state in loud})
    return found


def false_alarms(variation: Variation, scene: Scene) -> list[str]:
    """What verify says wrongly of the scene: at each level, while others write and when they have
    ended; and whether staging then shows what the source holds."""
    variation.build(scene)
    said: list[str] = []
    if variation.writers:
        with ExitStack() as beside:
            beside.enter_context(Writers(scene))
            for level in LEVELS:
                report = scene.verify(level)
                said += [f"{level}, writers: {alarm}" for alarm in alarms(report).items()]
        scene.settle()
    for level in LEVELS[1:2] if variation.writers else LEVELS:
        report = scene.verify(level)
        said += [f"{level}: {alarm}" for alarm in alarms(report).items()]
        may_be_complete = level != "quick" and (variation.writers or not scene.in_flight)
        if report.complete is not may_be_complete:
            said.append(f"{level}: complete is {report.complete}: {report.headline}")
    if not scene.is_others and (variation.writers or not scene.in_flight):
        shown = scene.shown()
        if shown != scene.rows:
            said.append(f"staging shows {shown}, the source holds {scene.rows}")
    return said
