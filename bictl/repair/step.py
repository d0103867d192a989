"""One repair, what became of it, and what is left to a person."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bictl.verify import Report


@dataclass(frozen=True, kw_only=True)
class Repair:
    """One safe repair.

    `checks` are those whose failure it answers, `does` is what it would do and `why` that is safe;
    `command` does the same by hand. `keys` are the objects that it loads anew.
    """

    name: str
    checks: tuple[str, ...]
    does: str
    why: str
    command: str
    keys: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Step:
    """A repair on its way: `state` is planned (a dry run), begun, done or failed."""

    repair: Repair
    state: str
    summary: str = ""
    hint: str = ""
    seconds: float = 0.0
    exit_code: int = 0


@dataclass(frozen=True, kw_only=True)
class Left:
    """What no repair answers: the check, what it found, and what a person can do."""

    check: str
    state: str
    message: str
    hint: str


@dataclass(frozen=True, kw_only=True)
class Repaired:
    """What was done for one table, in order, and the verdict behind it.

    After a dry run or an interruption `after` is the verdict that it began with.
    """

    table: str
    steps: tuple[Step, ...]
    left: tuple[Left, ...]
    after: "Report"
    dry_run: bool = False

    @property
    def exit_code(self) -> int:
        """The verdict's."""
        return self.after.exit_code

    @property
    def summary(self) -> str:
        """One line for a person."""
        words = [
            f"{count} {word}"
            for word, count in (
                ("would be repaired", self._count("planned")),
                ("repaired", self._count("done")),
                ("failed", self._count("failed")),
                ("left to a person", sum(one.state != "unknown" for one in self.left)),
                ("unknown", sum(one.state == "unknown" for one in self.left)),
            )
            if count
        ]
        return ", ".join(words) or "nothing to repair"

    @property
    def rows(self) -> list[dict[str, object]]:
        """One row a repair, then one for what is left to a person: where checks found the same, as
        they do of a service that does not answer, they share it."""
        left = dict[tuple[str, str], list[Left]]()
        for one in self.left:
            left.setdefault((one.message, one.hint), []).append(one)
        done = [
            {
                "table": self.table,
                "repair": step.repair.name,
                "checks": " ".join(step.repair.checks),
                "state": step.state,
                "does": step.repair.does,
                "why": step.repair.why,
                "result": step.summary,
                "seconds": round(step.seconds, 3),
                "command": step.hint or step.repair.command,
            }
            for step in self.steps
        ]
        return done + [
            {
                "table": self.table,
                "repair": "",
                "checks": " ".join(one.check for one in same),
                "state": "left",
                "does": message,
                "why": "",
                "result": "",
                "seconds": 0.0,
                "command": hint,
            }
            for (message, hint), same in left.items()
        ]

    def _count(self, state: str) -> int:
        return sum(step.state == state for step in self.steps)
