"""What the commands about the worker share: the worker, the connector that is meant, the wait."""

import signal
import time
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from bictl.cli.session import Session
from bictl.errors import ConfigError, Interrupted, UsageError, exit_code_of

if TYPE_CHECKING:
    from bictl.cdc import Patience
    from bictl.clients.connect import ConnectWorker

WAIT = 60.0  # seconds for an effect to be seen, unless --timeout says otherwise
NOT_CONFIGURED = """add the worker to the configuration:
[connect]
url = "http://localhost:8083"
"""

Name = Annotated[
    str | None,
    typer.Argument(metavar="[CONNECTOR]", help="The connector; else the configured one."),
]


def worker(here: Session, *, at_once: bool = True) -> "ConnectWorker":
    """The configured worker; ConfigError without one. A signal ends the run at once, however long
    the worker is silent: until `patience` it is only asked."""
    if not here.settings.connect.url:
        raise ConfigError("[connect] url is not configured", hint=NOT_CONFIGURED.rstrip())
    if at_once:
        here.stop.on_first = partial(_end, here)
    return here.clients.connect()


def _end(here: Session) -> None:
    from bictl.ops.leave import leave

    error = Interrupted(here.stop.signal_number or signal.SIGINT)
    leave(exit_code_of(error), partial(here.screen.error, error.message, "nothing was changed"))


def connector_name(here: Session, name: str | None) -> str:
    """The connector that is meant; UsageError for one without a name."""
    if name is not None and not name.strip():
        raise UsageError("the connector's name is empty", hint="bictl cdc status lists them")
    return here.settings.connect.connector if name is None else name


def patience(here: Session) -> "Patience":
    """How long this run waits for an effect; ending the wait does not end what was asked for."""
    from bictl.cdc import Patience

    here.stop.on_first = lambda: here.screen.say(
        "stopping: the worker goes on with what it was asked for; bictl cdc status shows it"
    )
    # a little less than --timeout, so that what was seen is said
    seconds = 0.9 * here.options.timeout if here.options.timeout else WAIT
    return Patience(until=time.monotonic() + seconds, stop=here.stop)


def check_stopped(here: Session, name: str) -> None:
    """Interrupted when a signal ended the wait: what was asked for is not to be asked for twice."""
    if here.stop.signal_number is not None:
        from bictl.cdc import command

        error = Interrupted(here.stop.signal_number)
        error.hint = f"it was asked for and goes on: {command('status', name)}"
        raise error
