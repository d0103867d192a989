"""What `tables add` and `sync` write: names, a model's literals, the configuration's text."""

import ast
import tomllib
from dataclasses import replace

import jinja2
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bictl import settings as configured
from bictl.columns import Column
from bictl.errors import ConfigError
from bictl.model_file import Shown, literal, read_model
from bictl.settings import Table
from bictl.tables import place
from bictl.tables.add import design_table
from bictl.tables.declared import read_columns
from bictl.tables.names import MOST_BYTES, RESERVED, column_names, snake, table_name
from bictl.tables.render import config_section, model_sql, schema_yml
from bictl.verify.evolution import difference, fits

ANY_NAME = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=80)


@pytest.mark.parametrize(
    ("source", "ours"),
    [
        ("CategoryID", "category_id"), ("HTTPServerURL2", "http_server_url2"),
        ("Order Date", "order_date"), ("c_dec_9_2", "c_dec_9_2"), ("Назва", "назва"),
        ("2nd", "_2nd"),
        ("*", ""), ("a--b", "a_b"), ("__x", "x"), ("IsActive", "is_active"),
    ],
)  # fmt: skip
def test_a_name_becomes_words_in_small_letters(source, ours):
    assert snake(source) == ours


def names_of(*sources, key=(), **options):
    return column_names([Column(s, "int") for s in sources], table="t", key=key, **options)


def test_the_key_id_carries_the_tables_name_and_comes_first():
    assert names_of("TID", "ID", key=["ID"]) == {"ID": "t_id", "TID": "tid"}
    assert names_of("T_ID", "ID", key=["ID"]) == {"ID": "t_id", "T_ID": "t_id_2"}


def test_reserved_words_collisions_and_long_names_stay_apart():
    assert names_of("Order", "order", "Is Snapshot") == {
        "Order": "order_", "order": "order_2", "Is Snapshot": "is_snapshot_"
    }  # fmt: skip
    long = names_of("x" * 70, "x" * 71, "ї" * 40)
    assert len(set(long.values())) == 3
    assert all(len(name.encode()) <= MOST_BYTES for name in long.values())


def test_known_names_stay_whoever_gave_them():
    assert names_of("A", "B", known={"A": "b"}) == {"A": "b", "B": "b_2"}


@given(st.lists(ANY_NAME, min_size=1, max_size=12, unique=True))
def test_any_names_become_different_inert_ones(sources):
    ours = names_of(*sources, key=sources[:1])
    assert ours.keys() == set(sources)
    assert len(set(ours.values())) == len(sources)
    for name in ours.values():
        assert name.replace("_", "").isalnum() or set(name) == {"_"} or name.isidentifier()
        assert name not in RESERVED
        assert len(name.encode()) <= MOST_BYTES


@given(st.lists(ANY_NAME, min_size=1, max_size=6, unique=True))
def test_any_source_name_goes_through_jinja_yaml_and_toml_and_comes_back(sources):
    columns = [Column(name, "int", nullable=False) for name in sources]
    design = design_table(Table(name="t", topic="a.b.T"), columns, key=sources[:2])
    seen = {}
    environment = jinja2.Environment(autoescape=False)
    bictl = type("bictl", (), {"cdc_table": staticmethod(lambda **call: seen.update(call) or "")})
    environment.from_string(model_sql(design)).render(bictl=bictl, source=lambda *names: names)
    assert [source for source, _, _ in seen["columns"]] == sources
    assert seen["key"] == sources[:2]
    model = read_model(model_sql(design))
    assert [column.source for column in model.columns] == sources
    described = yaml.safe_load(schema_yml(design))
    listed = [column["name"] for column in described["models"][0]["columns"]]
    assert listed == [*(design.names[name] for name in sources), "cdc_operation",
                      "source_timestamp", "is_snapshot", "ingested_at"]  # fmt: skip
    assert tomllib.loads(config_section(design))["tables"]["t"]["key"] == sources[:2]


@given(ANY_NAME)
def test_a_literal_holds_nothing_that_jinja_or_sql_would_obey(name):
    text = literal(name)
    assert ast.literal_eval(text) == name
    assert not set(text[1:-1]) & set("'\"{}%#\n\r")


@pytest.mark.parametrize("topic", ["cord.ConcordDb.dbo.123", "x.___", "x."])
def test_a_topic_that_ends_in_no_name_wants_one(topic):
    with pytest.raises(ConfigError) as caught:
        table_name(topic)
    assert caught.value.hint == "give one with --name"


MODEL = """\
{# cdc_table( in a comment #}
-- a person's own words: cdc_table(
{{ bictl.cdc_table(
    bronze=source('bronze', 'x_cdc'), key=['ID'], left_out=['Secret'],
    columns=[
        ('ID', 'int', 'x_id'),  ('Name', "nvarchar", 'title'),
        ('Gone',
         'int', 'gone'),
        ('Weight', 'decimal(9,2)', 'weight')
    ]
) }}
"""


def test_an_edit_changes_its_columns_and_nothing_else():
    model = read_model(MODEL)
    assert (model.key, model.left_out) == (("ID",), {"Secret"})
    text = model.changed(
        retyped={"Weight": "decimal(18,4)"}, dropped=["Gone"], added=[Shown("New", "bit", "new")]
    )
    assert text == MODEL.replace("        ('Gone',\n         'int', 'gone'),\n", "").replace(
        "'decimal(9,2)', 'weight')", "'decimal(18,4)', 'weight'),\n        ('New', 'bit', 'new'),"
    )
    without = model.changed(retyped={}, dropped=["Name"], added=[])
    assert "('ID', 'int', 'x_id'),  \n" in without
    assert [c.source for c in read_model(without).columns] == ["ID", "Gone", "Weight"]


@pytest.mark.parametrize(
    "text",
    ["select 1", "{{ cdc_table(columns=many, key=['ID']) }}", "{{ cdc_table(", "{{ cdc_table() }}"],
)
def test_what_is_not_made_of_literals_is_no_model(text):
    assert read_model(text) is None


def test_the_difference_leaves_out_what_a_person_left_out():
    model = read_model(MODEL)
    now = [Column("ID", "bigint"), Column("Name", "nvarchar"), Column("Secret", "int"),
           Column("Weight", "decimal(9,3)"), Column("New", "bit")]  # fmt: skip
    found = difference(model, now)
    assert [column.name for column in found.added] == ["New"]
    assert found.dropped == ("Gone",)
    assert [column.name for column in found.retyped] == ["ID", "Weight"]


@pytest.mark.parametrize(
    ("wire", "here"),
    [
        ("decimal(19,4)", "money"), ("decimal(9,2)", "decimal(18,4)"), ("smallint", "tinyint"),
        ("int", "bigint"), ("datetime2(7)", "datetime"), ("datetime2(3)", "datetime2(7)"),
        ("time(3)", "time(7)"), ("nvarchar", "xml"), ("nvarchar", "decimal(9,2)"),
        ("float", "money"), ("varbinary", "rowversion"), ("nvarchar", "varbinary"), ("", "int"),
        ("float", "float"), ("real", "float(24)"), ("date", "date"),
    ],
)  # fmt: skip
def test_a_type_that_holds_what_is_on_the_wire_is_no_change(wire, here):
    assert fits(wire, here)


@pytest.mark.parametrize(
    ("wire", "here"),
    [
        ("bigint", "int"), ("decimal(18,4)", "decimal(9,2)"), ("decimal(20,0)", "decimal(20,4)"),
        ("nvarchar", "int"), ("int", "nvarchar"), ("datetime2(7)", "date"), ("bit", "int"),
        ("decimal(9,2)", "int"), ("float", "real"), ("decimal(9,2)", "nvarchar"),
    ],
)  # fmt: skip
def test_a_type_that_would_lose_values_is_a_change(wire, here):
    assert not fits(wire, here)


SCRIPT = """\
/* create table old (x int) */ -- create table no (x int)
CREATE TABLE [dbo].[Order]] Lines](
    [Order ID] [int] IDENTITY(1,1) NOT NULL,
    "Line" smallint not null default (0),
    [Price] [decimal](19, 4) NULL CONSTRAINT [DF] DEFAULT ((-1.5)),
    Rate float(24), Big float, At datetime2, On_ time(3), Note nvarchar(max) DEFAULT N'it''s, ok',
    Total AS (Price * 2) PERSISTED, Place sys.hierarchyid,
    CONSTRAINT PK PRIMARY KEY CLUSTERED ([Order ID] ASC, [Line] DESC) WITH (PAD_INDEX = OFF)
) ON [PRIMARY];
create table dbo.Other (ID int primary key)
"""


def test_a_create_table_statement_tells_the_columns(tmp_path):
    path = tmp_path / "t.sql"
    path.write_text(SCRIPT)
    found = read_columns(path, wanted=("ConcordDb", "dbo", "Order] Lines"))
    assert found.key == ("Order ID", "Line")
    assert found.columns == (
        Column("Order ID", "int", nullable=False),
        Column("Line", "smallint", nullable=False, default="(0)"),
        Column("Price", "decimal(19,4)", default="((-1.5))"),
        Column("Rate", "real"),
        Column("Big", "float"),
        Column("At", "datetime2(7)"),
        Column("On_", "time(3)"),
        Column("Note", "nvarchar", default="N'it''s, ok'"),
        Column("Total", "nvarchar", computed=True),
        Column("Place", "hierarchyid"),
    )
    assert read_columns(path, wanted=("Other",)).key == ("ID",)
    for text in ("", "{}", "[1]", "select 1", "create table x ("):
        path.write_text(text)
        with pytest.raises(ConfigError, match="describes no table"):
            read_columns(path, wanted=("x",))
    path.write_text("create table x (Phone dbo.PhoneNumber)")
    with pytest.raises(ConfigError, match="none of SQL Server's own"):
        read_columns(path, wanted=("x",))


SECTION = '[tables.new]\ntopic = "a.b.New"\n'


@pytest.mark.parametrize(
    "text",
    [
        "", "# only words",
        '[tables.product]\nkey = ["ID"] # mine\n\n[profiles.x.kafka]\ngroup = "g"',
        "[dbt]   # ours\n# project_dir = \"\"\nthreads = 3\n", "[ dbt ]\n\n[tables.product]",
    ],
)  # fmt: skip
def test_a_section_is_added_and_every_line_of_before_stays(tmp_path, text):
    path = tmp_path / "bictl.toml"
    path.write_text(text)
    before = configured.load(config=str(path), environment={})
    done = place.config_change(before, SECTION, name="new", project=tmp_path / "dbt")
    assert path.read_text() == text
    assert set(text.splitlines()) <= set(done.after.splitlines())
    done.write()
    after = configured.load(config=str(path), environment={})
    assert after.tables.keys() == before.tables.keys() | {"new"}
    assert after.dbt == replace(before.dbt, project_dir=str(tmp_path / "dbt"))


@pytest.mark.parametrize(
    "text", ['tables = {product = {topic = "p"}}', 'dbt.threads = 3\n', '[tables.new]\ntopic="x"']
)  # fmt: skip
def test_a_file_that_cannot_be_added_to_is_left_and_the_lines_are_said(tmp_path, text):
    path = tmp_path / "bictl.toml"
    path.write_text(text)
    found = configured.load(config=str(path), environment={})
    with pytest.raises(ConfigError) as caught:
        place.config_change(found, SECTION, name="new", project=tmp_path / "dbt")
    assert SECTION in caught.value.hint
    assert path.read_text() == text


def test_a_project_is_made_with_the_shipped_models_of_its_tables(tmp_path):
    tables = [Table(name="category", topic="c"), Table(name="own", topic="o")]
    changes = place.project_changes(tmp_path, tables)
    made = {str(one.path.relative_to(tmp_path)): one for one in changes}
    assert list(made) == [
        "dbt_project.yml", "models/staging/category/schema.yml",
        "models/staging/category/stg_category.sql", "models/sources.yml",
    ]  # fmt: skip
    for one in made.values():
        one.write()
    assert place.project_changes(tmp_path, tables) == []
    assert place.knows_source(tmp_path, "bronze.category_cdc")
    assert not place.knows_source(tmp_path, "bronze.own_cdc")


def test_a_project_that_does_not_know_the_macros_is_refused(tmp_path):
    for text in ("name: shop\n", "name: bictl\n"):
        (tmp_path / "dbt_project.yml").write_text(text)
        with pytest.raises(ConfigError, match="does not know bictl's macros"):
            place.project_changes(tmp_path, [])
    (tmp_path / "dbt_packages" / "bictl").mkdir(parents=True)
    assert place.project_changes(tmp_path, []) == []
    with pytest.raises(ConfigError, match="is there and is no dbt project"):
        place.project_changes(tmp_path / "dbt_packages", [])


def test_a_change_keeps_the_files_rights_and_its_link(tmp_path):
    real, link = tmp_path / "real.toml", tmp_path / "bictl.toml"
    real.write_text("old\n")
    real.chmod(0o640)
    link.symlink_to(real)
    change = place.change(link, "new\n")
    assert change.diff() == f"--- {link}\n+++ {link}\n@@ -1 +1 @@\n-old\n+new\n"
    change.write()
    assert (link.is_symlink(), real.read_text()) == (True, "new\n")
    assert real.stat().st_mode & 0o777 == 0o640
    assert sorted(one.name for one in tmp_path.iterdir()) == ["bictl.toml", "real.toml"]
