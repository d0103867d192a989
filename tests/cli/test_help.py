"""The help is a document: every command has one, it ends in examples, and the README shows it."""

import importlib
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from bictl.cli.app import COMMANDS, app

README = Path(__file__).parents[2] / "README.md"


def _commands():
    for name, entry in COMMANDS.items():
        module = importlib.import_module(f"bictl.cli.{entry.module}")
        yield from _leaves(name, typer.main.get_command(module.app))


def _leaves(name, command):
    children = getattr(command, "commands", None)
    if children is None:
        yield name, command
    else:
        for child, item in children.items():
            yield from _leaves(f"{name} {child}", item)


@pytest.mark.parametrize(
    ("name", "command"), [pytest.param(*pair, id=pair[0]) for pair in _commands()]
)
def test_every_command_has_help_that_ends_in_examples(name, command):
    text = command.help
    assert "Examples:" in text
    examples = text.split("Examples:")[1]
    assert f"bictl {name}" in examples or f"bictl -q {name}" in examples
    assert text.split("\n\n")[0].endswith(".")


def test_no_word_of_the_help_is_taken_for_markup():
    from rich.text import Text

    for name, command in _commands():
        for text in (command.help, *(getattr(item, "help", "") or "" for item in command.params)):
            assert Text.from_markup(text).plain == text, name


@pytest.mark.parametrize("name", [name for name, _ in _commands()])
def test_every_command_stands_in_the_readme(name):
    assert f"bictl {name}" in README.read_text(encoding="utf-8")


def test_the_tree_lists_the_commands_in_flow_order():
    text = CliRunner().invoke(app, ["--help"]).output
    places = [text.index(f"│ {name} ") for name in COMMANDS]
    assert places == sorted(places)


def test_a_misspelt_command_names_the_right_one(cli_plain):
    done = cli_plain("ingst")
    assert done.exit_code == 2
    assert done.stdout == ""
    assert "Did you mean 'ingest'?" in done.stderr
