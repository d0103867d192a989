"""The checks of a verdict side by side: the checks of one layer in their order, the layers beside
each other, and what takes long beside its own layer.

What two lanes need is acquired once, by whoever comes first; the order in which the systems are
read is the evidence's own (`world.py`), so no lane sees more than one after another would. A lane
that hangs is left behind when the run has to end: its checks are unknown, the report is written.
"""

import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bictl.clients.awaited import awaited_by
from bictl.clients.imports import import_vendors
from bictl.records import OnProgress, Progress, Stop
from bictl.verify import frame
from bictl.verify.frame import Definition
from bictl.verify.report import Check, State

if TYPE_CHECKING:
    from bictl.verify.world import World

_LOOK = 0.1  # seconds between two looks at `stop`
_SOON = 0.5  # seconds that a check at work has to end when the run has to
_CANCELLED, _ASKED = 1.0, 4  # and its statement in Postgres after that, when asked so many times


class Lanes:
    """One run of `definitions`."""

    def __init__(
        self,
        definitions: Sequence[Definition],
        world: "World",
        *,
        stop: Stop,
        on_progress: OnProgress,
    ) -> None:
        self._definitions, self._world = definitions, world
        self._stop, self._on_progress = stop, on_progress
        self._done: dict[str, Check] = {}
        self._begun: dict[str, int] = {}  # the thread that is at it
        self._awaited: dict[str, str | None] = {}  # whom it waited for when the run had to end
        self._broken: list[BaseException] = []
        self._ended = threading.Condition()
        self._going = 0

    def run(self) -> list[Check]:
        """Every check in the order of the definitions; the world is abandoned to a lane that has
        not ended."""
        lanes: dict[str, list[Definition]] = {}
        for definition in self._definitions:
            lanes.setdefault(definition.lane, []).append(definition)
        if len(lanes) > 1:
            import_vendors(dbt=any(name.startswith("T") for name in lanes))
        self._going = len(lanes)
        for name, lane in lanes.items():
            threading.Thread(
                target=self._work, args=(lane,), name=f"verify {name}", daemon=True
            ).start()
        self._world.abandoned = not self._wait()
        if self._broken:
            raise self._broken[0]
        return [self._done.get(one.id) or self._left_out(one) for one in self._definitions]

    def _work(self, lane: Sequence[Definition]) -> None:
        try:
            for definition in lane:
                if self._stop() or self._broken:
                    return
                self._begin(definition)
                check = frame.run(definition, self._world)
                if definition.id not in self._awaited or check.state is not State.UNKNOWN:
                    self._done[definition.id] = check
                    self._tell()
        except BaseException as error:
            self._broken.append(error)
        finally:
            with self._ended:
                self._going -= 1
                self._ended.notify_all()

    def _begin(self, definition: Definition) -> None:
        self._begun[definition.id] = threading.get_ident()
        self._tell()

    def _tell(self) -> None:
        """How far it is, and the check that has been at work for longest."""
        oldest = next((name for name in list(self._begun) if name not in self._done), None)
        self._on_progress(
            Progress(
                stage="verify",
                done=len(self._done),
                total=len(self._definitions),
                unit="checks",
                note=next(
                    (f"{one.id} {one.title}" for one in self._definitions if one.id == oldest), ""
                ),
            )
        )

    def _wait(self) -> bool:
        """Whether every lane has ended; after `stop` only those that soon do."""
        while not self._stop() and not self._broken:
            if self._all_end_within(_LOOK):
                return True
        if self._all_end_within(_SOON):
            return True
        self._awaited = {
            name: awaited_by(thread)
            for name, thread in list(self._begun.items())
            if name not in self._done
        }
        for _ in range(_ASKED):  # a statement may begin after it was asked
            self._world.cancel()
            if self._all_end_within(_CANCELLED / _ASKED):
                return True
        return False

    def _all_end_within(self, seconds: float) -> bool:
        until = time.monotonic() + seconds
        with self._ended:
            while self._going and (left := until - time.monotonic()) > 0:
                self._ended.wait(left)
            return not self._going

    def _left_out(self, definition: Definition) -> Check:
        return frame.left_out(definition, waiting=self._awaited.get(definition.id))
