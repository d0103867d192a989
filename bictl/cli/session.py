"""What a command works with: its settings, clients, screen, signals and deadline."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from bictl.cli.app import Options, nagios_or, options
from bictl.cli.render import Screen
from bictl.errors import BictlError, LockHeld, TimedOut, Unreachable, UsageError
from bictl.ops.leave import leave

if TYPE_CHECKING:
    from bictl.clients import Clients
    from bictl.ops.runlog import RunLog
    from bictl.ops.signals import StopFlag
    from bictl.pipeline import Work
    from bictl.records import OnProgress
    from bictl.settings import Settings, Table

GRACE = 5.0  # seconds between asking a run to stop at its deadline and ending it


class Session:
    """One command's surroundings; opened by `session(context)`."""

    def __init__(self, options: Options, stop: "StopFlag", log: "RunLog") -> None:
        self.options, self.stop, self.log, self.run_id = options, stop, log, log.run
        self.screen = Screen(options, heard=log.say)
        self._stack = ExitStack()
        self._settings: Settings | None = None
        self._clients: Clients | None = None
        self.late: TimedOut | None = None  # from the deadline on
        self.patience = 30.0  # seconds for one answer of a service

    @property
    def settings(self) -> "Settings":
        """The settings, read once; says when they are a local stack's."""
        if self._settings is None:
            from bictl.settings import load

            self._settings = load(config=self.options.config, profile=self.options.profile)
            if self._settings.local_stack:
                self.screen.detail(
                    f"no configuration: using the local stack, {self._settings.path}"
                )
        return self._settings

    @property
    def uses_local_stack(self) -> bool:
        """Whether the settings, if they were read, are a local stack's own."""
        return self._settings is not None and self._settings.local_stack

    def advice(self, hint: str | None) -> str | None:
        """What to do when a service does not answer: start the local stack where it is meant and
        does not run, else `hint`."""
        if self.uses_local_stack and self._stack_is_down:
            return "the local stack has to run: bictl stack up"
        return hint

    @cached_property
    def _stack_is_down(self) -> bool:
        """Asked once a run: a service that hangs costs seconds."""
        return _is_down(self.settings)

    def use(self, settings: "Settings") -> None:
        """The settings of this run, instead of those that would be found."""
        self._settings = settings

    @property
    def clients(self) -> "Clients":
        """The services; each is opened when it is first used."""
        if self._clients is None:
            from bictl.clients import Clients

            timeout = min(self.patience, self.options.timeout or self.patience)
            self._clients = self._stack.enter_context(Clients(self.settings, timeout=timeout))
        return self._clients

    def tables(self, table: str | None, topic: str | None = None) -> list["Table"]:
        """The tables that a command is about: the named one, else all of them."""
        if table and topic:
            raise UsageError("--table and --topic name the same thing twice", hint="give one")
        if topic:
            return [self.settings.table_of_topic(topic)]
        return [self.settings.table(table)] if table else list(self.settings.tables.values())

    def one_table(self, table: str | None, topic: str | None = None) -> "Table":
        """The table that a command is about, where it can be only one."""
        found = self.tables(table, topic)
        if len(found) > 1:
            names = ", ".join(item.name for item in found)
            raise UsageError(f"there are several tables: {names}", hint="name one with --table")
        return found[0]

    def work(self, on_progress: "OnProgress", *, lock_wait: float = 0.0) -> "Work":
        """What the pipeline's stages work with."""
        from bictl.pipeline import Work

        return Work(
            clients=self.clients,
            settings=self.settings,
            run=self.run_id,
            lock_wait=lock_wait,
            on_progress=on_progress,
            on_wait=self.screen.say,
            stop=self.stop,
            words=sys.argv[1:],
            log=self.log,
        )

    def wait(self, seconds: float) -> bool:
        """Waits; whether the run was asked to stop meanwhile."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self.stop():
            time.sleep(0.1)
        return self.stop()

    def close(self) -> None:
        """Closes the services."""
        self._stack.close()


@contextmanager
def session(context: Any, *, late_is_error: bool = True) -> Iterator[Session]:
    """The surroundings of one command: logs, signals, deadline; everything is closed behind it.

    `late_is_error` is for commands whose result does not say by itself what --timeout cut off.
    Raises Interrupted after a clean stop by a signal.
    """
    import uuid

    from bictl.ops.logs import set_up_logs
    from bictl.ops.runlog import RunLog
    from bictl.ops.signals import catch_signals

    chosen = options(context)
    with ExitStack() as stack:
        stop = stack.enter_context(catch_signals())
        log = stack.enter_context(closing(RunLog(str(uuid.uuid4()))))
        found = Session(chosen, stop, log)
        stop.on_first = lambda: found.screen.say(
            "stopping: the batch at work is finished first; once more stops now"
        )
        stop.on_second = lambda: found.screen.error(
            "stopped at once by a second signal", "run the same command again: nothing is lost"
        )
        stop.on_usr1 = found.screen.progress_line
        set_up_logs(
            verbose=chosen.verbose,
            quiet=chosen.quiet,
            form=chosen.log_format,
            run=found.run_id,
            kept=log,
        )
        stack.callback(found.close)
        stack.enter_context(_deadline(found, chosen.timeout, is_error=late_is_error))
        stack.enter_context(_last_words(log))
        try:
            yield found
        except Unreachable as error:
            error.hint = found.advice(error.hint)
            raise
        except LockHeld:
            stop.check()  # the waiting for the lock was ended by a signal
            raise
        stop.check()


@contextmanager
def _last_words(log: "RunLog") -> Iterator[None]:
    """The error that ends a run stands in its log too; who says it to people comes later."""
    try:
        yield
    except BictlError as error:
        log.say(f"error: {error.message}")
        if error.hint:
            log.say(f"hint: {error.hint}")
        raise
    except Exception as error:
        if not type(error).__module__.startswith("typer"):  # Exit is an exception of typer's
            log.say(f"error: this is a bug in bictl: {type(error).__name__}: {error}")
        raise


def _is_down(settings: "Settings") -> bool:
    """Whether a service of the local stack does not run; where all do, something else is wrong."""
    from bictl.local.stack import Stack

    return any(item.state != "running" for item in Stack(settings.state_dir).status())


@contextmanager
def _deadline(here: Session, seconds: float | None, *, is_error: bool) -> Iterator[None]:
    """Asks the run to stop at its deadline, and ends it if it cannot: any run may be killed."""
    if seconds is None:
        yield
        return
    timers: list[threading.Timer] = []

    def ask() -> None:
        here.late = _late(here, seconds)
        here.stop.set()
        _start(timers, GRACE, end)
        here.screen.prepare()  # for the last words, which a forced end does not wait for

    def end() -> None:
        late = here.late or _late(here, seconds)
        leave(late.exit_code if here.options.output != "nagios" else 3, partial(_say, here, late))

    _start(timers, seconds, ask)
    try:
        yield
    finally:
        for timer in timers:
            timer.cancel()
    if here.late and is_error:
        raise here.late


def _late(here: Session, seconds: float) -> TimedOut:
    """The error of this moment: whom the run waits for, else how far it is."""
    where = here.screen.whereabouts()
    return TimedOut(
        f"not finished within --timeout {seconds:g} s{f': {where}' if where else ''}",
        hint="run it again: it goes on where it stopped; or give it more time",
    )


def _say(here: Session, late: TimedOut) -> None:
    here.screen.error(late.message, late.hint)
    nagios_or(late.exit_code, here.options, late.message)


def _start(timers: list[threading.Timer], seconds: float, action: Callable[[], None]) -> None:
    timer = threading.Timer(seconds, action)
    timer.daemon = True
    timers.append(timer)
    timer.start()
