"""The forms of a result that other programs read: their bytes do not change by accident."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bictl.cli.view import Column, View, as_json, as_jsonl, as_tsv
from bictl.inert import inert

VIEW = View(
    schema="bictl.example/1",
    columns=(Column("name"), Column("count", kind="count"), Column("at", kind="time")),
    rows=[
        {
            "name": "a\tb\n[red]\x1b[31m",
            "count": 61443,
            "at": datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
        },
        {"name": "Болт", "count": None, "at": None},
    ],
    extra={"state": "ok"},
)


def test_tsv_is_one_record_a_line_with_hostile_text_shown_not_obeyed():
    assert as_tsv(VIEW) == [
        "a\\tb\\n[red]\\x1b[31m\t61443\t2026-01-02T03:04:00Z",
        "Болт\t\t",
    ]


def test_json_is_ascii_and_names_its_schema():
    text = as_json(VIEW)
    assert text.isascii()
    assert json.loads(text) == {
        "schema": "bictl.example/1",
        "state": "ok",
        "rows": [
            {"name": "a\tb\n[red]\x1b[31m", "count": 61443, "at": "2026-01-02T03:04:00Z"},
            {"name": "Болт", "count": None, "at": None},
        ],
    }


def test_jsonl_is_one_document_a_row():
    lines = as_jsonl(VIEW)
    assert [json.loads(line)["schema"] for line in lines] == ["bictl.example/1"] * 2
    assert all("\n" not in line for line in lines)


@pytest.mark.parametrize(
    "char",
    ["\x00", "\x1b", "\x07", "\x9b", "\u202e", "\u2066", "\u200f", "\u2028", "\ufeff", "\ud800"],
)
def test_what_a_terminal_would_obey_is_escaped(char):
    shown = inert(f"a{char}b")
    assert char not in shown
    assert shown.startswith("a\\")


@given(st.text())
def test_inert_text_has_no_control_characters_and_printable_ascii_stays(text):
    shown = inert(text)
    assert all(ord(char) >= 0x20 and not 0x7F <= ord(char) < 0xA0 for char in shown)
    assert inert(shown) == shown
    if text.isascii() and text.isprintable():
        assert shown == text
