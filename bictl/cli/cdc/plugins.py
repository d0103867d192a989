"""bictl cdc plugins: what the worker can run."""

import typer

from bictl.cli.cdc.worker import worker
from bictl.cli.session import session
from bictl.cli.view import Column, View

COLUMNS = (Column("type"), Column("class"), Column("version"))


def plugins(context: typer.Context) -> None:
    """List the connector plugins of the worker, with their versions.

    Examples:

      bictl cdc plugins
      bictl cdc plugins --json | jq -r '.rows[].class'
    """
    with session(context) as here:
        found = worker(here)
        rows = [
            {"type": one.kind, "class": one.name, "version": one.version} for one in found.plugins()
        ]
        view = View(schema="bictl.cdc-plugins/1", columns=COLUMNS, rows=rows)
        here.screen.done(view, f"{len(rows)} plugins at {found.address}")
