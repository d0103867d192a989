"""The frame of a verdict: definitions of checks, how one is run, and how a boundary is judged.

A check is acquire → evaluate → present: `judge` takes the evidence it needs from the world (which
acquires it once and remembers also that it could not), hands it to a pure function and returns that
function's finding. What raises Unreachable, or looked at nothing, is unknown.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, replace

from bictl.clients.relations import Missing
from bictl.errors import BictlError, LossError, Unreachable
from bictl.verify.layers import LAYERS
from bictl.verify.report import Boundary, Check, Finding, Kind, State, Tally, worst
from bictl.verify.world import World

LEVELS = ("quick", "default", "deep")


@dataclass(frozen=True)
class Definition:
    """A check's stable name, where it stands, and how it is judged.

    `level` is the first level that runs it, `only` the one level that does; `grows` says with what
    its cost grows; `needs_worker` leaves it out where no Kafka Connect is configured,
    `needs_encoder` where the caller brings no model, `needs_source` where no source is,
    `needs_count` where also nobody counted there; `is_long` gives it a lane of its own, so that its
    layer's other checks need not wait for it.
    """

    id: str
    title: str
    boundary: str
    judge: Callable[[World], Finding]
    _: KW_ONLY
    grows: str
    level: str = "default"
    only: str = ""
    kind: Kind = Kind.FAILED
    needs_worker: bool = False
    needs_encoder: bool = False
    needs_source: bool = False
    needs_count: bool = False
    is_long: bool = False

    @property
    def lane(self) -> str:
        """The checks of one lane are judged one after the other."""
        return self.id if self.is_long else self.id[0]

    @property
    def layer(self) -> str:
        """What it looks at: the layer that its id's letter stands for."""
        return LAYERS[self.id[0]]

    def runs_at(self, level: str) -> bool:
        """Whether a run of this level evaluates it."""
        if self.only:
            return level == self.only
        return LEVELS.index(self.level) <= LEVELS.index(level)


@dataclass(frozen=True, kw_only=True)
class Crossing:
    """A boundary as it is defined: its two layers and how both sides are counted."""

    upstream: str
    downstream: str
    verb: str
    tally: Callable[[World], Tally]
    repair: str  # the command that carries records across; `{table}` is the table's name
    level: str = "default"
    needs_source: bool = False

    @property
    def name(self) -> str:
        """`Kafka → objects`: what a check's definition names as its boundary."""
        return f"{self.upstream} → {self.downstream}"


def run(definition: Definition, world: World) -> Check:
    """The check, evaluated now."""
    started, unreachable = time.monotonic(), False
    try:
        finding = definition.judge(world)
    except BictlError as error:
        finding, unreachable = _cannot_tell(error), isinstance(error, Unreachable)
    if finding.evaluated == 0 and finding.state is not State.FAIL and not world.may_be_empty:
        finding = replace(
            finding,
            state=State.UNKNOWN,
            message=finding.message or "there was nothing to evaluate",
            hint=finding.hint or _if_empty(world.table.name),
        )
    is_amiss = finding.state in (State.FAIL, State.WARN)
    return Check(
        id=definition.id,
        title=definition.title,
        boundary=definition.boundary,
        state=finding.state,
        kind=finding.kind or definition.kind,
        evaluated=finding.evaluated,
        message=finding.message,
        expected=finding.expected or (definition.title if is_amiss else ""),
        actual=finding.actual or (finding.message if is_amiss else ""),
        missing=finding.missing,
        extra=finding.extra,
        hint=finding.hint or (_look(definition, world) if is_amiss else ""),
        cut=world.cut_words,
        seconds=time.monotonic() - started,
        unreachable=unreachable,
    )


def left_out(definition: Definition, *, waiting: str | None = None) -> Check:
    """The check of a run that was stopped before it was done with it; whom it was `waiting` for."""
    return Check(
        id=definition.id,
        title=definition.title,
        boundary=definition.boundary,
        state=State.UNKNOWN,
        kind=definition.kind,
        message=f"stopped before it was evaluated{f': waited for {waiting}' if waiting else ''}",
        hint="give it more time with --timeout; every service is asked by bictl doctor",
        unreachable=True,
    )


def judge(
    crossing: Crossing, checks: Sequence[Check], world: World, *, stopped: bool = False
) -> Boundary:
    """The boundary's state: its worst check, and fail wherever the two counts do not balance."""
    mine = [check for check in checks if check.boundary == crossing.name]
    tally = None if stopped else _counted(crossing, world)
    states = [check.state for check in mine]
    if tally is None:
        states.append(State.UNKNOWN)
    elif not tally.balanced:
        states.append(State.FAIL)
    state = worst(states)
    decisive = deciding(mine, state)
    repair = crossing.repair.format(table=world.table.name)
    return Boundary(
        upstream=crossing.upstream,
        downstream=crossing.downstream,
        verb=crossing.verb,
        state=state,
        tally=tally,
        hint="" if state is State.OK else (decisive.hint if decisive else "") or repair,
        note=decisive.message if decisive and state is not State.OK else "",
    )


def _counted(crossing: Crossing, world: World) -> Tally | None:
    try:
        return crossing.tally(world)
    except BictlError:
        return None


def deciding(checks: Sequence[Check], state: State) -> Check | None:
    """The check that a person should read first: loss before failure, then in order."""
    found = [check for check in checks if check.state is state]
    return min(found, key=lambda check: check.kind is not Kind.LOSS, default=None)


def _cannot_tell(error: BictlError) -> Finding:
    if isinstance(error, LossError | Missing):
        return Finding(
            state=State.FAIL,
            kind=Kind.LOSS if isinstance(error, LossError) else None,
            evaluated=1,
            message=error.message,
            hint=error.hint or "",
        )
    return Finding(
        state=State.UNKNOWN, evaluated=0, message=error.message, hint=error.hint or "bictl doctor"
    )


def _look(definition: Definition, world: World) -> str:
    return f"bictl verify --table {world.table.name} --select {definition.id} --json"


def _if_empty(table: str) -> str:
    return f"if this table is meant to be empty, set expect_empty = true in [tables.{table}]"
