"""The one question before a change that a person may not mean."""

import select
import sys
from typing import Annotated

import typer

from bictl.cli.session import Session
from bictl.errors import UsageError
from bictl.inert import inert

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def need_person(what: str, *, yes: bool, hint: str = "say --yes") -> None:
    """UsageError when a change is not agreed to and nobody can be asked; `what` it does, as in
    "prune removes rows"."""
    if not yes and not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(f"{what} and there is nobody to ask", hint=hint)


def agreed(here: Session, question: str, *, yes: bool = False) -> bool:
    """Whether the person says y or yes to the question; a signal or the deadline ends it."""
    if yes:
        return True
    said, here.stop.on_first = here.stop.on_first, lambda: None  # nothing is at work yet
    answer = _answer(here, question)
    here.stop.on_first = said
    return answer.strip().lower() in ("y", "yes")


def confirm(here: Session, question: str, *, yes: bool) -> None:
    """Goes on when the person agrees; else says that nothing was changed, and exits 1."""
    if not agreed(here, question, yes=yes):
        if here.late:
            raise here.late
        here.screen.say("nothing was changed")
        raise typer.Exit(1)


def _answer(here: Session, question: str) -> str:
    """One line from the terminal; empty at its end, or when the run is asked to stop."""
    sys.stderr.write(f"{inert(question)} [y/N]: ")
    sys.stderr.flush()
    answer = ""
    while not (answer or here.stop()):
        if select.select([sys.stdin], [], [], 0.1)[0]:
            answer = sys.stdin.readline() or " "  # its end
    if not answer.endswith("\n"):
        sys.stderr.write("\n")
    here.stop.check()
    return answer
