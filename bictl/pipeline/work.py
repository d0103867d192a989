"""What a stage works with, and what stands around it: its lock, its row in the ledger of runs."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from bictl.errors import TimedOut
from bictl.records import OnProgress, OnWait, Stop, never_stop, no_progress, wait_silently

if TYPE_CHECKING:
    from bictl.clients import Clients
    from bictl.ops.runlog import RunLog
    from bictl.ops.runs import Ended, Outcome
    from bictl.settings import Settings, Table


@dataclass(frozen=True, kw_only=True)
class Work:
    """What every stage works with; `lock_wait` is how many seconds to wait for another run.

    `words` is the command as it was typed, for the ledger of runs; `log` is the run's own log.
    `unwritten` are the stages of this run that ended before there was a ledger.
    """

    clients: "Clients"
    settings: "Settings"
    run: str
    lock_wait: float = 0.0
    on_progress: OnProgress = no_progress
    on_wait: OnWait = wait_silently
    stop: Stop = never_stop
    words: "Sequence[str]" = ()
    log: "RunLog | None" = None
    unwritten: "list[Ended]" = field(default_factory=list)

    def begin(self) -> None:
        """From here on the run leaves a log: it is one that stands in the ledger."""
        if self.log is not None:
            self.log.open(self.settings.state_dir)

    def arguments(self, *tables: "Table", **more: Any) -> dict[str, Any]:
        """What the ledger keeps of a stage's arguments."""
        return {"tables": [table.name for table in tables], "words": list(self.words), **more}


def topic_lock(work: Work, table: "Table", *, command: str) -> AbstractContextManager[None]:
    """One run a topic and host that seals batches."""
    from bictl.ops.locks import topic_lock

    return topic_lock(
        work.settings.state_dir,
        table.topic,
        wait=work.lock_wait,
        command=f"{command} {table.name}",
        stop=work.stop,
        on_wait=work.on_wait,
    )


@contextmanager
def at_work(work: Work, stage: str, *tables: "Table", apart: bool = False) -> "Iterator[Outcome]":
    """The stage's locks, one a table, and its row in the ledger of runs.

    `apart` is for work that runs other stages: its row is held by a connection of its own.
    """
    from bictl.ops.locks import stage_lock
    from bictl.ops.runs import recorded, write_ended

    work.begin()
    names = [table.name for table in tables]
    command = f"{stage} {' '.join(names)}"
    with ExitStack() as stack:
        for name in sorted(names):
            lock = work.clients.new_database(application=f"bictl {command}")
            stack.callback(lock.close)
            stack.enter_context(
                stage_lock(
                    lock,
                    stage,
                    name,
                    wait=work.lock_wait,
                    command=command,
                    stop=work.stop,
                    on_wait=work.on_wait,
                )
            )
        write_ended(work.clients.database, work.unwritten)
        ledger = work.clients.database
        if apart:
            ledger = work.clients.new_database(application=f"bictl {command}")
            stack.callback(ledger.close)
        yield stack.enter_context(
            recorded(
                ledger,
                work.run,
                command=stage,
                arguments=work.arguments(*tables),
            )
        )


@contextmanager
def at_work_aside(work: Work, stage: str, table: "Table", *, dry_run: bool) -> "Iterator[Outcome]":
    """The row of a stage that needs no Postgres; a dry run has none."""
    from bictl.ops.runs import Outcome, recorded_aside

    if dry_run:
        yield Outcome()
        return
    with recorded_aside(
        partial(work.clients.new_database, application=f"bictl {stage} {table.name}"),
        work.run,
        command=stage,
        arguments=work.arguments(table),
        unwritten=work.unwritten,
    ) as outcome:
        yield outcome


def note(work: Work, outcome: "Outcome", result: Any, **facts: Any) -> None:
    """How a stage ended, and what of its result the ledger keeps."""
    outcome.exit_code = result.exit_code
    outcome.status = "warn" if result.exit_code else "ok"
    outcome.result = {"summary": result.summary, **facts}
    if work.stop():  # by a signal, or at its deadline
        signal = getattr(work.stop, "signal_number", None)
        outcome.status, outcome.exit_code = "warn", 128 + signal if signal else TimedOut.exit_code
        outcome.result = {**outcome.result, "stopped": True}


def worst_code(codes: "Sequence[int]") -> int:
    """The exit code that stands for several."""
    return next((code for code in (6, 1, 2, 4, 5, 3) if code in codes), 0)
