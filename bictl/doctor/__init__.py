"""Probes what bictl's promises depend on, and says what to do about each thing that is missing."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bictl.doctor import machine, services, storage
from bictl.doctor.probe import Finding, Probe, answers
from bictl.records import OnProgress, Progress, Stop, never_stop, no_progress

if TYPE_CHECKING:
    from bictl.clients import Clients

__all__ = ["Examination", "Finding", "examine"]

_Area = Callable[["Clients"], Generator[Probe, None, None]]
_AREAS: dict[str, _Area] = {
    "configuration": machine.configuration,
    "kafka": services.kafka,
    "objects": storage.objects,
    "postgres": services.postgres,
    "connect": services.connect,
    "model": machine.model,
    "dbt": machine.dbt,
    "machine": machine.machine,
}


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


def examine(
    clients: "Clients", *, on_progress: OnProgress = no_progress, stop: Stop = never_stop
) -> Examination:
    """Probes each area; what stands in one area does not stop the others.

    Writes nothing but one probe object, which it removes again where it may.
    """
    findings: list[Finding] = []
    for done, (area, probes) in enumerate(_AREAS.items()):
        if stop():
            break
        on_progress(Progress(stage="doctor", done=done, total=len(_AREAS), unit="areas", note=area))
        findings += answers(area, probes(clients))
    return Examination(findings=tuple(findings))
