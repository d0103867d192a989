"""The columns of one source table, from whoever describes them: a record's inline schema,
Debezium's schema-change topic, SQL Server's own catalog.

A type is a word of SQL Server's, as dbt/macros/cdc_types.sql takes it: `int`, `decimal(19,4)`,
`datetime2(7)`, `nvarchar`; and `number` for a Postgres numeric of any scale. An inline schema says
only what is on the wire; its word is the nearest type that decodes the values exactly.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

DECIMAL = "org.apache.kafka.connect.data.Decimal"
VARIABLE_DECIMAL = "io.debezium.data.VariableScaleDecimal"
_SOURCE_TYPE = "__debezium.source.column."  # written by Debezium's datatype.propagate.source.type

_NAMED = {  # an inline schema's name
    "io.debezium.time.Date": "date",
    "io.debezium.time.Time": "time(3)",
    "io.debezium.time.MicroTime": "time(6)",
    "io.debezium.time.NanoTime": "time(7)",
    "io.debezium.time.Timestamp": "datetime2(3)",
    "io.debezium.time.MicroTimestamp": "datetime2(6)",
    "io.debezium.time.NanoTimestamp": "datetime2(7)",
    "io.debezium.time.ZonedTimestamp": "datetimeoffset(7)",
    VARIABLE_DECIMAL: "number",
    "org.apache.kafka.connect.data.Date": "date",
    "org.apache.kafka.connect.data.Time": "time(3)",
    "org.apache.kafka.connect.data.Timestamp": "datetime2(3)",
}
_PLAIN = {  # an inline schema's type, where it has no name
    "boolean": "bit",
    "int8": "smallint",
    "int16": "smallint",
    "int32": "int",
    "int64": "bigint",
    "float": "real",
    "float32": "real",
    "double": "float",
    "float64": "float",
    "bytes": "varbinary",
}
_JDBC = {  # java.sql.Types, for a type of a user's own making (create type Phone from varchar(20))
    -7: "bit",
    -6: "tinyint",
    -5: "bigint",
    4: "int",
    5: "smallint",
    6: "float",
    7: "real",
    8: "float",
    2: "numeric",
    3: "decimal",
    91: "date",
    92: "time",
    93: "datetime2",
    -155: "datetimeoffset",
    -2: "binary",
    -3: "varbinary",
    -4: "varbinary",
    16: "bit",
}
# Every type of SQL Server's that an event can hold, and sql_variant, which Debezium leaves out.
KNOWN = re.compile(
    "bigint|binary|bit|char|date|datetime|datetime2|datetimeoffset|decimal|float|hierarchyid|image|"
    "int|money|nchar|ntext|numeric|nvarchar|real|rowversion|smalldatetime|smallint|smallmoney|"
    "sql_variant|sysname|text|time|timestamp|tinyint|uniqueidentifier|varbinary|varchar|xml"
)
_WHOLE = re.compile(r"-?[0-9]{1,9}")
_DECIMAL_WORD = re.compile("decimal|numeric|money|smallmoney")
_ADDED = re.compile(  # by ExtractNewRecordState's add.fields and delete.handling.mode
    "__(deleted|op|table|db|schema|name|connector|version|snapshot|sequence|(commit_|change_)?lsn|"
    "event_serial_no|ts_[mun]s|(source|transaction)_.*)"
)


@dataclass(frozen=True)
class Column:
    """One column of a source table.

    `default` is the default's text as its describer writes it, None where there is none: a NULL may
    arrive as the default. `computed` columns are NULL in every change event.
    """

    name: str
    type: str
    nullable: bool = True
    default: str | None = None
    computed: bool = False


@dataclass(frozen=True)
class SourceTable:
    """A table as the schema-change topic describes it: `name` is (database, schema, table)."""

    name: tuple[str, ...]
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    dropped: bool = False


def sql_type(base: str, precision: int | None = None, scale: int | None = None) -> str:
    """The word for a type as SQL Server's catalogs give it: `("decimal", 18, 4)` → decimal(18,4).

    Texts and bytes have no length: it changes nothing here. float has none either: sys.types calls
    a short one real. What follows the name (`int identity`, `decimal() identity`) is left out.
    """
    word = _word(base)
    if word in {"decimal", "numeric"}:
        return f"{word}({18 if precision is None else precision},{scale or 0})"
    if word in {"time", "datetime2", "datetimeoffset"}:
        return f"{word}({7 if scale is None else scale})"
    return word


def value_columns(schema: Mapping[str, Any]) -> tuple[Column, ...]:
    """The columns in a value's inline schema: an envelope's row, or a flat row without what
    ExtractNewRecordState added; () where it describes no row."""
    fields = _fields(schema)
    by_name = {field.get("field"): field for field in fields}
    if "op" in by_name and "source" in by_name:
        row = by_name.get("after") or by_name.get("before") or {}
        return tuple(_inline(field) for field in _fields(row))
    return tuple(
        _inline(field) for field in fields if not _ADDED.fullmatch(str(field.get("field")))
    )


def row_fields(names: Iterable[str]) -> list[str]:
    """A row's own fields: without what ExtractNewRecordState added."""
    return [name for name in names if not _ADDED.fullmatch(name)]


def key_columns(schema: Mapping[str, Any]) -> tuple[Column, ...]:
    """The columns in a key's inline schema, in the order of the key."""
    return tuple(_inline(field) for field in _fields(schema))


def changed_tables(record: Mapping[str, Any]) -> list[SourceTable]:
    """The tables that a record of the schema-change topic describes, wrapped or plain; [] for any
    other record. https://debezium.io/documentation/reference/2.4/connectors/sqlserver.html
    """
    event = record.get("payload") if isinstance(record.get("payload"), Mapping) else record
    changes = event.get("tableChanges") if isinstance(event, Mapping) else None
    return [
        found
        for change in _list(changes)
        if isinstance(change, Mapping) and (found := _changed(change)) is not None
    ]


def _changed(change: Mapping[str, Any]) -> SourceTable | None:
    table = change.get("table")
    name = tuple(_unquoted(str(change.get("id") or "")))
    if not isinstance(table, Mapping):
        is_drop = change.get("type") == "DROP" and bool(name)
        return SourceTable(name, (), (), dropped=True) if is_drop else None
    listed = [column for column in _list(table.get("columns")) if isinstance(column, Mapping)]
    listed.sort(key=lambda column: _number(column.get("position")) or 0)
    return SourceTable(
        name=name,
        columns=tuple(_listed(column) for column in listed),
        key=tuple(str(key) for key in _list(table.get("primaryKeyColumnNames"))),
        dropped=change.get("type") == "DROP",
    )


def _listed(column: Mapping[str, Any]) -> Column:
    base = str(column.get("typeName") or "")
    if not KNOWN.fullmatch(_word(base)):
        base = _JDBC.get(_number(column.get("jdbcType")) or 0, "nvarchar")
    default = column.get("defaultValueExpression")
    return Column(
        name=str(column.get("name")),
        type=sql_type(base, _number(column.get("length")), _number(column.get("scale"))),
        nullable=bool(column.get("optional", True)),
        default=None if default is None else str(default),
        computed=bool(column.get("generated")),
    )


def _unquoted(name: str) -> Iterable[str]:
    """The parts of `"ConcordDb"."dbo"."Product"`, a quote inside of one being doubled."""
    at, part, quoted = 0, "", False
    while at < len(name):
        char = name[at]
        if char == '"' and quoted and name[at + 1 : at + 2] == '"':
            part, at = part + char, at + 1
        elif char == '"':
            quoted = not quoted
        elif char == "." and not quoted:
            yield part
            part = ""
        else:
            part += char
        at += 1
    if part:
        yield part


def _inline(field: Mapping[str, Any]) -> Column:
    default = field.get("default")
    return Column(
        name=str(field.get("field")),
        type=inline_type(field),
        nullable=bool(field.get("optional")),
        default=None if default is None else json.dumps(default, ensure_ascii=False),
    )


def inline_type(field: Mapping[str, Any]) -> str:
    """The nearest SQL Server type of a field of an inline schema."""
    given, parameters = field.get("type"), field.get("parameters")
    said: Mapping[str, Any] = parameters if isinstance(parameters, Mapping) else {}
    name = str(field.get("name") or "")
    if name == DECIMAL:
        scale = _number(said.get("scale")) or 0
        precision = _number(said.get("connect.decimal.precision")) or 38 + scale  # room for all
        return f"decimal({max(precision, scale)},{scale})"
    source = str(said.get(f"{_SOURCE_TYPE}type") or "")
    if not name and _DECIMAL_WORD.fullmatch(_word(source)):  # decimal.handling.mode string, double
        digits = [_number(said.get(f"{_SOURCE_TYPE}{part}")) for part in ("length", "scale")]
        return sql_type(source, *digits)
    return _NAMED.get(name) or _PLAIN.get(str(given), "nvarchar")


def _word(base: str) -> str:
    return base.strip().lower().partition(" ")[0].partition("(")[0]


def _number(text: Any) -> int | None:
    return int(text) if _WHOLE.fullmatch(str(text)) else None


def _fields(schema: Any) -> list[Mapping[str, Any]]:
    fields = schema.get("fields") if isinstance(schema, Mapping) else None
    return [
        one
        for one in _list(fields)
        if isinstance(one, Mapping) and isinstance(one.get("field"), str)
    ]


def _list(found: Any) -> list[Any]:
    return found if isinstance(found, list) else []
