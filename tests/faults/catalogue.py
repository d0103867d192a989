"""What a fault is: one small function that damages a healthy pipeline in exactly one way.

A fault's Truth is computed from what was produced and from what the function itself damaged, never
by bictl's own code. `repair` is how the pipeline becomes healthy again, step by step: a command in
a text is one that the verdict has to name, a function is what only a person can do.
"""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from bed import Bed

Span = tuple[int, int, int]  # partition, first, next
Level = Literal["quick", "default", "deep"]
State = Literal["fail", "loss", "unknown", "warn"]  # loss: the exit code is 6
Step = "str | Callable[[Bed], object]"


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
    the shared one, one with a topic of its own, or one on a real Kafka."""

    name: str
    layer: str
    words: str
    violates: str
    damage: "Callable[[Bed], Truth]"
    repair: "Sequence[Step]"
    level: Level = "default"
    leaves: Sequence[str] = ()
    on: Literal["copy", "topic", "jvm"] = "copy"


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
    on: Literal["copy", "topic", "jvm"] = "copy",
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
            )
        )
        return damage

    return register


def by_hand(words: str, do: "Callable[[Bed], object]") -> "Callable[[Bed], object]":
    """A step that only a person can do, in words."""

    def step(bed: "Bed") -> object:
        return do(bed)

    step.__doc__ = words
    return step
