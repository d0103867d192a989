"""A change to a connector: asked for once, then looked for until it is seen.

The worker takes a request at once, does it in its own time, and its status may be older than the
request. A change is never asked for again because its answer did not come: what is there is read.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bictl.cdc.health import root_cause
from bictl.cdc.patience import Patience, await_effect
from bictl.cdc.version import need_version
from bictl.cdc.words import command, states
from bictl.errors import NotFound, StageFailed, TimedOut, Unreachable

if TYPE_CHECKING:
    from bictl.clients.connect import Connector, ConnectWorker

HOLD = 2.5  # seconds: a task that will fail again says RUNNING for one, an old status lives one


@dataclass(frozen=True, kw_only=True)
class Verb:
    """One change that can be asked for.

    `reached` is True or False when a sight shows that it worked or failed, None while it is on
    its way; that has to be seen for `hold` seconds. `idle` says why there is nothing to do.
    """

    name: str
    past: str
    ask: "Callable[[ConnectWorker, str], None]"
    idle: "Callable[[Connector], str]"
    reached: "Callable[[Connector | None], bool | None]"
    question: "Callable[[Connector], str]"
    hold: float = 0.0
    least: tuple[int, int] | None = None  # the oldest Kafka Connect that knows it


@dataclass(frozen=True)
class Request:
    """A change to one connector as it is now; `idle` says why there is nothing to do."""

    verb: Verb
    connector: "Connector"
    idle: str

    @property
    def question(self) -> str:
        """What a person is asked before it."""
        return self.verb.question(self.connector)


@dataclass(frozen=True, kw_only=True)
class Change:
    """What a change came to; `was` and `now` are the worker's words before and after it."""

    connector: str
    verb: str
    changed: bool
    was: str
    now: str
    summary: str
    exit_code: int = 0

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One row."""
        return [{key: value for key, value in vars(self).items() if key != "exit_code"}]


def prepare(worker: "ConnectWorker", name: str, verb: Verb) -> Request:
    """What the change would be; NotFound lists the connectors that exist, UsageError names the
    version that the worker would have to be."""
    if verb.least:
        need_version(worker, verb.least, f"bictl cdc {verb.name}")
    connector = worker.connector(name)
    return Request(verb, connector, verb.idle(connector))


def carry_out(worker: "ConnectWorker", wanted: Request, *, patience: Patience) -> Change:
    """Asks for the change and waits until it is seen.

    Raises StageFailed with the root cause where a task fails instead, TimedOut with what is there
    when it is not seen in time. A wait that was ended by a signal says so in its summary.
    """
    name, verb = wanted.connector.name, wanted.verb
    if wanted.idle:
        return _change(wanted, wanted.connector, f"nothing to do: {wanted.idle}", changed=False)
    answered = False
    with suppress(TimedOut, NotFound):  # made all the same; deleted meanwhile: what is there tells
        verb.ask(worker, name)
        answered = True
    try:
        sight, verdict = watch(worker, name, verb, patience=patience)
    except Unreachable as error:
        raise TimedOut(
            f"asked to {verb.name} {name}; what came of it is not known: {error.message}",
            hint=f"once the worker answers: {command('status', name)}, then this again",
        ) from error
    if verdict:
        late = "" if answered or sight is None else "; the worker had not answered"
        hold = f" for {verb.hold:g} s" if verb.hold else ""
        return _change(wanted, sight, f"{verb.past} {name}: {_words(sight)}{hold}{late}")
    if verdict is False:
        raise failure(sight, name)
    if patience.stop():
        summary = f"asked to {verb.name} {name}, not seen yet: {_words(sight)}"
        return _change(wanted, sight, summary)
    raise TimedOut(
        f"asked to {verb.name} {name}, but it was not seen in time: {_words(sight)}",
        hint=f"the worker may still do it, or somebody undid it: {command('status', name)}",
    )


def watch(
    worker: "ConnectWorker", name: str, verb: Verb, *, patience: Patience
) -> "tuple[Connector | None, bool | None]":
    """(the connector as it was seen last, or None where it is not there; whether the verb's effect
    was reached, or None when that was still open at the end)."""
    reached = _Reached(verb)
    sight, seen = await_effect(lambda: _sight(worker, name), reached, patience)
    return sight, reached.verdict if seen else None


class _Reached:
    """Tells what stays from what passes."""

    def __init__(self, verb: Verb) -> None:
        self._verb = verb
        self.verdict: bool | None = None
        self._since = 0.0

    def __call__(self, sight: "Connector | None") -> bool:
        verdict = self._verb.reached(sight)
        if verdict != self.verdict:
            self.verdict, self._since = verdict, time.monotonic()
        # what failed may be what failed before: an old status
        hold = max(self._verb.hold, 0.0 if verdict else HOLD)
        return verdict is not None and time.monotonic() - self._since >= hold


def _sight(worker: "ConnectWorker", name: str) -> "Connector | None":
    try:
        return worker.connector(name)
    except NotFound:
        return None


def _change(
    wanted: Request, sight: "Connector | None", summary: str, *, changed: bool = True
) -> Change:
    return Change(
        connector=wanted.connector.name,
        verb=wanted.verb.name,
        changed=changed,
        was=states(wanted.connector),
        now=_words(sight),
        summary=summary,
    )


def _words(sight: "Connector | None") -> str:
    return "it is not there" if sight is None else states(sight)


def failure(sight: "Connector | None", name: str) -> StageFailed:
    """What to say about a connector of which something failed, or that is gone."""
    if sight is None:
        return StageFailed(
            f"{name} is not there any more: somebody deleted it", hint="bictl cdc status"
        )
    traces = [task.trace for task in sight.tasks if task.state == "FAILED"] or [sight.trace]
    return StageFailed(
        f"{name}: {states(sight)}: {root_cause(traces[0])}",
        hint=f"remove the cause, then: {command('restart', name)}",
    )
