"""A connector's committed offsets: shown as they are, or forgotten."""

import json
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bictl.cdc.change import Change
from bictl.cdc.patience import Patience, await_effect
from bictl.cdc.position import decode
from bictl.cdc.version import need_version
from bictl.cdc.words import command, states
from bictl.counted import counted
from bictl.errors import TimedOut, UsageError

if TYPE_CHECKING:
    from bictl.clients.connect import Connector, ConnectWorker, Offset

_SHOW, _RESET = (3, 5), (3, 6)
_SOURCE = (
    "When it is resumed it reads its tables anew, by its snapshot.mode: every row comes once more, "
    "at new offsets of the same topic, and goes through the whole pipeline; what changed and was "
    "not captured before that is known by its last state only; keys that were deleted meanwhile "
    "are closed when the snapshot is complete."
)
_SINK = "When it is resumed it reads its topics from their start."


@dataclass(frozen=True, kw_only=True)
class Reset:
    """Forgetting one connector's offsets, as they are now; `idle`: it has none."""

    connector: "Connector"
    offsets: "tuple[Offset, ...]"

    @property
    def idle(self) -> str:
        """Why there is nothing to do; empty when there is."""
        return "" if self.offsets else f"{self.connector.name} has no offsets"

    @property
    def question(self) -> str:
        """What a person is asked before it."""
        places = "; ".join(decode(offset).text for offset in self.offsets)
        after = _SINK if self.connector.kind == "sink" else _SOURCE
        return f"Forget how far {self.connector.name} is ({places})? {after}"


def show_offsets(worker: "ConnectWorker", name: str) -> list[dict[str, Any]]:
    """A row a source partition, decoded and as the worker keeps it; NotFound, Unreachable."""
    need_version(worker, _SHOW, "showing offsets")
    return [
        {
            "connector": name,
            "source": position.source,
            "mode": position.mode,
            "position": position.text,
            "at": position.at,
            "partition": json.dumps(dict(offset.partition)),
            "offset": json.dumps(dict(offset.offset)),
        }
        for offset in worker.offsets(name)
        for position in [decode(offset)]
    ]


def plan_reset(worker: "ConnectWorker", name: str) -> Reset:
    """What would be forgotten; UsageError unless the connector is stopped."""
    need_version(worker, _RESET, "resetting offsets")
    connector = worker.connector(name)
    offsets = worker.offsets(name)
    if offsets and (connector.state != "STOPPED" or connector.tasks):
        raise UsageError(
            f"offsets can be reset only while a connector is stopped; {name} is "
            f"{states(connector)}",
            hint=f"{command('stop', name)}, then this again, then {command('resume', name)}",
        )
    return Reset(connector=connector, offsets=offsets)


def reset_offsets(worker: "ConnectWorker", wanted: Reset, *, patience: Patience) -> Change:
    """Forgets them, and reads back that there are none; TimedOut when that is not seen in time."""
    name, before = wanted.connector.name, counted(len(wanted.offsets), "offset")
    if wanted.idle:
        return _change(name, before, before, f"nothing to do: {wanted.idle}", changed=False)
    with suppress(TimedOut):  # it may have been done all the same: what is there decides
        worker.reset_offsets(name)
    left, gone = await_effect(lambda: worker.offsets(name), lambda found: not found, patience)
    now = counted(len(left), "offset")
    if gone:
        summary = f"reset the offsets of {name}; a new snapshot begins with: " + command(
            "resume", name
        )
        return _change(name, before, now, summary)
    if patience.stop():
        return _change(name, before, now, f"asked to reset the offsets of {name}, not seen yet")
    raise TimedOut(
        f"asked to reset the offsets of {name}, but they are still there",
        hint=f"look again: {command('offsets show', name)}",
    )


def _change(name: str, was: str, now: str, summary: str, *, changed: bool = True) -> Change:
    return Change(
        connector=name, verb="offsets reset", changed=changed, was=was, now=now, summary=summary
    )
