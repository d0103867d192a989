"""BERT's uncased WordPiece over vocab.txt: what the `tokenizers` package does, without its import.

Equal to tokenizer.json of all-MiniLM-L6-v2 for every character that Unicode 8 (2015) knew; for
letters and marks that are younger, a word that the vocabulary does not have anyway may be cut
elsewhere. Rules: https://github.com/google-research/bert/blob/master/tokenization.py
"""

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

_LONGEST_WORD = 100  # characters; a longer word is unknown
# A literal "[CLS]" in a text is the special token itself, as it is for sentence-transformers.
_SPECIAL = re.compile(r"(\[(?:PAD|UNK|CLS|SEP|MASK)\])")
_ASCII_PUNCTUATION = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
_ASCII_CLEAN = dict.fromkeys((*range(32), 127)) | dict.fromkeys(b"\t\n\r", " ")
_ASCII_WORDS = re.compile(r"[a-z0-9]+|[!-/:-@\[-`{-~]")
_IDEOGRAPHS = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B920, 0x2CEAF),  # BERT means 2B820; this is what `tokenizers` has
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)


class WordPiece:
    """Texts to token ids."""

    def __init__(self, vocabulary: Path) -> None:
        words = vocabulary.read_text(encoding="utf-8").removesuffix("\n").split("\n")
        self._ids = {word: number for number, word in enumerate(words)}
        self._unknown = self._ids["[UNK]"]

    def encode(self, text: str, limit: int) -> tuple[list[int], bool]:
        """At most `limit` ids, `[CLS]` and `[SEP]` included, and whether the text was cut."""
        ids = [self._ids["[CLS]"]]
        for piece in self._pieces(text):
            if len(ids) == limit - 1:
                return [*ids, self._ids["[SEP]"]], True
            ids.append(piece)
        return [*ids, self._ids["[SEP]"]], False

    def _pieces(self, text: str) -> Iterator[int]:
        for part in _SPECIAL.split(text):
            if _SPECIAL.fullmatch(part):
                yield self._ids[part]
                continue
            for word in _words(part):
                yield from self._split(word)

    def _split(self, word: str) -> list[int]:
        """The longest known head, then the longest known continuations; one gap and all is lost."""
        if word in self._ids:
            return [self._ids[word]]
        ids: list[int] = []
        start = 0
        while start < len(word) <= _LONGEST_WORD:
            prefix = "##" if start else ""
            for end in range(len(word), start, -1):
                found = self._ids.get(prefix + word[start:end])
                if found is not None:
                    ids.append(found)
                    start = end
                    break
            else:
                return [self._unknown]
        return ids or [self._unknown]


def _words(text: str) -> list[str]:
    if text.isascii():
        return _ASCII_WORDS.findall(text.translate(_ASCII_CLEAN).lower())
    words = []
    for run in _normalised(text).split(" "):
        start = 0
        for at, character in enumerate(run):
            if _is_punctuation(character):
                words += [run[start:at], character]
                start = at + 1
        words.append(run[start:])
    return [word for word in words if word]


def _normalised(text: str) -> str:
    """Cleaned, ideographs apart, accents off, lower case letter by letter (no final sigma)."""
    cleaned = "".join(_cleaned(character) for character in text)
    plain = (c for c in unicodedata.normalize("NFD", cleaned) if unicodedata.category(c) != "Mn")
    return "".join(character.lower() for character in plain)


def _cleaned(character: str) -> str:
    if character in "\t\n\r":
        return " "
    if character in "\0\ufffd" or unicodedata.category(character) in {"Cc", "Cf", "Co"}:
        return ""
    if character.isspace():
        return " "
    code = ord(character)
    if code >= 0x3400 and any(first <= code <= last for first, last in _IDEOGRAPHS):
        return f" {character} "
    return character


def _is_punctuation(character: str) -> bool:
    return character in _ASCII_PUNCTUATION or unicodedata.category(character).startswith("P")
