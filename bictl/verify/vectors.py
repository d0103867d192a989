"""Vectors against staging: each key with a text has the vector of that text, and can be found."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bictl.counted import counted
from bictl.verify.report import Finding, Sample, State, Tally, of_keys, passed

if TYPE_CHECKING:
    from bictl.settings import Table


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """Keys of staging that have a text, against keys that have a vector.

    `arriving` and `leaving` are keys whose newest record is young: their vector may follow.
    """

    expected: int
    stored: int
    current: int
    arriving: int
    leaving: int
    missing: Sample
    orphans: Sample
    stale: Sample
    folded: int = 0  # keys with any record at all


@dataclass(frozen=True, kw_only=True)
class Vectors:
    """All vectors, by what makes one unfindable."""

    rows: int
    nulls: int
    zeros: int
    bent: int  # neither zero nor of length 1
    dimensions: tuple[int, ...]
    models: tuple[str, ...]
    bad: tuple[str, ...]
    twice: int = 0  # vectors beyond the first one of their key
    doubled: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Altered:
    """All vectors, and those that are not the ones that were made for their texts."""

    rows: int
    altered: Sample


@dataclass(frozen=True, kw_only=True)
class Index:
    """One HNSW index on the vectors."""

    name: str
    is_valid: bool
    operators: str
    is_building: bool


def coverage(found: Coverage, *, table: "Table") -> Finding:
    """E1: each key with a text has a vector, and no other key has one."""
    if not found.missing and not found.orphans:
        moving = found.arriving + found.leaving
        return passed(_evaluated(found), f"{counted(moving, 'key')} in flight" if moving else "")
    words = []
    if found.missing:
        words.append(f"{counted(found.missing.total, 'key')} not embedded: {found.missing}")
    if found.orphans:
        words.append(
            f"{counted(found.orphans.total, 'vector')} of keys that are gone: {found.orphans}"
        )
    return Finding(
        state=State.FAIL,
        evaluated=max(1, _evaluated(found)),
        expected=counted(found.expected, "vector"),
        actual=counted(found.stored, "vector"),
        missing=found.missing,
        extra=found.orphans,
        message="; ".join(words),
        hint=f"bictl embed --table {table.name}",
    )


def fresh(found: Coverage, *, table: "Table") -> Finding:
    """E2: each vector is that of its key's text as it is now."""
    if not found.stale:
        return passed(_evaluated(found))
    return Finding(
        state=State.FAIL,
        evaluated=_evaluated(found),
        extra=found.stale,
        message=f"{counted(found.stale.total, 'vector')} of an older text: {found.stale}",
        hint=f"bictl embed --table {table.name}",
    )


def one_model(found: Vectors, covered: Coverage, *, model: str, table: "Table") -> Finding:
    """E3: all vectors come from the configured model and have one length."""
    evaluated = found.rows or _when_none_expected(covered)
    other = [name for name in found.models if not _is_model(name, model)]
    if not other and len(found.models) <= 1 and len(found.dimensions) <= 1:
        return passed(evaluated)
    return Finding(
        state=State.FAIL,
        evaluated=evaluated,
        expected=model,
        actual=", ".join(found.models),
        message=f"vectors of {counted(len(found.models), 'model')} ({', '.join(found.models)}) and "
        f"{counted(len(found.dimensions), 'length')}, the configured one is {model}",
        hint=f"bictl embed --table {table.name}",
    )


def findable(found: Vectors, covered: Coverage, *, table: "Table") -> Finding:
    """E4: no vector is NULL, zero, or of another length than 1."""
    evaluated = found.rows or _when_none_expected(covered)
    bad = found.nulls + found.zeros + found.bent
    if not bad and found.twice:
        return Finding(
            state=State.FAIL,
            evaluated=evaluated,
            extra=of_keys(found.doubled, found.twice),
            message=f"{counted(found.twice, 'vector')} too many: search finds"
            f" {of_keys(found.doubled)} twice",
            hint=f"delete the copies, then make {', '.join(table.id)} the key of "
            f"{table.embeddings} again",
        )
    if not bad:
        return passed(evaluated)
    return Finding(
        state=State.FAIL,
        evaluated=evaluated,
        extra=of_keys(found.bad, bad),
        message=f"{found.nulls} NULL, {found.zeros} zero, {counted(found.bent, 'vector')} of"
        " another length "
        f"than 1: search cannot find {of_keys(found.bad, bad)}",
        hint=f"bictl embed --table {table.name}",
    )


def unaltered(found: Altered, covered: Coverage, *, table: "Table") -> Finding:
    """E11: no vector was changed, or exchanged for another row's, since it was made."""
    if not found.altered:
        return passed(found.rows or _when_none_expected(covered))
    return Finding(
        state=State.FAIL,
        evaluated=found.rows,
        extra=found.altered,
        message=f"{counted(found.altered.total, 'vector', 'is')} not those that were made for"
        " their texts:"
        f" {found.altered}",
        hint=f"bictl embed --table {table.name}",
    )


def index(found: Sequence[Index], covered: Coverage, *, table: "Table") -> Finding:
    """E5: a valid HNSW index with cosine operators stands on the vectors."""
    good = [item for item in found if item.is_valid and item.operators == "vector_cosine_ops"]
    broken = [item for item in found if not item.is_valid and not item.is_building]
    if good and not broken:
        return passed(len(found))
    if not found and covered.stored == 0:
        return passed(_when_none_expected(covered), "no vector, so no index yet")
    building = [item.name for item in found if item.is_building]
    if building and not broken:
        return Finding(
            state=State.WARN,
            evaluated=len(found),
            message=f"the index {building[0]} is being built",
            hint="look again when it is done",
        )
    said = f"the index {broken[0].name} is invalid" if broken else "there is no cosine HNSW index"
    return Finding(
        state=State.FAIL,
        evaluated=max(1, len(found)),
        expected="a valid HNSW index on vector_cosine_ops",
        actual=", ".join(item.name for item in found) or "none",
        message=f"{said} on {table.embeddings}",
        hint=f"bictl embed --table {table.name}",
    )


def tally(found: Coverage) -> Tally:
    """Keys with a text, and those that have the vector of just that text."""
    return Tally(
        unit="keys",
        expected=found.expected,
        accounted=found.current,
        in_flight=found.arriving,
        leaving=found.leaving,
        missing=found.missing,
        extra=found.orphans,
    )


def _evaluated(found: Coverage) -> int:
    return found.folded + found.orphans.total


def _when_none_expected(covered: Coverage) -> int:
    """What was looked at where staging itself has nothing to embed."""
    return covered.folded if covered.expected == 0 else 0


def _is_model(recorded: str, configured: str) -> bool:
    """Whether a recorded name (`<model>@<sha256 of its weights>`) is the configured model's."""
    name = recorded.partition("@")[0]
    return name == configured or name.rpartition("/")[2] == configured.rpartition("/")[2] != ""
