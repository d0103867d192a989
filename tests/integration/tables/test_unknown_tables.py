"""Tables that nobody has seen go the whole way without a line of Python, and come out exact."""

import gzip
import json
import stat
from pathlib import Path

import pytest
from psycopg2 import sql
from random_table import RandomTable
from three_tables import fill
from truth import NOT_IN_EVENTS, as_shown, expected, is_text_of_postgres, normal

from bictl.model_file import read_model

TIME = 1_715_680_000_000
FIXTURES = Path(__file__).parents[2] / "fixtures" / "sqlserver"


def write(produce, topic, records):
    produce(topic, [(key, value, [], TIME, 0) for key, value in records])


def shown(clients, project, table, keys):
    """The staging rows as text by their key, under the source's names."""
    model = read_model((project / f"models/staging/{table}/stg_{table}.sql").read_text())
    columns = sql.SQL(", ").join(
        sql.SQL("{}::text").format(sql.Identifier(column.name)) for column in model.columns
    )
    view = sql.Identifier("staging_staging", f"stg_{table}")
    rows = clients.database.rows(sql.SQL("select {} from {}").format(columns, view))
    named = [dict(zip((c.source for c in model.columns), row, strict=True)) for row in rows]
    return {tuple(row[key] for key in keys): row for row in named}


def differing(table, found):
    declared = {name: kind for name, kind, _ in table.columns}
    assert found.keys() == table.live.keys()
    return [
        (key, name, declared[name], true, found[key][name])
        for key, row in table.live.items()
        for name, true in row.items()
        if expected(declared[name], true) != normal(declared[name], found[key][name])
    ]


def zoo():
    with gzip.open(FIXTURES / "zoo_truth.json.gz", "rt", encoding="utf-8") as file:
        return json.load(file)


def zoo_table(truth):
    """The type zoo as SQL Server's tools script it."""
    columns = ",\n".join(f"\t[{name}] {declared}" for name, declared in truth["columns"].items())
    return (
        "-- scripted\nCREATE TABLE [dbo].[TypeZoo](\n\t[ID] [int] IDENTITY(1,1) NOT NULL,\n"
        f"{columns},\n CONSTRAINT [PK_Zoo] PRIMARY KEY CLUSTERED ([ID] ASC) ON [PRIMARY]\n)\nGO\n"
    )


def zoo_cells(truth, mode):
    """id → the true cells of the newest record that Postgres can hold."""
    live = {}
    for event in truth["events"][mode]:
        rows = [truth["rows"][event[side]] for side in ("before", "after") if event.get(side)]
        if not all(is_text_of_postgres(cell) for row in rows for cell in row.values()):
            continue
        live.pop(event["id"], None)
        if event.get("after"):
            lossy = truth["lossy"][mode].get(str(event["offset"]), {}).get("after", {})
            row = truth["rows"][event["after"]]
            live[event["id"]] = as_shown(row, lossy)
    return live


@pytest.mark.parametrize(
    "first_seed", [0, *(pytest.param(seed, marks=pytest.mark.sweep) for seed in (10, 20, 30))]
)
def test_unknown_tables_of_every_shape_come_out_exact(
    first_seed, settings, clients, produce, cli, fixture_records, tmp_path
):
    """Three at random, wrapped, plain and unwrapped, and the zoo of all types with its decimals as
    texts, whose types a create table statement tells; beside them the shipped product."""
    database, project = settings.postgres.dbname, tmp_path / "dbt"
    shapes = {"wrapped": "wrapped", "plain": "plain", "category": "unwrapped"}
    tables = {
        name: RandomTable(seed, name.capitalize()) for seed, name in enumerate(shapes, first_seed)
    }  # category also has a shipped model, of another shape
    for name, table in tables.items():
        write(produce, f"{database}.dbo.{table.name}", getattr(table, shapes[name])())
    write(produce, f"{database}.schemas", [(b"{}", tables["plain"].schema_change())])
    produce(f"{database}.dbo.TypeZoo", [(*r, 0) for r in fixture_records("zoo_string")])
    fill(produce, settings, ["product"], 1)
    (tmp_path / "zoo.sql").write_text(zoo_table(zoo()))
    before = settings.path.read_text()

    more = {
        "plain": ["--from-schema-topic", f"{database}.schemas"],
        "type_zoo": ["--columns", str(tmp_path / "zoo.sql"), "--embed", "c_nvarchar_max"],
    }
    for name in (*tables, "type_zoo"):
        topic = f"{database}.dbo.{tables[name].name if name in tables else 'TypeZoo'}"
        done = cli("tables", "add", "--topic", topic, *more.get(name, []))
        assert done.exit_code == 0, done.stderr
        assert f"added table {name}: " in done.stderr
    assert "warning: left out, since no record carries it: c_sql_variant" in done.stderr
    assert settings.path.read_text().startswith(before)
    assert stat.S_IMODE(settings.path.stat().st_mode) == 0o600

    run = cli("run", timeout=280)
    assert run.exit_code == 3, run.stderr  # the zoo has texts that Postgres cannot hold
    for name, table in tables.items():
        assert differing(table, shown(clients, project, name, table.key)) == []
    found, truth = shown(clients, project, "type_zoo", ["ID"]), zoo_cells(zoo(), "string")
    assert {int(key) for (key,) in found} == truth.keys()
    wrong = [
        (id, name, declared, row[name], found[(str(id),)][name])
        for id, row in truth.items()
        for name, text in zoo()["columns"].items()
        for declared in [text.replace(" NOT NULL", " NULL")]
        if name not in NOT_IN_EVENTS
        and normal(declared, found[(str(id),)][name]) != expected(declared, row[name])
    ]
    assert wrong == []

    verified = json.loads(cli("verify", "--json", timeout=280).stdout)["tables"]
    for report in verified:
        states = {check["id"]: check["state"] for check in report["checks"]}
        found = {id: states[id] for id in ("T2", "T3", "T4", "T5", "T6", "T7")}
        lost = "fail" if report["table"] == "type_zoo" else "ok"  # it has a year 0000
        assert found == dict.fromkeys(found, "ok") | {"T5": lost}, report["table"]
