"""The files of a table: its staging model, the model's yaml, the configuration's section."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bictl.columns import Column
from bictl.model_file import Shown, as_tuple, literal

# Every legal value of these is a value here too. Others may be NULL although the source says NOT
# NULL: year 0000 of a datetimeoffset, a datetime2(7) beyond what 64 bits of nanoseconds hold.
_ALWAYS_DECODED = re.compile(
    r"int|bigint|smallint|tinyint|bit|(decimal|numeric)\(.*\)|money|smallmoney|n?(var)?char|"
    r"uniqueidentifier|date|datetime|smalldatetime|datetime2\([0-6]\)"
)
_META = (
    ("cdc_operation", "r (read by a snapshot), c or u; an unwrapped record that names none is u."),
    ("source_timestamp", "When the source changed the row, or when the snapshot read it."),
    ("is_snapshot", "Whether a snapshot brought the record."),
    ("ingested_at", "When the record came into bronze."),
)
_PLAIN = "abcdefghijklmnopqrstuvwxyz0123456789_"


@dataclass(frozen=True, kw_only=True)
class Design:
    """A table as it will be: `names` are ours by the source's, in the order of the model; `filled`
    are the source's columns that are never NULL; `modes` are for records without a schema."""

    name: str
    topic: str
    bronze: str
    staging: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    key_types: tuple[str, ...]
    names: Mapping[str, str]
    filled: frozenset[str]
    embed: tuple[str, ...] = ()
    modes: Mapping[str, str] | None = None

    @property
    def shown(self) -> tuple[Shown, ...]:
        """The model's columns."""
        return tuple(Shown(one.name, one.type, self.names[one.name]) for one in self.columns)

    @property
    def id(self) -> tuple[str, ...]:
        """The staging columns of the key."""
        return tuple(self.names[name] for name in self.key)


def filled(columns: Sequence[Column], *, earlier: Sequence[Column] | None) -> frozenset[str]:
    """The columns that can be tested to be never NULL: NOT NULL at the source, also in the oldest
    schema that is known, and of a type whose every value is one here."""
    old = None if earlier is None else {column.name for column in earlier if not column.nullable}
    return frozenset(
        column.name
        for column in columns
        if not column.nullable
        and not column.computed
        and _ALWAYS_DECODED.fullmatch(column.type)
        and (old is None or column.name in old)
    )


def model_sql(design: Design) -> str:
    """The staging model."""
    schema, table = design.bronze.split(".")
    keys = ", ".join(literal(name) for name in design.key)
    lines = [
        f"-- {design.topic} as it is now:",
        "-- one row per key, decoded from its newest record.",
        "{{ bictl.cdc_table(",
        f"    bronze=source({literal(schema)}, {literal(table)}),",
        f"    key=[{keys}],",
        "    columns=[",
        *(f"        {as_tuple(column)}," for column in design.shown),
        "    ],",
    ]
    if design.modes:
        pairs = (f"{literal(part)}: {literal(mode)}" for part, mode in design.modes.items())
        lines.append(f"    modes={{{', '.join(pairs)}}},")
    return "\n".join([*lines, ") }}", ""])


def schema_yml(design: Design, *, with_source: bool = True) -> str:
    """The model's yaml: its columns and tests, and the source that it reads."""
    parts = ["version: 2\n"]
    if with_source:
        parts.append(source_yml(design.bronze, topic=design.topic))
    text = [
        "models:",
        f"  - name: {design.staging}",
        "    description: >",
        f"      {design.topic} as it is now, one row per key:",
        "      the newest record of each key, decoded. A key whose newest record is a delete or a",
        "      tombstone, or that a finished later snapshot no longer brought, is not here. What",
        "      cannot be decoded is NULL.",
    ]
    if len(design.key) > 1:
        text += [
            "    data_tests:",
            "      - unique:",
            f"          name: unique_{design.staging}_key",
            f'          column_name: "({", ".join(map(_quoted, design.id))})"',
        ]
    text.append("    columns:")
    for column in design.columns:
        text += column_yml(design, column)
    for name, words in _META:
        text += [f"      - name: {name}", f"        description: {words}"]
        text += ["        data_tests: [not_null]"] if name == "cdc_operation" else []
    return "\n".join([*parts, "\n".join(text), ""])


def column_yml(design: Design, column: Column) -> list[str]:
    """One column's lines."""
    name = design.names[column.name]
    lines = [f"      - name: {yaml_name(name)}"]
    lines += [] if yaml_name(name) == name else ["        quote: true"]
    if column.name in design.key:
        lines.append("        description: From the record's key.")
    elif column.type in {"datetime2(7)", "time(7)"}:
        lines.append("        description: The source's wall clock; the seventh digit is cut off.")
    if column.name in design.key:
        tests = "unique, not_null" if len(design.key) == 1 else "not_null"
        lines.append(f"        data_tests: [{tests}]")
    elif column.name in design.filled:
        lines.append("        data_tests: [not_null]")
    return lines


def config_section(design: Design) -> str:
    """The table's section of the configuration; what the defaults say is left out."""
    lines = [f"[tables.{design.name}]", f"topic = {_toml(design.topic)}"]
    lines.append(f"key = {_toml(list(design.key))}")
    if any(kind != "integer" for kind in design.key_types):
        lines.append(f"key_types = {_toml(list(design.key_types))}")
    if design.id != (f"{design.name}_id",):
        lines.append(f"id = {_toml(list(design.id))}")
    if design.embed:
        lines.append(f"embed = {_toml(list(design.embed))}")
    return "\n".join([*lines, ""])


def source_yml(bronze: str, *, topic: str) -> str:
    """The entry of a bronze table as a source of dbt's."""
    schema, table = bronze.split(".")
    return (
        f"sources:\n  - name: {schema}\n    schema: {schema}\n    tables:\n"
        f"      - name: {table}\n        description: >\n"
        f"          One row per topic, generation, partition and offset of\n"
        f"          {topic}.\n"
    )


def _quoted(name: str) -> str:
    """An identifier within a text in double quotes."""
    return name if set(name) <= set(_PLAIN) else f'\\"{name}\\"'


def yaml_name(name: str) -> str:
    """As it stands in the yaml; a name has letters, digits and `_` only."""
    return name if set(name) <= set(_PLAIN) else f'"{name}"'


def _toml(value: Any) -> str:
    """A basic string is JSON's, but for DEL."""
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
