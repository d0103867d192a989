"""bictl cdc: the source's connector; a file a command."""

from bictl.cli.app import Command, group
from bictl.cli.cdc.apply import apply
from bictl.cli.cdc.status import status
from bictl.cli.cdc.validate import validate

app = group("The source's connector: what it does and how far it is.")


@app.callback()
def cdc() -> None:
    """The source's connector: what it does and how far it is."""


app.command(cls=Command)(status)
app.command(cls=Command)(validate)
app.command(cls=Command)(apply)
