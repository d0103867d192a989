"""A table on a terminal: as wide as the terminal at most, and no word of it lost."""

import pytest

from bictl.cli.app import Options
from bictl.cli.render import Screen
from bictl.cli.view import Column, View

COLUMNS = (
    Column("stage"),
    Column("at", "last success"),
    Column("again", "last run"),
    Column("state", kind="state"),
    Column("count", kind="count"),
    Column("said", "what happened", cut=100),
)
WORDS = "nothing to do: 2 objects loaded before, and these words are all to be read"


def shown(capsys, monkeypatch, width, row):
    monkeypatch.setenv("COLUMNS", str(width))
    view = View(schema="bictl.test/1", columns=COLUMNS, rows=[row])
    Screen(Options(output="table")).show(view)
    return capsys.readouterr().out


@pytest.mark.parametrize("width", range(40, 200, 7))
def test_every_word_of_a_table_is_there_at_any_width(capsys, monkeypatch, width):
    row = {
        "stage": "quarantine-retry",
        "at": "26 min ago",
        "again": "3 min ago",
        "state": "warn",
        "count": 7,
        "said": WORDS,
    }
    out = shown(capsys, monkeypatch, width, row)
    assert max(len(line.rstrip("\n")) for line in out.splitlines()) <= width
    for word in [*WORDS.split(), "quarantine-retry", "26", "warn"]:
        assert word in out


def test_a_value_that_is_cut_says_how_long_it_is(capsys, monkeypatch):
    row = {"stage": "a", "said": "x y " * 5_000}
    out = shown(capsys, monkeypatch, 120, row)
    assert "(20,000" in out
    assert out.count("x y") <= 25
