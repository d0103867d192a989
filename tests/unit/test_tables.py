"""A table that fits its terminal can be read; what does not fit is shown in another form."""

import io
from datetime import UTC, datetime

import pytest
from rich.console import Console

from bictl.cli.render import _blocks, _fits, _table
from bictl.cli.view import Column, View

VERDICT = View(
    schema="bictl.test/1",
    columns=(
        Column("boundary"),
        Column("expected", kind="count"),
        Column("accounted", kind="count"),
        Column("unit"),
        Column("missing", kind="count"),
        Column("state", kind="state"),
        Column("hint", "what to do"),
    ),
    rows=[
        {
            "boundary": "Kafka → objects",
            "expected": 61443,
            "accounted": 115,
            "unit": "records",
            "missing": 61328,
            "state": "fail",
            "hint": "bictl ingest --topic cord.ConcordDb.dbo.Product",
        }
    ],
)


def lines(view: View, width: int) -> list[str]:
    screen = io.StringIO()
    console = Console(file=screen, width=width, highlight=False, markup=False, emoji=False)
    console.print(_table(view, width) if _fits(view, width) else _blocks(view))
    return [line.rstrip() for line in screen.getvalue().splitlines()]


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_no_word_is_cut_and_no_line_is_longer_than_the_terminal(width):
    shown = lines(VERDICT, width)
    assert max(map(len, shown)) <= width
    words = " ".join(shown).split()
    assert {"Kafka", "objects", "61,443", "61,328", "records", "fail", "ingest"} <= set(words)


def test_where_a_table_would_cut_its_words_each_value_has_a_line():
    shown = lines(VERDICT, 50)
    assert [line.split()[0] for line in shown if line][:3] == ["boundary", "expected", "accounted"]


def test_a_word_that_no_table_can_hold_is_folded_and_whole():
    path = "/" + "x" * 150
    view = View(
        schema="bictl.test/1",
        columns=(Column("key"), Column("value"), Column("since", kind="time")),
        rows=[{"key": "path", "value": path, "since": datetime.now(UTC)}],
    )
    assert "".join("".join(lines(view, 60)).split()).count("x") == 150
