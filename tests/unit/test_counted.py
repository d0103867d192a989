"""Numbers in words: one of a thing is not called by its plural, in any sentence of a verdict."""

import ast
import re
from pathlib import Path

import pytest

import bictl
from bictl.counted import counted

# What is counted in sentences, as many of it.
MANY = re.compile(
    r" (?:(?!in|of|the)[a-z']+ )?(?:records|rows|keys|objects|vectors|texts|cells|"
    r"values|offsets|lines|batches|columns|models|lengths|timestamps|ranges|times|tombstones|reasons)\b"
)
NO_NUMBER = re.compile(r"(?:name|bronze|staging|topic|table|embeddings|prefix|partition)\W*$|^'")
ROOMS = ("verify", "repair", "trace", "embeddings")


@pytest.mark.parametrize(
    ("number", "noun", "verb", "words"),
    [
        (1, "key", "", "1 key"),
        (0, "key", "", "0 keys"),
        (2, "batch", "", "2 batches"),
        (1, "old object", "is", "1 old object is"),
        (3, "old object", "is", "3 old objects are"),
        (2, "row", "has", "2 rows have"),
        (2, "key", "shows", "2 keys show"),
    ],
)
def test_one_and_many(number, noun, verb, words):
    assert counted(number, noun, verb) == words


def knows_one(node):
    """Whether it is `… if number == 1 else …`."""
    return isinstance(node, ast.IfExp) and ast.unparse(node.test).endswith("== 1")


def plurals(path):
    """The f-strings in which a plural stands behind whatever number there is."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    told = [one for node in nodes if knows_one(node) for one in ast.walk(node)]
    for node in nodes:
        if not isinstance(node, ast.JoinedStr) or node in told:
            continue
        for value, text in zip(node.values, node.values[1:], strict=False):
            if not (isinstance(value, ast.FormattedValue) and isinstance(text, ast.Constant)):
                continue
            what = ast.unparse(value.value)
            if MANY.match(text.value) and not NO_NUMBER.search(what):
                yield f"{path.name}:{node.lineno}: {{{what}}}{text.value}"


def test_no_sentence_puts_a_plural_behind_a_number_that_may_be_one():
    root = Path(bictl.__file__).parent
    found = [
        line for room in ROOMS for path in sorted((root / room).glob("*.py"))
        for line in plurals(path)
    ]  # fmt: skip
    assert found == []
