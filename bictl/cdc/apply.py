"""A connector's configuration to the worker: what would change, the change, and its effect.

A PUT restarts the connector even when nothing differs, so nothing is put then. The worker's status
lags: right after a PUT it may still tell the state and the trace of before.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from bictl.cdc.connector_file import ConnectorFile
from bictl.cdc.health import Verdict, judge
from bictl.cdc.known_keys import is_source
from bictl.cdc.patience import Patience, await_effect
from bictl.cdc.words import command, states
from bictl.errors import BictlError, NotFound, StageFailed, TimedOut, Unreachable

if TYPE_CHECKING:
    from bictl.clients.connect import Connector, ConnectWorker
    from bictl.clients.connect_config import Difference

CALM = 3.0  # seconds for which a state has to stay: a task that fails again runs for ~0.8 s first
_FRESH = 1.0  # seconds in which the status of a deleted one of the same name may still be told
_LONELY = 10.0  # seconds after which a connector without a task is believed to get none
_AT_REST = ("PAUSED", "STOPPED")
# What a connector may hand to its tasks otherwise than it got it.
_ITS_OWN = {"name", "tasks.max", "database.names"}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a PUT would do; `before` is the connector as it is, None when there is none yet."""

    name: str
    before: "Connector | None"
    changes: tuple["Difference", ...]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The difference, a row a key; secrets are masked."""
        return [
            {"change": one.kind, "key": one.key, "old": one.old, "new": one.new}
            for one in self.changes
        ]

    @property
    def summary(self) -> str:
        """What it would do, in words."""
        if not self.changes:
            return f"nothing to do: {self.name} has this configuration"
        keys = f"{len(self.changes)} key{'s' if len(self.changes) > 1 else ''}"
        return f"change {keys} of {self.name}" if self.before else f"create {self.name}"


@dataclass(frozen=True, kw_only=True)
class Applied:
    """What was done, and how the connector is, `now` in words; `error` begins a failed trace."""

    plan: Plan
    changed: bool
    settled: bool
    state: str
    tasks: tuple[str, ...]
    now: str
    verdict: Verdict
    error: str = ""

    @property
    def reason(self) -> str:
        """Why it is not well: the first line of the trace, and its root cause."""
        reason = self.verdict.reason
        return f"{self.error} — {reason}" if self.error and self.error not in reason else reason

    @property
    def exit_code(self) -> int:
        """0 it runs, 1 it failed, 3 it is paused or stopped, 4 it did not come to rest in time."""
        if self.verdict.health == "fail":
            return 1
        if not self.settled:
            return 4
        return 0 if self.verdict.health == "ok" else 3

    @property
    def summary(self) -> str:
        """What was done, and what came of it."""
        name, changed = self.plan.name, len(self.plan.changes)
        if not self.changed:
            return f"{self.plan.summary}; {self.now}"
        if self.plan.before is None:
            done = f"created {name}"
        else:
            done = f"changed {changed} key{'s' if changed > 1 else ''} of {name}"
        return f"{done}: {self.now}"


def plan(worker: "ConnectWorker", draft: ConnectorFile) -> Plan:
    """What a PUT of the file would change on the worker."""
    from bictl.clients.connect_config import differences

    try:
        return Plan(
            name=draft.name,
            before=worker.connector(draft.name),
            changes=worker.differences(draft.name, draft.config),
        )
    except NotFound:
        return Plan(name=draft.name, before=None, changes=differences({}, draft.config))


def apply(
    worker: "ConnectWorker", draft: ConnectorFile, planned: Plan, *, patience: Patience
) -> Applied:
    """Puts the configuration if it differs, and waits until the connector and its tasks run; also
    where somebody else has put it a moment ago, and it has no task yet.

    Raises Unreachable when it cannot be known whether the change was made, StageFailed when the
    worker refuses it or somebody else changed the connector meanwhile.
    """

    def look() -> _Look:
        return _connector(worker, draft, planned)

    if not planned.changes:
        found, settled = look(), True
        if found.connector.state == "RUNNING" and not found.connector.tasks:
            found, settled = await_effect(look, _Calm(planned), patience)
        return _applied(worker, planned, found, changed=False, settled=settled)
    _put(worker, draft)
    found, settled = await_effect(look, _Calm(planned), patience)
    if left := worker.differences(draft.name, draft.config):
        keys = ", ".join(one.key for one in left)
        raise StageFailed(
            f"somebody else changed {draft.name} meanwhile: {keys}",
            hint="run it again to see the difference",
        )
    return _applied(worker, planned, found, changed=True, settled=settled)


@dataclass(frozen=True)
class _Look:
    """One look at the connector, and whether its tasks have got the new configuration."""

    connector: "Connector"
    follow: bool


@dataclass
class _Calm:
    """Whether what is seen is what came of the change, and no longer what was before."""

    plan: Plan
    seen: Any = None
    since: float = field(default_factory=time.monotonic)

    def __call__(self, look: _Look) -> bool:
        """Whether this look can be believed."""
        picture = (look.follow, look.connector.state, look.connector.tasks)
        if picture != self.seen:
            self.seen, self.since = picture, time.monotonic()
        return time.monotonic() - self.since >= self._needed(look)

    def _needed(self, look: _Look) -> float:
        """For how many seconds it has to stay so."""
        seen = {look.connector.state, *(task.state for task in look.connector.tasks)}
        before = self.plan.before
        if "FAILED" in seen:
            if before is None:
                return _FRESH
            return CALM if _traces(before) == _traces(look.connector) else 0.0
        if before is not None and before.state in _AT_REST and look.connector.state == before.state:
            return 0.0
        if seen != {"RUNNING"} or not look.follow:
            return float("inf")
        return CALM if look.connector.tasks else _LONELY


def _traces(connector: "Connector") -> tuple[str, ...]:
    return (connector.trace, *(task.trace for task in connector.tasks))


def _connector(worker: "ConnectWorker", draft: ConnectorFile, planned: Plan) -> _Look:
    """The connector, and whether its tasks follow; of a class that may hand its tasks anything
    nobody can tell, and of one at rest nothing is asked."""
    found = worker.connector(draft.name)
    wanted = {key: value for key, value in draft.config.items() if key not in _ITS_OWN}
    told = is_source(draft.plugin) and bool(found.tasks)
    return _Look(found, not told or worker.tasks_have(draft.name, wanted))


def _put(worker: "ConnectWorker", draft: ConnectorFile) -> None:
    """The PUT. When no answer comes, what the worker has is read back, and nothing is repeated."""
    try:
        worker.put(draft.name, draft.config)
    except Unreachable as error:
        if _has(worker, draft, error):
            return
        raise type(error)(
            f"{error.message}; read back: {draft.name} does not have the new configuration yet",
            hint=f"the worker may still do it: {command('status', draft.name)}, then run it again",
        ) from error


def _has(worker: "ConnectWorker", draft: ConnectorFile, error: BictlError) -> bool:
    """Whether the worker has the configuration; raises `error` where nobody can tell."""
    try:
        return not worker.differences(draft.name, draft.config)
    except NotFound:
        return False
    except Unreachable:
        raise TimedOut(
            f"{error.message}; whether the change was made could not be read back",
            hint=f"{command('status', draft.name)}, then run it again: it does what is missing",
        ) from error


def _applied(
    worker: "ConnectWorker", planned: Plan, look: _Look, *, changed: bool, settled: bool = True
) -> Applied:
    found = look.connector
    verdict = judge(found, answers=True)
    if not settled and verdict.health == "ok":
        late = "its tasks run, and do not have the new configuration yet"
        verdict = replace(verdict, health="unknown", reason=late)
    traces = [trace for trace in _traces(found) if trace]
    return Applied(
        plan=planned,
        changed=changed,
        settled=settled,
        state=found.state,
        tasks=tuple(task.state for task in found.tasks),
        now=states(found),
        verdict=verdict,
        error=traces[0].partition("\n")[0] if traces else "",
    )


def consequences(planned: Plan) -> Mapping[str, str]:
    """What a change of an existing connector brings that its key does not say, by key."""
    if planned.before is None:
        return {}
    return {one.key: words for one in planned.changes if (words := _CONSEQUENCES.get(one.key))}


_SHAPE = "the records from now on have another shape than those that are in the topic"
_CONSEQUENCES = {
    "topic.prefix": "offsets belong to the prefix: a new snapshot goes into new topics",
    "database.names": "offsets belong to the database: one that is new gets a snapshot",
    "table.include.list": "a table that is added is captured from now on; the rows that it has "
    "come with bictl cdc snapshot",
    "snapshot.mode": "it counts only where there are no offsets yet",
    "slot.name": "a new slot begins now: what the old one has not delivered is lost",
    "publication.name": "a new publication begins now",
    "schema.history.internal.kafka.topic": "a new topic is empty: the connector fails, until "
    "bictl cdc offsets reset has it begin with a snapshot",
    "decimal.handling.mode": _SHAPE,
    "time.precision.mode": _SHAPE,
    "binary.handling.mode": _SHAPE,
    "key.converter": _SHAPE,
    "value.converter": _SHAPE,
    "key.converter.schemas.enable": _SHAPE,
    "value.converter.schemas.enable": _SHAPE,
    "transforms": _SHAPE,
}
