"""What was asked: the text, checked, and the words and codes that it may hold."""

import re
from dataclasses import dataclass
from typing import Literal

from bictl.errors import UsageError, nearest

Mode = Literal["hybrid", "semantic", "keyword"]
MODES: tuple[Mode, ...] = ("hybrid", "semantic", "keyword")
LIMIT = 1_000  # hits
LONGEST = 1_000  # characters
_WORDS = 32  # of the query, that are looked for one by one
_EDGES = re.compile(r"^\W+|\W+$")


@dataclass(frozen=True)
class Asked:
    """A query that may be sent to the database and to the encoder."""

    text: str
    mode: Mode
    limit: int

    @property
    def by_meaning(self) -> bool:
        """Whether vectors are compared."""
        return self.mode != "keyword"

    @property
    def by_words(self) -> bool:
        """Whether words and codes are looked up."""
        return self.mode != "semantic"

    @property
    def words(self) -> list[str]:
        """Each word once, without what stands around it."""
        bare = (_EDGES.sub("", word) for word in self.text.split())
        return list(dict.fromkeys(word for word in bare if word))[:_WORDS]

    @property
    def codes(self) -> list[str]:
        """What may be a code: the whole text, and one to three words that hold a digit."""
        words = self.text.split()[:_WORDS]
        groups = (
            " ".join(words[start : start + size])
            for size in (3, 2, 1)
            for start in range(len(words) - size + 1)
        )
        with_digit = [group for group in groups if any(c.isdigit() for c in group)]
        return list(dict.fromkeys([self.text, *with_digit]))


def check(text: str, *, mode: str, limit: int) -> Asked:
    """The query; UsageError says what is wrong with it."""
    if mode not in MODES:
        raise UsageError(
            f"unknown mode {mode!r}", hint=f"did you mean {nearest(mode, MODES)[0]!r}?"
        )
    if not 1 <= limit <= LIMIT:
        raise UsageError(f"a search gives 1 to {LIMIT} hits, not {limit}")
    if len(text) > LONGEST:
        raise UsageError(f"a query has {LONGEST} characters at most, this one {len(text)}")
    if "\0" in text or any("\ud800" <= c <= "\udfff" for c in text):
        raise UsageError("the query is not text: it holds a NUL or broken UTF-8")
    if not text.strip():
        raise UsageError("the query is empty", hint="e.g. bictl search 'quiet pump for hot water'")
    return Asked(text.strip(), next(known for known in MODES if known == mode), limit)
