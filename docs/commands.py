"""Prints docs/commands.md from the commands' own help: `make docs`. A test holds the two equal."""

import importlib
import os
import sys
from collections.abc import Iterator
from typing import Any

import typer
from typer.testing import CliRunner

from bictl.cli.app import COMMANDS, app

os.environ.update(COLUMNS="100", TERMINAL_WIDTH="100", NO_COLOR="1", TERM="dumb")

HEAD = """# Every command

Written by `make docs` from the commands' own `--help`; a test holds the two equal.
"""


def names() -> Iterator[str]:
    """Every command, those of a group by all of their words, in flow order."""
    for name, entry in COMMANDS.items():
        module = importlib.import_module(f"bictl.cli.{entry.module}")
        yield from _leaves(name, typer.main.get_command(module.app))


def _leaves(name: str, command: Any) -> Iterator[str]:
    children = getattr(command, "commands", None)
    if children is None:
        yield name
    else:
        for child, item in children.items():
            yield from _leaves(f"{name} {child}", item)


def page() -> str:
    """The page, from the help at a width of 100 without colours."""
    return "\n".join([HEAD, *(f"## bictl {name}\n\n```\n{_help(name)}\n```\n" for name in names())])


def _help(name: str) -> str:
    text = CliRunner().invoke(app, [*name.split(), "--help"], prog_name="bictl").output
    return "\n".join(line.rstrip() for line in text.strip("\n").split("\n"))


if __name__ == "__main__":
    sys.stdout.write(page())
