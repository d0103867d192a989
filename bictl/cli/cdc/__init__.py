"""bictl cdc: the source's connector; a file a command."""

from bictl.cli.app import Command, group
from bictl.cli.cdc import offsets
from bictl.cli.cdc.apply import apply
from bictl.cli.cdc.change import delete, pause, restart, resume, stop
from bictl.cli.cdc.check import check
from bictl.cli.cdc.enable import enable
from bictl.cli.cdc.plugins import plugins
from bictl.cli.cdc.snapshot import snapshot
from bictl.cli.cdc.status import status
from bictl.cli.cdc.validate import validate

app = group("The source's connector: what it does, how far it is, and changes to it.")


@app.callback()
def cdc() -> None:
    """The source's connector: what it does, how far it is, and changes to it."""


app.command(cls=Command)(status)
app.command(cls=Command)(validate)
app.command(cls=Command)(apply)
for command in (restart, pause, resume, stop, delete):
    app.command(cls=Command)(command)
app.command(cls=Command)(snapshot)
app.add_typer(offsets.app, name="offsets")
app.command(cls=Command)(plugins)
app.command(cls=Command)(enable)
app.command(cls=Command)(check)
