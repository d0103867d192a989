"""What a probe is and what it finds."""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import NamedTuple

from bictl.errors import BictlError, Unreachable
from bictl.ops.answer import Answer, State

__all__ = ["Answer", "Finding", "Probe", "answers"]


class Probe(NamedTuple):
    """One thing to look at: its name for a person, and the look, which may raise BictlError.

    Behind a `door` that is closed nothing else of its area can be seen.
    """

    what: str
    look: Callable[[], Answer]
    door: bool = False


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One row of the examination; `exit_code` is what it alone would end the command with."""

    area: str
    what: str
    state: State
    detail: str
    hint: str | None
    exit_code: int


def answers(area: str, probes: Generator[Probe, None, None]) -> Iterator[Finding]:
    """Each probe's finding; a service that does not answer is not asked again."""
    with closing(probes):
        for probe in probes:
            finding = _finding(area, probe)
            yield finding
            if finding.exit_code == 4 or (probe.door and finding.state == "fail"):
                return


def _finding(area: str, probe: Probe) -> Finding:
    code = None
    try:
        answer = probe.look()
    except BictlError as error:
        answer = Answer("fail", error.message, error.hint)
        code = 4 if isinstance(error, Unreachable) else 1
    return Finding(
        area=area,
        what=probe.what,
        state=answer.state,
        detail=answer.detail,
        hint=answer.hint,
        exit_code={"fail": 1, "unknown": 3}.get(answer.state, 0) if code is None else code,
    )
