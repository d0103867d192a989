"""bictl doctor: what bictl's promises depend on."""

from typing import TYPE_CHECKING

import typer

from bictl.cli.app import single
from bictl.cli.session import Session, session
from bictl.cli.view import Column, View

if TYPE_CHECKING:
    from bictl.doctor import Examination

COLUMNS = (
    Column("area"),
    Column("what"),
    Column("state", kind="state"),
    Column("detail"),
    Column("hint", "what to do", wide=True),
)


def doctor(context: typer.Context) -> None:
    """Probe everything that bictl's promises depend on, and say what to do.

    Eight PUTs race for one new key: exactly one may win. Brokers, topic ids, ends, how long Kafka
    keeps what is unread, clocks, the server's version and extension, rights, session locks, the
    model's files, dbt and the disks are looked at; the services side by side, each for twenty
    seconds at most. Nothing is changed; the probe object is removed where the credentials allow
    it. It ends with what to do, the most important first.

    Exit code: 0 well, 1 something is wrong, 3 something could not be told, 4 a service is down.

    Examples:

      bictl doctor
      bictl doctor --json | jq -r '.todo[]'
      bictl -q --timeout 30 doctor || mail -s "bictl" me@example.com
    """
    from bictl.doctor import PATIENCE, examine

    with session(context, late_is_error=False) as here:
        patience = min(PATIENCE, 0.9 * (here.options.timeout or PATIENCE / 0.9))
        with here.screen.progress() as on_progress:
            found = examine(
                here.clients, patience=patience, on_progress=on_progress, stop=here.stop
            )
        here.stop.check()
        here.screen.done(_view(found), f"doctor: {found.summary}")
        _advise(here, found)
    if found.exit_code:
        raise typer.Exit(found.exit_code)


def _view(found: "Examination") -> View:
    return View(
        schema="bictl.doctor/1",
        columns=COLUMNS,
        rows=[
            {column.key: getattr(finding, column.key) for column in COLUMNS}
            for finding in found.findings
        ],
        rows_key="findings",
        extra={"exit_code": found.exit_code, "todo": found.todo},
    )


def _advise(here: Session, found: "Examination") -> None:
    """The end: what to do, or that nothing is to be done; with -q, where no table is seen, the
    most important failure."""
    if here.options.quiet:
        failures = [one for one in found.complaints if one.exit_code]
        if failures:
            first, more = failures[0], len(failures) - 1
            others = f" (and {more} more: bictl doctor)" if more else ""
            message = f"{first.area}, {first.what}: {first.detail}{others}"
            here.screen.error(message, first.hint)
    elif found.todo:
        here.screen.say("what to do:")
        for number, line in enumerate(found.todo, 1):
            here.screen.say(f"{number:>2}. {line}")
    else:
        here.screen.say("nothing is to be done")


app = single(doctor)
