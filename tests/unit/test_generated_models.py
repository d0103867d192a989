"""What the generator writes: the shipped models of Category and Manufacturer are its output, and
nothing that a source calls its columns is ever obeyed."""

import json
from pathlib import Path

import pytest

from bictl import assets
from bictl.settings import Table
from bictl.tables.add import design_table
from bictl.tables.declared import read_columns
from bictl.tables.render import model_sql, schema_yml

INFRA = Path(__file__).parents[2] / "infra"


def shipped_design(name):
    """From the table's own definition and the connector that writes its topic."""
    connector = INFRA / "kafka-connect" / "connectors" / f"sqlserver-{name}.json"
    prefix = json.loads(connector.read_text())["config"]["topic.prefix"]
    source = ("ConcordDb", "dbo", name.capitalize())
    table = read_columns(INFRA / "sqlserver" / "init.sql", wanted=source)
    topic = ".".join((prefix, *source))
    return design_table(Table(name=name, topic=topic), table.columns, key=table.key)


@pytest.mark.parametrize("name", ["category", "manufacturer"])
def test_the_shipped_models_are_what_the_generator_writes(name):
    design, folder = shipped_design(name), assets.path("dbt", "models", "staging", name)
    assert (folder / f"stg_{name}.sql").read_text() == model_sql(design)
    assert (folder / "schema.yml").read_text() == schema_yml(design)
