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

    Eight PUTs race for one new key: exactly one may win. Brokers, topic ids, clocks, the server's
    version and extension, rights, session locks, the model's files, dbt and the disk are looked
    at. Nothing is changed; the probe object is removed where the credentials allow it.

    Exit code: 0 well, 1 something is wrong, 3 something could not be told, 4 a service is down.

    Examples:

      bictl doctor
      bictl doctor --json | jq '.findings[] | select(.state != "ok")'
      bictl -q --timeout 30 doctor || mail -s "bictl" me@example.com
    """
    from bictl.doctor import examine

    with session(context) as here:
        with here.screen.progress() as on_progress:
            found = examine(here.clients, on_progress=on_progress, stop=here.stop)
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
        extra={"exit_code": found.exit_code},
    )


def _advise(here: Session, found: "Examination") -> None:
    """What to do about each finding; with -q, where no table is seen, the failures themselves."""
    for finding in found.findings:
        place = f"{finding.area}, {finding.what}"
        if here.options.quiet and finding.exit_code:
            here.screen.error(f"{place}: {finding.detail}", finding.hint)
        elif finding.hint and finding.state != "ok":
            here.screen.say(f"{place}: {finding.hint}")


app = single(doctor)
