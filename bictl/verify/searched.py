"""The vectors as search asks for them: by the index, exactly enough, each found by itself.

Where no valid index stands (E5 says so), every vector is compared and nothing here can be wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bictl.counted import counted
from bictl.verify.report import Finding, State, of_keys, passed
from bictl.verify.vectors import Coverage, Index

if TYPE_CHECKING:
    from bictl.settings import Table

SMALL = 10_000  # vectors that Postgres compares in some 10 ms: it may well leave the index alone
NEIGHBOURS = 10
GOOD_RECALL, LOW_RECALL = 0.98, 0.95
APART = 0.01  # distance of two vectors of length 1: another engine gives 1e-5, another text more
# https://github.com/pgvector/pgvector/blob/master/CHANGELOG.md
_FLAWS = (
    ((0, 8, 2), "a parallel build of an index reads foreign memory (CVE-2026-3172)"),
    ((0, 8, 3), "vacuum may break an HNSW index"),
    ((0, 8, 4), "vacuum may leave an HNSW graph unrepaired"),
)


@dataclass(frozen=True, kw_only=True)
class Use:
    """Whether search's own statement walks the index: as it is, and where nothing else may be."""

    rows: int
    is_used: bool
    can_be_used: bool


@dataclass(frozen=True, kw_only=True)
class Recall:
    """Of each asked vector's nearest ones, how many the index finds; `worst` are keys."""

    asked: int
    wanted: int
    found: int
    seed: str
    worst: tuple[str, ...] = ()

    @property
    def share(self) -> float:
        """Between 0 and 1."""
        return self.found / self.wanted if self.wanted else 1.0


@dataclass(frozen=True, kw_only=True)
class Selves:
    """Rows that were looked for by their own vectors through the index; `far` were found by
    looking as widely as pgvector does, and not by looking as search does."""

    asked: int
    seed: str
    lost: tuple[str, ...] = ()
    far: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """Texts that were encoded once more; `other` are keys whose stored vector is not that."""

    asked: int
    seed: str
    other: tuple[str, ...] = ()


def index_used(found: Use | None, covered: Coverage, *, table: "Table") -> Finding:
    """E6: search's statement walks the index, or the table is too small to need it."""
    if found is None:
        return _without_index(covered)
    if not found.rows:
        return passed(_none(covered), "there is no vector to be found")
    if found.is_used:
        return passed(found.rows)
    if found.can_be_used and found.rows < SMALL:
        return passed(
            found.rows, f"{counted(found.rows, 'vector', 'is')} few: Postgres compares them all"
        )
    why = "could and does not" if found.can_be_used else "cannot"
    return Finding(
        state=State.WARN,
        evaluated=found.rows,
        expected="a scan of the HNSW index",
        actual="every vector compared",
        message=f"search {why} walk the index of {table.embeddings}: it compares"
        f" {counted(found.rows, 'vector')} each time",
        hint=f"bictl embed --table {table.name} --reindex",
    )


def recall(found: Recall | None, covered: Coverage, *, table: "Table") -> Finding:
    """E7: the index finds the nearest vectors that comparing all of them finds."""
    if found is None:
        return _without_index(covered)
    said = (
        f"recall@{NEIGHBOURS} {found.share:.3f} for {counted(found.asked, 'vector')} (seed"
        f" {found.seed})"
    )
    if found.share >= GOOD_RECALL:
        return passed(found.asked, said)
    return Finding(
        state=State.FAIL if found.share < LOW_RECALL else State.WARN,
        evaluated=found.asked,
        expected=f"at least {GOOD_RECALL}",
        actual=f"{found.share:.3f}",
        extra=of_keys(found.worst),
        message=f"{said}; worst for {of_keys(found.worst)}",
        hint=f"bictl embed --table {table.name} --reindex",
    )


def extension(version: str | None, *, table: "Table") -> Finding:
    """E8: this version of pgvector has no known flaw that breaks what search finds."""
    if version is None:
        return Finding(state=State.UNKNOWN, evaluated=0, message="pgvector is not installed")
    flaws = [words for fixed, words in _FLAWS if _parts(version) < fixed]
    if not flaws:
        return passed(1, f"pgvector {version}")
    return Finding(
        state=State.WARN,
        evaluated=1,
        expected="pgvector 0.8.4 or newer",
        actual=version,
        message=f"pgvector {version}: {'; '.join(flaws)}",
        hint="upgrade it on the server and: alter extension vector update; then:"
        f" bictl embed --table {table.name} --reindex",
    )


def found_by_itself(found: Selves | None, covered: Coverage, *, table: "Table") -> Finding:
    """E9: each row of a sample, the newest among them, is found by its own vector.

    An index that is asked for little may walk past a row that it holds: how often, E7 says.
    """
    if found is None:
        return _without_index(covered)
    if not found.lost:
        said = [f"seed {found.seed}"]
        if found.far:
            said.append(f"{of_keys(found.far)} by the widest search alone (recall: E7)")
        return passed(found.asked or _none(covered), "; ".join(said))
    return Finding(
        state=State.FAIL,
        evaluated=found.asked,
        missing=of_keys(found.lost),
        message=f"{len(found.lost)} of {counted(found.asked, 'row')} are not found by their own"
        f" vectors (seed {found.seed}): {of_keys(found.lost)}",
        hint=f"bictl embed --table {table.name} --reindex",
    )


def of_its_text(found: Encoded, covered: Coverage, *, table: "Table") -> Finding:
    """E10: the stored vector of each text of a sample is what the model makes of it."""
    if not found.other:
        return passed(found.asked or _none(covered), f"seed {found.seed}")
    return Finding(
        state=State.FAIL,
        evaluated=found.asked,
        extra=of_keys(found.other),
        message=f"{len(found.other)} of {counted(found.asked, 'vector')} are not those of their"
        f" texts (seed {found.seed}): {of_keys(found.other)}; there may be more",
        hint=f"bictl embed --table {table.name} --rebuild",
    )


def usable(indexes: Sequence[Index]) -> tuple[str, ...]:
    """The names of the indexes that search can walk."""
    return tuple(
        item.name for item in indexes if item.is_valid and item.operators == "vector_cosine_ops"
    )


def _without_index(covered: Coverage) -> Finding:
    return passed(covered.stored or _none(covered), "no valid index (E5): every vector is compared")


def _none(covered: Coverage) -> int:
    """What was looked at where there is nothing to embed."""
    return covered.folded if covered.stored == 0 and covered.expected == 0 else 0


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int("".join(filter(str.isdigit, part)) or 0) for part in version.split("."))
