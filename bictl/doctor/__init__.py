"""Probes what bictl's promises depend on, and says what to do about each thing that is missing."""

import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bictl.clients.imports import import_vendors
from bictl.doctor import machine
from bictl.doctor.connect import connect
from bictl.doctor.kafka import kafka
from bictl.doctor.postgres import postgres
from bictl.doctor.probe import Finding, Probe, answers
from bictl.doctor.storage import objects
from bictl.records import OnProgress, Progress, Stop, never_stop, no_progress

if TYPE_CHECKING:
    from bictl.clients import Clients

__all__ = ["Examination", "Finding", "examine"]

PATIENCE = 20.0  # seconds that an area has; a machine with much else to do needs some
_LOOK = 0.1  # seconds between two looks at whether to stop

_Area = Callable[["Clients"], Generator[Probe, None, None]]
_AREAS: dict[str, _Area] = {
    "configuration": machine.configuration,
    "kafka": kafka,
    "objects": objects,
    "postgres": postgres,
    "connect": connect,
    "model": machine.model,
    "dbt": machine.dbt,
    "machine": machine.machine,
}
# What stands in the way of everything comes before what is wrong, and that before what may be.
_ORDER = ("fail", "unknown", "warn")


@dataclass(frozen=True, kw_only=True)
class Examination:
    """Every finding, in the order in which the pipeline needs the things."""

    findings: tuple[Finding, ...]

    @property
    def exit_code(self) -> int:
        """1 when something is wrong, 4 when a service does not answer, 3 when something could not
        be told, 0 else; a warning is no failure."""
        codes = {finding.exit_code for finding in self.findings}
        return next((code for code in (1, 4, 3) if code in codes), 0)

    @property
    def summary(self) -> str:
        """One line for a person."""
        counts = {
            state: sum(finding.state == state for finding in self.findings)
            for state in ("fail", "unknown", "warn", "ok")
        }
        return ", ".join(f"{count} {state}" for state, count in counts.items() if count)

    @property
    def complaints(self) -> list[Finding]:
        """What is not well, the most important first: a service that does not answer, what is
        wrong, what could not be told, what may become wrong."""
        found = [one for one in self.findings if one.state in _ORDER]
        return sorted(found, key=lambda one: (one.exit_code != 4, _ORDER.index(one.state)))

    @property
    def todo(self) -> list[str]:
        """What to do, the most important first; each thing once, with the places that want it."""
        places: dict[str, list[str]] = {}
        for one in self.complaints:
            places.setdefault(one.hint or one.detail, []).append(f"{one.area}, {one.what}")
        return [f"{'; '.join(wanting)}: {hint}" for hint, wanting in places.items()]


def examine(
    clients: "Clients",
    *,
    patience: float = PATIENCE,
    on_progress: OnProgress = no_progress,
    stop: Stop = never_stop,
) -> Examination:
    """Probes the areas side by side; what stands in one does not stop the others, and a service
    that is silent for `patience` seconds is left alone.

    Writes nothing but one probe object, which it removes again where it may.
    """
    import_vendors(dbt=True)
    examined = [_Examined(area, probes, clients) for area, probes in _AREAS.items()]
    deadline = time.monotonic() + patience
    while not stop():
        waiting = [one for one in examined if one.is_alive()]
        done = len(examined) - len(waiting)
        note = ", ".join(one.area for one in waiting)
        on_progress(
            Progress(stage="doctor", done=done, total=len(examined), unit="areas", note=note)
        )
        if not waiting or time.monotonic() >= deadline:
            break
        waiting[0].join(_LOOK)
    found = [finding for one in examined for finding in one.findings(patience)]
    return Examination(findings=tuple(found))


class _Examined(threading.Thread):
    """One area being probed, in a thread of its own."""

    def __init__(self, area: str, probes: _Area, clients: "Clients") -> None:
        super().__init__(daemon=True)
        self.area = area
        self._probes, self._clients = probes, clients
        self._found: list[Finding] = []
        self._asked = ""
        self._bug: BaseException | None = None
        self.start()

    def run(self) -> None:
        """Probes the area; a bug is kept for the thread that asks for the findings."""
        try:
            for finding in answers(self.area, self._noted()):
                self._found.append(finding)
        except BaseException as bug:
            self._bug = bug

    def findings(self, patience: float) -> list[Finding]:
        """What was found; the probe that has no answer yet is one that does not answer."""
        if self._bug is not None:
            raise self._bug
        if not self.is_alive():
            return self._found
        late = Finding(
            area=self.area,
            what=self._asked,
            state="fail",
            detail=f"no answer within {patience:g} s",
            hint="the service takes connections and is silent: look at it, then run doctor again",
            exit_code=4,
        )
        return [*self._found, late]

    def _noted(self) -> Generator[Probe, None, None]:
        """The area's probes; which one is asked is written down."""
        with closing(self._probes(self._clients)) as probes:
            for probe in probes:
                self._asked = probe.what
                yield probe
