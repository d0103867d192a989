"""The T-SQL for a DBA parses, names what is meant whatever characters it has, and does nothing
twice."""

import gzip
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tsql import batches, complaints, created_columns

from bictl.cdc.source import Place, Wish, script
from bictl.cdc.source.quote import bracketed, text
from bictl.cdc.source.sqlserver import key_query
from bictl.errors import ConfigError, UsageError
from bictl.settings import Table

ROOT = Path(__file__).parents[3]
PRODUCT = Place("ConcordDb", "dbo", "Product")
EVERYTHING = Wish(role="cdc_reader", login="debezium", minutes=10_080)
names = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=60)


QUERIES = sorted((ROOT / "sql" / "sqlserver").glob("*.sql"))


def is_query(path: Path) -> bool:
    return not path.name.startswith("enable_")


def filled(path: Path) -> str:
    """The query with a key of each kind in its place, where it has one."""
    if "key" not in path.name:
        return path.read_text(encoding="utf-8")
    types = {"ID": "int", "Código": "nvarchar", "Row": "uniqueidentifier"}
    return key_query(path.stem, PRODUCT, list(types), types, buckets="0, 4095")


@pytest.mark.parametrize(
    "path", [path for path in QUERIES if is_query(path)], ids=lambda path: path.name
)
def test_each_query_parses_reads_only_and_says_what_for(path):
    body = filled(path)
    assert complaints("declare @schema sysname, @table sysname;\n" + body) == []
    statements = re.sub(r"--.*", "", body)
    assert statements.strip().startswith("select")
    assert statements.count(";") == 1
    assert body.startswith("-- ")


def test_the_printed_script_parses_and_is_whole():
    found = script([PRODUCT, Place("ConcordDb", "dbo", "Category")], EVERYTHING)
    assert complaints(found) == []
    assert "{" not in found
    assert found.count("sys.sp_cdc_enable_db;") == 1
    assert found.count("exec sys.sp_cdc_enable_table") == 2
    assert found.count("@supports_net_changes = 0") == 4  # for each table, and in words
    assert "@role_name = N'cdc_reader'" in found
    assert "@retention = 10080" in found
    assert "grant select on [dbo].[Category] to [debezium];" in found


def test_without_a_login_nobody_is_given_anything():
    found = script([PRODUCT], Wish())
    assert "grant" not in found
    assert "@role_name = null" in found


def test_whatever_changes_something_stands_behind_a_question():
    """Run twice it changes nothing: each exec is in a block of an if; grants may be repeated."""
    for batch in batches(script([PRODUCT], EVERYTHING)):
        code = re.sub(r"--.*", "", batch)
        if "exec " in code or "create user" in code:
            assert code.strip().startswith("if ")


def test_each_database_is_enabled_once_and_before_its_tables():
    found = script([PRODUCT, Place("Other", "dbo", "A"), Place("Other", "x", "B")], Wish())
    assert found.count("sys.sp_cdc_enable_db;") == 2
    uses = re.findall(r"use \[(\w+)\]", found)
    assert list(dict.fromkeys(uses)) == ["ConcordDb", "Other"]


@given(names, names, names)
def test_a_name_stays_a_name(database, schema, table):
    found = script([Place(database, schema, table)], Wish(role=table, login=schema))
    expected = script([PRODUCT], Wish(role="r", login="l"))
    assert without_names(found) == without_names(expected)


def without_names(found: str) -> str:
    """The statements with NAME for each bracketed name and each text."""
    code = "\n".join(line for line in found.splitlines() if not line.startswith("--"))
    return re.sub(r"\[(?:[^\]]|\]\])*\]|N'(?:[^']|'')*'", "NAME", code)


@given(names)
def test_quoting_can_be_undone(name):
    assert bracketed(name)[1:-1].replace("]]", "]") == name
    assert text(name)[2:-1].replace("''", "'") == name


@pytest.mark.parametrize("name", ["", "x" * 129, "a\nb", "a\0b", "a\u2028b"])
def test_a_name_that_would_end_its_comment_is_refused(name):
    with pytest.raises(UsageError):
        script([Place("ConcordDb", "dbo", name)], Wish())


def test_the_place_is_told_by_the_topic_or_by_a_person():
    table = Table(name="product", topic="cord.x.ConcordDb.dbo.Product")
    assert Place.of(table) == PRODUCT
    assert Place.of(table, "Db.dbo.Order.Details") == Place("Db", "dbo", "Order.Details")
    short = Table(name="short", topic="dbo.Product")
    with pytest.raises(ConfigError) as caught:
        Place.of(short)
    assert "--source ConcordDb.dbo.Product" in (caught.value.hint or "")


# The compose file's own database -----------------------------------------------------------------

INIT = (ROOT / "infra" / "sqlserver" / "init.sql").read_text(encoding="utf-8")
WIRE = {  # a declared type → its field in Debezium's schema
    "int": ("int32", None),
    "bit": ("boolean", None),
    "money": ("bytes", ("19", "4")),
    "datetime": ("int64", "io.debezium.time.Timestamp"),
    "datetime2(7)": ("int64", "io.debezium.time.NanoTimestamp"),
}


def test_the_compose_files_database_parses():
    assert complaints(INIT) == []
    for database in ("ConcordDb", "master", "msdb"):
        assert f"use {database};" in INIT


def test_its_product_is_the_product_of_the_events():
    path = ROOT / "tests" / "fixtures" / "sqlserver" / "product_schema.jsonl.gz"
    line = json.loads(gzip.decompress(path.read_bytes()).split(b"\n")[0])
    fields = json.loads(line["value"])["schema"]["fields"][1]["fields"]
    created = created_columns(INIT, "dbo.Product")
    assert list(created) == [field["field"] for field in fields]
    for field in fields:
        declared = created[field["field"]]
        assert ("not null" in declared) is not field["optional"], field["field"]
        kind = re.match(r"\w+(\([^)]*\))?", declared)[0]
        assert as_field(kind) == seen(field), field["field"]
        assert field.get("default") == (True if declared.endswith("default 1") else None)


def as_field(kind: str) -> tuple:
    if kind.startswith("nvarchar"):
        return "string", None
    if kind.startswith("decimal"):
        return "bytes", tuple(re.findall(r"\d+", kind))
    return WIRE[kind]


def seen(field: dict) -> tuple:
    parameters = field.get("parameters", {})
    if "scale" in parameters:
        return field["type"], (parameters["connect.decimal.precision"], parameters["scale"])
    return field["type"], field.get("name")
