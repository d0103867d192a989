"""Staging against bronze: a fold of verify's own, joined both ways with what the model shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bictl.counted import counted
from bictl.verify.report import Finding, Sample, State, Tally, of_keys, passed

if TYPE_CHECKING:
    from bictl.model_file import Model
    from bictl.settings import Table

EXACT_TYPES = {"text", "character varying", "integer", "bigint", "smallint", "boolean"}


@dataclass(frozen=True, kw_only=True)
class Keys:
    """The live keys that the fold gives, against the keys that staging shows.

    No event deleted the `closed` ones: a later snapshot did not bring them.
    """

    folded: int  # keys with any record at all, deleted ones included
    keyless: int  # records that no key could be found for
    expected: int
    staged: int
    common: int
    missing: Sample
    extra: Sample
    stale: Sample
    closed: int = 0


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Rows of staging, and how many of them have an id, different ids, an operation."""

    rows: int
    ids: int
    distinct_ids: int
    operations: int


@dataclass(frozen=True, kw_only=True)
class Values:
    """Cells of staging against the fields of the newest records; lost: NULL from a value."""

    rows: int
    lost: Mapping[str, Sample] = field(default_factory=dict)
    different: Mapping[str, Sample] = field(default_factory=dict)


def pair_columns(fields: Sequence[str], columns: Mapping[str, str]) -> list[tuple[str, str, bool]]:
    """(source field, staging column, whether their texts are equal) wherever names correspond.

    `VendorCode` is `vendor_code`, `Created` is `created_at`; `columns` maps names to types.
    """
    by_bare = {name.replace("_", ""): name for name in columns}
    pairs = []
    for source in sorted(fields):
        bare = source.lower().replace("_", "")
        name = by_bare.get(bare) or by_bare.get(f"{bare}at")
        if name is not None:
            pairs.append((source, name, columns[name] in EXACT_TYPES))
    return pairs


def said_pairs(model: "Model", columns: Mapping[str, str]) -> list[tuple[str, str, bool]]:
    """The same as the model's file says it, for the columns that the relation has."""
    return [
        (one.source, one.name, columns[one.name] in EXACT_TYPES)
        for one in model.columns
        if one.name in columns
    ]


def key_sets(keys: Keys, *, table: "Table") -> Finding:
    """T2: staging shows each live key, and no other."""
    if not keys.missing and not keys.extra and not keys.keyless:
        said = f"keys closed because the newest snapshot did not bring them: {keys.closed}"
        return passed(keys.folded, said if keys.closed else "")
    words = []
    if keys.missing:
        words.append(f"{counted(keys.missing.total, 'key')} not in staging: {keys.missing}")
    if keys.extra:
        words.append(f"{counted(keys.extra.total, 'deleted key')} still shown: {keys.extra}")
    if keys.keyless:
        words.append(f"{counted(keys.keyless, 'record')} without the key {', '.join(table.key)}")
    return Finding(
        state=State.FAIL,
        evaluated=max(1, keys.folded),
        expected=counted(keys.expected, "key"),
        actual=counted(keys.staged, "key"),
        missing=keys.missing,
        extra=keys.extra,
        message="; ".join(words),
        hint=_no_key(table)
        if keys.keyless and not keys.expected
        else f"bictl transform --table {table.name}",
    )


def _no_key(table: "Table") -> str:
    """Where no record has the key: a column that is misspelt."""
    return (
        f"correct key in [tables.{table.name}]: no record's key has the column "
        f"{', '.join(table.key)} (capitals count; a record and its key:"
        " bictl trace --offset PARTITION:OFFSET)"
    )


def newest_records(keys: Keys, *, table: "Table") -> Finding:
    """T3: each key shows its newest record."""
    if not keys.stale:
        return passed(keys.folded)
    return Finding(
        state=State.FAIL,
        evaluated=keys.folded,
        extra=keys.stale,
        message=f"{counted(keys.stale.total, 'key', 'shows')} an older record: {keys.stale}",
        hint=f"bictl transform --table {table.name}",
    )


def unique_and_filled(shape: Shape, keys: Keys, *, table: "Table") -> Finding:
    """T4: ids are unique and not null, and each row says its operation."""
    evaluated = shape.rows or (keys.folded if keys.expected == 0 else 0)
    nulls, twice = shape.rows - shape.ids, shape.ids - shape.distinct_ids
    silent = shape.rows - shape.operations
    identity = ", ".join(table.id)
    if not nulls and not twice and not silent:
        return passed(evaluated)
    return Finding(
        state=State.FAIL,
        evaluated=evaluated,
        expected=f"{shape.rows} different {identity}",
        actual=f"{shape.distinct_ids}",
        message=f"{counted(nulls, 'row')} without {identity}, {twice} more than once, "
        f"{silent} without operation",
        hint=f"bictl transform --table {table.name}",
    )


def decoded(values: Values, keys: Keys, *, table: "Table") -> Finding:
    """T5: no value of a newest record became NULL in staging."""
    return _cells(
        values,
        values.lost,
        keys,
        what="values became NULL",
        hint=f"bictl transform --table {table.name}; the raw values stay in {table.bronze}",
    )


def equal_cells(values: Values, keys: Keys, *, table: "Table") -> Finding:
    """T6: texts, whole numbers and flags are those of the newest record."""
    return _cells(
        values,
        values.different,
        keys,
        what="cells differ from the newest record",
        hint=f"bictl transform --table {table.name}",
    )


def _cells(
    values: Values, found: Mapping[str, Sample], keys: Keys, *, what: str, hint: str
) -> Finding:
    evaluated = values.rows or (keys.folded if keys.expected == 0 else 0)
    if not found:
        return passed(evaluated)
    size = sum(sample.total for sample in found.values())
    words = "; ".join(f"{name}: {sample.total} ({sample})" for name, sample in found.items())
    listed = list(dict.fromkeys(key for sample in found.values() for key in sample.keys))
    return Finding(
        state=State.FAIL,
        evaluated=evaluated,
        extra=of_keys(listed, size),
        message=f"{size} {what}: {words}",
        hint=hint,
    )


def tally(keys: Keys) -> Tally:
    """Live keys by the fold, and those that staging shows."""
    return Tally(
        unit="keys",
        expected=keys.expected,
        accounted=keys.common,
        missing=keys.missing,
        extra=keys.extra,
    )
