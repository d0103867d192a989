"""A source table's columns, from each of those who describe them."""

import gzip
import json
from pathlib import Path

import pytest

from bictl.columns import Column, changed_tables, inline_type, key_columns, sql_type, value_columns

FIXTURES = Path(__file__).parents[1] / "fixtures" / "sqlserver"


def first_of(name):
    with gzip.open(FIXTURES / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return json.loads(next(lines))


def schema_of(name):
    return json.loads(first_of(name)["value"])["schema"]


def declared():
    with gzip.open(FIXTURES / "zoo_truth.json.gz", "rt", encoding="utf-8") as file:
        return json.load(file)["columns"]


def zoo_words():
    """Each column's declaration, as the inline schema can still tell it."""
    for name, text in declared().items():
        word = text.removesuffix(" NOT NULL").removesuffix(" NULL")
        base, digits = word.partition("(")[0], word.partition("(")[2].rstrip(")")
        known = {
            "tinyint": "smallint", "float": "float", "money": "decimal(19,4)",
            "smallmoney": "decimal(10,4)", "datetime": "datetime2(3)",
            "smalldatetime": "datetime2(3)",
            "datetimeoffset": "datetimeoffset(7)",
        }  # fmt: skip
        if base == "sql_variant":
            continue
        if base in known:
            yield name, known[base]
        elif base in {"time", "datetime2"}:
            yield name, f"{base}({3 if int(digits) <= 3 else 6 if int(digits) <= 6 else 7})"
        elif base == "numeric":
            yield name, f"decimal({digits})"
        elif base in {"binary", "varbinary", "image", "hierarchyid", "rowversion"}:
            yield name, "varbinary"
        elif "char" in base or base in {"text", "ntext", "xml", "uniqueidentifier"}:
            yield name, "nvarchar"
        else:
            yield name, word


def test_an_envelopes_schema_gives_each_type_the_nearest_one_that_decodes_exactly():
    found = value_columns(schema_of("zoo_precise"))
    assert [(column.name, column.type) for column in found] == [("ID", "int"), *zoo_words()]
    nullable = {column.name: column.nullable for column in found}
    assert not nullable.pop("ID")
    assert not nullable.pop("c_rowversion")
    assert all(nullable.values())


@pytest.mark.parametrize(
    ("mode", "column", "word"),
    [
        ("zoo_string", "c_dec_9_2", "nvarchar"),
        ("zoo_double", "c_money", "float"),
        ("zoo_connect", "c_datetime2_7", "datetime2(3)"),
        ("zoo_connect", "c_time_7", "time(3)"),
        ("zoo_connect", "c_date", "date"),
    ],
)
def test_other_modes_of_the_connector_give_what_is_on_the_wire(mode, column, word):
    assert {c.name: c.type for c in value_columns(schema_of(mode))}[column] == word


def test_a_flat_schema_gives_the_row_without_what_the_unwrapping_added():
    wrapped = value_columns(schema_of("product_schema"))
    assert value_columns(schema_of("product_unwrapped")) == wrapped
    assert len(wrapped) == 15


def test_a_default_is_told_with_the_column():
    schema = {"fields": [{"field": "after", "fields": [
        {"field": "Qty", "type": "int32", "optional": True, "default": 7},
        {"field": "Note", "type": "string", "optional": True, "default": "a\"'"},
    ]}, {"field": "op"}, {"field": "source"}]}  # fmt: skip
    assert [c.default for c in value_columns(schema)] == ["7", '"a\\"\'"']


def test_the_key_is_read_from_its_own_schema_in_its_order():
    schema = json.loads(first_of("product_schema")["key"])["schema"]
    assert key_columns(schema) == (Column("ID", "int", nullable=False),)
    assert key_columns({"type": "int32"}) == ()


@pytest.mark.parametrize(
    "schema", [{}, None, {"fields": None}, {"fields": [1, "x"]}, {"fields": {}}]
)
def test_what_describes_no_row_has_no_columns(schema):
    assert value_columns(schema) == ()


def test_a_propagated_type_brings_a_decimal_back_that_the_mode_made_a_text():
    said = {"type": "NUMERIC() IDENTITY", "length": "12", "scale": "3"}
    field = {
        "type": "string",
        "parameters": {f"__debezium.source.column.{k}": v for k, v in said.items()},
    }
    assert inline_type(field) == "numeric(12,3)"
    assert inline_type({**field, "type": "bytes", "parameters": {}}) == "varbinary"
    postgres = {"__debezium.source.column.type": "timestamp"}
    assert inline_type({"type": "int64", "parameters": postgres}) == "bigint"


def test_a_decimal_without_its_precision_has_room_for_every_number():
    name = "org.apache.kafka.connect.data.Decimal"
    assert (
        inline_type({"type": "bytes", "name": name, "parameters": {"scale": "4"}})
        == "decimal(42,4)"
    )


def test_a_decimal_of_any_scale_is_a_number():
    name = "io.debezium.data.VariableScaleDecimal"
    assert inline_type({"type": "struct", "name": name}) == "number"


def change(columns, *, kind="CREATE", identity='"ConcordDb"."dbo"."Or""der.s"', key=("ID",)):
    table = {"primaryKeyColumnNames": list(key), "columns": columns}
    return {"type": kind, "id": identity, "table": table}


def listed(position, name, type_name, **others):
    return {"name": name, "typeName": type_name, "jdbcType": 12, "position": position,
            "length": None, "scale": None, "optional": True, "generated": False,
            **others}  # fmt: skip


def test_the_schema_change_topic_gives_the_sources_own_types():
    columns = [
        listed(2, "Price", "decimal", length=19, scale=4),
        listed(1, "ID", "int identity", optional=False, length=10, scale=0),
        listed(3, "At", "datetime2", length=27, scale=7),
        listed(4, "Off", "datetimeoffset", length=30, scale=3),
        listed(5, "Big", "float", length=15),
        listed(6, "Text", "nvarchar", length=2147483647, defaultValueExpression="(N'abc')"),
        listed(7, "Phone", "PhoneNumber", jdbcType=12),
        listed(8, "Volume", "numeric", length=9, scale=2, generated=True),
        listed(9, "Any", "sql_variant"),
        listed(10, "No", "numeric() identity", length=12, scale=0),
    ]
    [table] = changed_tables({"tableChanges": [change(columns)]})
    assert table.name == ("ConcordDb", "dbo", 'Or"der.s')
    assert table.key == ("ID",)
    assert table.columns == (
        Column("ID", "int", nullable=False),
        Column("Price", "decimal(19,4)"),
        Column("At", "datetime2(7)"),
        Column("Off", "datetimeoffset(3)"),
        Column("Big", "float"),
        Column("Text", "nvarchar", default="(N'abc')"),
        Column("Phone", "nvarchar"),
        Column("Volume", "numeric(9,2)", computed=True),
        Column("Any", "sql_variant"),
        Column("No", "numeric(12,0)"),
    )


def test_a_wrapped_schema_change_is_the_same_and_a_drop_is_one():
    plain = {"tableChanges": [change([listed(1, "ID", "int")])]}
    assert changed_tables({"schema": {}, "payload": plain}) == changed_tables(plain)
    [dropped] = changed_tables(
        {"tableChanges": [{"type": "DROP", "id": '"a"."b"."c"', "table": None}]}
    )
    assert dropped.dropped
    assert changed_tables({"op": "c"}) == changed_tables({"tableChanges": None}) == []


@pytest.mark.parametrize("text", ["int", "INT identity", " int "])
def test_what_follows_a_types_name_is_left_out(text):
    assert sql_type(text) == "int"
