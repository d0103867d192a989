"""Every command that verify and trace tell a person to type is one that bictl has."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from bictl import trace, verify
from bictl.cli.app import app
from bictl.verify.checks import CROSSINGS

# A command in a sentence ends with it, or with a sign of the sentence.
COMMAND = re.compile(r"\bbictl (?=[a-z])[^;,)`\n]*")
PROSE = ("bictl cannot read", "bictl uses", "bictl trace x")  # the second with an option in a word


def texts(file: Path) -> Iterator[str]:
    """What stands in a file's strings and is no docstring; what is filled in is `x`."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    inner = {
        id(one) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for one in node.values
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):
            inner.add(id(node.value))  # a docstring
        elif isinstance(node, ast.JoinedStr):
            yield filled(node)
        elif (
            isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inner
        ):
            yield re.sub(r"\{+\w+\}+", "x", node.value)


def filled(text: ast.JoinedStr) -> str:
    """With `x` for a word, and with nothing for what stands behind a word: an option or none."""
    found = ""
    for part in text.values:
        if isinstance(part, ast.Constant):
            found += str(part.value)
        elif not found[-1:].isalpha():
            found += "x"
    return found


def commands() -> list[str]:
    files = [
        file
        for package in (verify, trace)
        for file in sorted(Path(package.__file__ or "").parent.glob("*.py"))
    ]
    found = {one for file in files for text in texts(file) for one in COMMAND.findall(text)}
    found |= {crossing.repair.format(table="product") for crossing in CROSSINGS}
    return sorted(one for one in found if not one.startswith(PROSE))


def parse(words: list[str]) -> None:
    """As the program itself does, short of running it."""
    command = typer.main.get_command(app)
    context = command.make_context("bictl", words)
    rest = [*context._protected_args, *context.args]
    while hasattr(command, "resolve_command") and rest:
        name, command, rest = command.resolve_command(context, rest)
        context = command.make_context(name, rest, parent=context)
        rest = [*getattr(context, "_protected_args", ()), *context.args]


def test_there_are_commands_to_look_at():
    assert len(commands()) > 20


@pytest.mark.parametrize("command", commands())
def test_a_hint_is_a_command_that_the_program_takes(command):
    parse(shlex.split(command)[1:])


@pytest.mark.parametrize(
    "command", ["bictl nonsense", "bictl embed --nonsense", "bictl ack --reason"]
)
def test_what_the_program_does_not_take_is_noticed(command):
    with pytest.raises(Exception, match=r"No such|requires an argument"):
        parse(shlex.split(command)[1:])
