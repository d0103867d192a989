"""The source's columns as its newest record has them, against those that the model shows."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bictl.columns import Column, row_fields, value_columns
from bictl.counted import counted
from bictl.verify.report import Finding, Sample, State, of_keys, passed

if TYPE_CHECKING:
    from bictl.clients.database import Database
    from bictl.model_file import Model
    from bictl.settings import Table

_WHOLE = ("smallint", "int", "bigint")  # each holds the ones before it
_FAMILY = {
    "tinyint": "smallint", "money": "decimal(19,4)", "smallmoney": "decimal(10,4)",
    "datetime": "datetime2", "smalldatetime": "datetime2", "binary": "varbinary",
    "image": "varbinary", "rowversion": "varbinary", "timestamp": "varbinary",
    "hierarchyid": "varbinary", "double": "float", "integer": "int", "boolean": "bit",
}  # fmt: skip
_POSTGRES = {  # what dbt/macros/cdc_types.sql makes of each family
    "nvarchar": "text", "bit": "boolean", "smallint": "smallint", "int": "integer",
    "bigint": "bigint", "decimal": "numeric", "number": "numeric", "real": "real",
    "float": "double precision", "date": "date", "time": "time without time zone",
    "datetime2": "timestamp without time zone", "datetimeoffset": "timestamp with time zone",
    "varbinary": "bytea",
}  # fmt: skip
_AS_TEXT = {"decimal", "datetime2", "time", "datetimeoffset", "varbinary"}  # in some mode or other


@dataclass(frozen=True)
class Difference:
    """What a model does not say as the source does: columns that it lacks, columns that are not
    there anymore, columns whose values do not fit the model's type (by name, the type now)."""

    added: tuple[Column, ...] = ()
    dropped: tuple[str, ...] = ()
    retyped: tuple[Column, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.dropped or self.retyped)


def read_columns(database: "Database", table: "Table") -> tuple[Column, ...] | None:
    """The columns of the topic's newest row; their types are "" where it brought no schema. None
    where there is no row."""
    query = database.named("verify/newest_shape", bronze=table.bronze)
    for schema, fields in database.rows(query, {"topic": table.topic}):
        if described := value_columns(schema or {}):
            return described
        return tuple(Column(name, "") for name in row_fields(fields)) or None
    return None


def difference(model: "Model", columns: Sequence[Column]) -> Difference:
    """The model against the columns that are on the wire; one whose type is "" is not compared."""
    shown = {column.source: column.type for column in model.columns}
    known = {column.name for column in columns}
    return Difference(
        added=tuple(c for c in columns if c.name not in shown and c.name not in model.left_out),
        dropped=tuple(name for name in shown if name not in known),
        retyped=tuple(c for c in columns if c.name in shown and not fits(c.type, shown[c.name])),
    )


def fits(wire: str, declared: str) -> bool:
    """Whether a column of the model's type holds every value that is on the wire as `wire`."""
    (here, sizes), (there, wanted) = _parts(declared), _parts(wire)
    if not wire or here == there != "decimal":
        return True
    if here == there:
        return sizes[1] >= wanted[1] and sizes[0] - sizes[1] >= wanted[0] - wanted[1]
    if there == "nvarchar" and here in _AS_TEXT:
        return True
    if here in _WHOLE and there in _WHOLE:
        return _WHOLE.index(here) > _WHOLE.index(there)
    return (there, here) in {("float", "decimal"), ("real", "float")}


def as_the_source(
    model: "Model | None",
    columns: Sequence[Column] | None,
    *,
    rows: Callable[[], int] = lambda: 0,
    shown: Mapping[str, str] | None = None,
    table: "Table",
) -> Finding:
    """T7: the model shows the columns that the source has, and no others; `rows` are in bronze,
    asked only where none of them has columns. `shown` are the types of what stands in Postgres,
    which has to be what the model says; None or empty where nothing stands there."""
    if model is None:
        return passed(1, f"not compared: {table.staging} is not made of literal columns")
    if shown and (other := _not_as_said(model, shown)):
        return Finding(
            state=State.FAIL,
            evaluated=len(model.columns),
            missing=_names(other),
            expected=f"{counted(len(model.columns), 'column')} as {table.staging} says them",
            actual=counted(len(shown), "column"),
            message=f"{table.staging} in Postgres is not what its model says: "
            f"{'; '.join(other.values())}",
            hint=f"bictl transform --table {table.name} --force",
        )
    if columns is None:
        return passed(min(rows(), 1), "no record has a row")
    found = difference(model, columns)
    if not found:
        return passed(len(columns))
    types = {column.source: column.type for column in model.columns}
    words = [
        *(f"new at the source: {_typed(column)}" for column in found.added),
        *(f"gone from the source: {name}" for name in found.dropped),
        *(f"{_typed(one)} at the source, {types[one.name]} here" for one in found.retyped),
    ]
    return Finding(
        state=State.WARN,
        evaluated=len(columns),
        expected=counted(len(columns), "column"),
        actual=counted(len(model.columns), "column"),
        missing=_names(column.name for column in (*found.added, *found.retyped)),
        extra=_names(found.dropped),
        message="; ".join(words),
        hint=f"bictl tables sync --table {table.name} --dry-run; bronze keeps every column",
    )


def _not_as_said(model: "Model", shown: Mapping[str, str]) -> dict[str, str]:
    """Columns that the relation lacks, or has in another type, in words."""
    found = {}
    for column in model.columns:
        wanted = _POSTGRES.get(_parts(column.type)[0])
        there = shown.get(column.name)
        if there is None:
            found[column.name] = f"{column.name} is not there"
        elif wanted is not None and there != wanted:
            found[column.name] = f"{column.name} is {there} and not {wanted}"
    return found


def _names(names: Iterable[str]) -> Sample:
    return of_keys(list(names))


def _typed(column: Column) -> str:
    return f"{column.name} {column.type}".rstrip()


def _parts(word: str) -> tuple[str, list[int]]:
    """The family of a type, and its sizes."""
    base, _, rest = word.partition("(")
    known = _FAMILY.get(base.strip().lower(), base.strip().lower())
    if "char" in known or known in {"text", "ntext", "xml", "sysname", "uniqueidentifier"}:
        return "nvarchar", []
    family, _, sizes = known.partition("(")
    numbers = [int(one) for one in re.findall(r"\d+", sizes or rest)]
    if family in {"decimal", "numeric"}:
        return "decimal", [*numbers, *([18, 0][len(numbers) :])]
    if family == "float" and numbers and numbers[0] <= 24:
        return "real", []
    return family, []
