"""Prints docs/commands.md from the commands' own help: `make docs`. A test holds the two equal."""

import importlib
import os
import sys
from collections.abc import Iterator

import typer
from typer.testing import CliRunner

from bictl.cli.app import COMMANDS, app

os.environ.update(COLUMNS="100", TERMINAL_WIDTH="100", NO_COLOR="1", TERM="dumb")

HEAD = """# Every command

Written by `make docs` from the commands' own `--help`; a test holds the two equal.
"""


def names() -> Iterator[str]:
    """Every command, those of a group by both words, in flow order."""
    for name, entry in COMMANDS.items():
        command = typer.main.get_command(importlib.import_module(f"bictl.cli.{entry.module}").app)
        children = getattr(command, "commands", None)
        yield from [name] if children is None else [f"{name} {child}" for child in children]


def page() -> str:
    """The page, from the help at a width of 100 without colours."""
    return "\n".join([HEAD, *(f"## bictl {name}\n\n```\n{_help(name)}\n```\n" for name in names())])


def _help(name: str) -> str:
    text = CliRunner().invoke(app, [*name.split(), "--help"], prog_name="bictl").output
    return "\n".join(line.rstrip() for line in text.strip("\n").split("\n"))


if __name__ == "__main__":
    sys.stdout.write(page())
