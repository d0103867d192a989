"""What a fault is: one small function that damages a healthy pipeline in exactly one way.

A fault's Truth is computed from what was produced and from what the function itself damaged, never
by bictl's own code. `repair` is how the pipeline becomes healthy again, step by step: a command in
a text is one that the verdict has to name, a function is what only a person can do.
"""

import importlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from bed import Bed

Span = tuple[int, int, int]  # partition, first, next
Level = Literal["quick", "default", "deep"]
On = Literal["copy", "topic", "jvm", "source"]
State = Literal["fail", "loss", "unknown", "warn"]  # loss: the exit code is 6
Step = "str | Callable[[Bed], object]"
# What `bictl repair` does of itself; every other step is a person's.
_SAFE = ("ingest", "load-bronze", "transform", "embed", "migrate")


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What the verdict has to say: its state, at least one of the checks `by`, and exactly these
    ranges or keys (or these words, where what is damaged is no record)."""

    state: State
    by: Sequence[str]
    ranges: Sequence[Span] = ()
    keys: Sequence[str] = ()
    said: str = ""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One entry of the catalogue. `level` is the cheapest level that promises to see it; `leaves`
    are checks that may still warn after the repair; `on` is the pipeline that it needs: a copy of
    the shared one, one with a topic of its own, one on a real Kafka, or one with a live source.
    `by_hand` says why a person runs its repair although each step is a plain stage."""

    name: str
    layer: str
    words: str
    violates: str
    damage: "Callable[[Bed], Truth]"
    repair: "Sequence[Step]"
    level: Level = "default"
    leaves: Sequence[str] = ()
    on: On = "copy"
    by_hand: str = ""

    @property
    def is_safe(self) -> bool:
        """Whether `bictl repair` alone makes the pipeline healthy again."""
        words = [step.split()[:2] if isinstance(step, str) else [] for step in self.repair]
        return not self.by_hand and all(
            word[:1] == ["bictl"] and word[1] in _SAFE for word in words
        )

    @property
    def checks(self) -> frozenset[str]:
        """The checks that it violates."""
        return frozenset(re.findall(r"\b[SCKOBTEM]\d+\b", self.violates))


_FAULTS: list[Fault] = []


def faults() -> list[Fault]:
    """Every fault of the modules `faults_of_*.py`."""
    for path in sorted(Path(__file__).parent.glob("faults_of_*.py")):
        importlib.import_module(path.stem)
    return _FAULTS


def fault(
    words: str,
    *,
    violates: str,
    repair: "Sequence[Step]",
    level: Level = "default",
    leaves: Sequence[str] = (),
    on: On = "copy",
    by_hand: str = "",
) -> "Callable[[Callable[[Bed], Truth]], Callable[[Bed], Truth]]":
    """Registers a damage under the function's own name."""

    def register(damage: "Callable[[Bed], Truth]") -> "Callable[[Bed], Truth]":
        layer = damage.__module__.removeprefix("faults_of_").replace("_", " ")
        _FAULTS.append(
            Fault(
                name=damage.__name__.replace("_", "-"),
                layer=layer,
                words=words,
                violates=violates,
                damage=damage,
                repair=repair,
                level=level,
                leaves=leaves,
                on=on,
                by_hand=by_hand,
            )
        )
        return damage

    return register


def a_person(words: str, do: "Callable[[Bed], object]") -> "Callable[[Bed], object]":
    """A step that only a person can do, in words."""

    def step(bed: "Bed") -> object:
        return do(bed)

    step.__doc__ = words
    return step
