"""A staging model's file, as far as it says which of the source's columns it shows.

A model is one call in Jinja, `{{ bictl.cdc_table(bronze=…, key=[…], columns=[(…), …]) }}`. Its
arguments are literals that Python reads the same, so Python's own parser finds them with their
places, and an edit changes these and nothing else of what a person wrote.
"""

import ast
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

_CALL = re.compile(r"\{\{-?\s*((?:bictl\.)?cdc_table\s*\()")
_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
_LINE = re.compile(r"[^\r\n]*(?:\r\n?|\n|\Z)")
_TOKEN = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[()]""", re.DOTALL)
_INDENT = " " * 8


@dataclass(frozen=True)
class Shown:
    """A column of a model: the source's name, the type that it is decoded as, our name."""

    source: str
    type: str
    name: str


@dataclass(frozen=True)
class _Place:
    """Where a column's tuple stands in the file, and its type's word; character positions."""

    start: int
    end: int
    type_start: int
    type_end: int


@dataclass(frozen=True)
class Model:
    """What a model's file says; `read_model` makes it."""

    text: str
    key: tuple[str, ...]
    columns: tuple[Shown, ...]
    left_out: frozenset[str]  # columns of the source that it is not to show
    _places: tuple[_Place, ...]
    modes: Mapping[str, str] = field(default_factory=dict)  # of records without a schema

    def changed(
        self,
        *,
        retyped: Mapping[str, str],
        dropped: Iterable[str],
        added: Iterable[Shown],
    ) -> str:
        """The file's text with other types for these source columns, without those, and with more
        at the end; everything else stays as it is."""
        gone, edits = set(dropped), list[tuple[int, int, str]]()
        for column, place in zip(self.columns, self._places, strict=True):
            if column.source in gone:
                edits.append((*self._whole(place), ""))
            elif column.source in retyped:
                word = literal(retyped[column.source])
                edits.append((place.type_start, place.type_end, word))
        if lines := "".join(f"\n{_INDENT}{as_tuple(one)}," for one in added):
            end = self._places[-1].end
            comma = re.match(r"\s*,", self.text[end:])
            at = end + (comma.end() if comma else 0)
            edits.append((at, at, lines if comma else f",{lines}"))
        text = self.text
        for start, end, new in sorted(edits, reverse=True):
            text = text[:start] + new + text[end:]
        return text

    def _whole(self, place: _Place) -> tuple[int, int]:
        """The tuple with its comma, and with its line when nothing else stands there."""
        end = place.end
        if comma := re.match(r"\s*,", self.text[end:]):
            end += comma.end()
        before = re.search(r"\n[ \t]*$", self.text[: place.start])
        if before and re.match(r"[ \t]*(\n|$)", self.text[end:]):
            return before.start(), end
        blank = re.match(r"[ \t]*", self.text[end:])
        return place.start, end + (blank.end() if blank else 0)


def read_model(text: str) -> Model | None:
    """The model behind a file's text; None where it is none, or is not made of literals."""
    blanked = _COMMENT.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)
    call = _CALL.search(blanked)
    end = _end_of(blanked, call.end()) if call else None
    if call is None or end is None:
        return None
    source = text[call.start(1) : end]
    try:
        tree = ast.parse(source, mode="eval").body
        arguments = {word.arg: word.value for word in tree.keywords if word.arg}  # type: ignore[attr-defined]
        key = tuple(str(name) for name in ast.literal_eval(arguments["key"]))
        listed = arguments["columns"].elts
        left_out = ast.literal_eval(arguments["left_out"]) if "left_out" in arguments else ()
        modes = dict(ast.literal_eval(arguments["modes"])) if "modes" in arguments else {}
        columns = tuple(Shown(*map(str, ast.literal_eval(item))) for item in listed)
    except (SyntaxError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    places = tuple(_place(item, source, call.start(1)) for item in listed)
    return Model(text, key, columns, frozenset(map(str, left_out)), places, modes)


def as_tuple(column: Shown) -> str:
    """A column as the model's file has it."""
    return f"({literal(column.source)}, {literal(column.type)}, {literal(column.name)})"


def literal(text: str) -> str:
    """The text as a string of Jinja's and Python's, on one line, inert whatever it holds: no quote,
    brace, percent sign or control character stands there as itself."""
    return "'" + "".join(_escaped(char) for char in text) + "'"


def _escaped(char: str) -> str:
    code = ord(char)
    if char in "'\"\\{}%#" or (code < 0x80 and not char.isprintable()):
        return f"\\x{code:02x}"
    if char.isprintable():
        return char
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _end_of(text: str, at: int) -> int | None:
    """Where the call ends whose parenthesis was opened before `at`."""
    depth = 1
    for token in _TOKEN.finditer(text, at):
        depth += {"(": 1, ")": -1}.get(token[0], 0)
        if depth == 0:
            return token.end()
    return None


def _place(item: ast.expr, source: str, offset: int) -> _Place:
    """Python counts columns in bytes of UTF-8, and ends a line also at a carriage return."""
    lines = _LINE.findall(source)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))

    def at(line: int, column: int) -> int:
        inside = len(lines[line - 1].encode()[:column].decode())
        return offset + starts[line - 1] + inside

    word = item.elts[1]  # type: ignore[attr-defined]
    return _Place(
        at(item.lineno, item.col_offset),
        at(item.end_lineno or 0, item.end_col_offset or 0),
        at(word.lineno, word.col_offset),
        at(word.end_lineno, word.end_col_offset),
    )
