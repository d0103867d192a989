"""Options that several commands share, so that they read the same everywhere."""

from typing import Annotated

import typer

Table = Annotated[
    str | None, typer.Option("--table", "-t", metavar="NAME", help="A configured table.")
]
Topic = Annotated[
    str | None, typer.Option("--topic", metavar="TOPIC", help="The table that this topic feeds.")
]
LockWait = Annotated[
    float,
    typer.Option(
        "--lock-wait", metavar="SECONDS", min=0.0, help="How long to wait for another run."
    ),
]
