"""T-SQL that no server runs here: whether a grammar of it parses, and a table's columns."""

import re
from functools import cache

from sqlfluff.core import FluffConfig, Linter


@cache
def _linter() -> Linter:
    return Linter(config=FluffConfig(overrides={"dialect": "tsql"}))


def complaints(text: str) -> list[str]:
    """What of the text is no T-SQL by sqlfluff's grammar, which knows no doubled bracket."""
    parsed = _linter().parse_string(text)
    return [f"line {found.line_no}: {found.desc()}" for found in parsed.violations]


def batches(text: str) -> list[str]:
    """The batches between lines that say `go`."""
    return [part for part in re.split(r"(?im)^go\s*$", text) if part.strip()]


def created_columns(text: str, table: str) -> dict[str, str]:
    """Each column of `create table <table>` with what follows its name."""
    body = re.search(rf"create table {re.escape(table)} \((.*?)\n\)", text, re.S)
    assert body, table
    lines = [line.strip().rstrip(",") for line in body[1].splitlines() if line.strip()]
    return dict(line.split(" ", 1) for line in lines)
