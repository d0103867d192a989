"""The source's columns change while the pipeline runs: nothing stops, and the model follows."""

import json
import tomllib
from pathlib import Path

from bictl import settings as configured
from bictl.tables.listing import list_tables
from bictl.tables.sync import sync

NO_VECTORS = {"BICTL_TABLES_PRODUCT_EMBED": ""}  # a matter of other tests
STRANGE = "Colour {{ x }}'"


def evolved(record, offset):
    """The record as a later version of the table writes it: a column came, one went, one has
    another type, one another name."""
    key, value, headers, timestamp = record
    event = json.loads(value)
    for part in event["schema"]["fields"][:2]:
        fields = {field["field"]: field for field in part["fields"]}
        del fields["Volume"]
        fields["CategoryID"]["type"] = "int64"
        fields["Weight"]["field"] = "Mass"
        added = {"type": "string", "optional": True, "field": STRANGE}
        part["fields"] = [*fields.values(), added]
    row = event["payload"]["after"]
    del row["Volume"]
    row["Mass"] = row.pop("Weight")
    row["CategoryID"] = 2**40 + offset
    row[STRANGE] = f"red {offset}"
    event["payload"]["op"] = "u"
    return key, json.dumps(event, separators=(",", ":")).encode(), headers, timestamp + 1


def columns_check(cli):
    done = cli("verify", "--select", "T7", "--json")
    [check] = [one for one in json.loads(done.stdout)["checks"] if one["id"] == "T7"]
    return check


def test_a_model_follows_its_source_and_nothing_stops(
    settings, clients, produce, cli, fixture_records, tmp_path
):
    environment = {"BICTL_STATE_DIR": str(settings.state_dir)}
    topic = settings.table("product").topic
    first = fixture_records("product_schema")[:6]
    produce(topic, [(*record, 0) for record in first])
    assert cli("run", env=NO_VECTORS, timeout=280).exit_code == 0

    later = [evolved(record, offset) for offset, record in enumerate(first[:2])]
    produce(topic, [(*record, 0) for record in later])
    run = cli("run", env=NO_VECTORS, timeout=280)
    assert run.exit_code == 0, run.stderr
    check = columns_check(cli)
    assert check["state"] == "warn"
    assert check["message"] == (
        f"new at the source: Mass decimal(18,4); new at the source: {STRANGE} nvarchar;"
        " gone from the source: Weight; gone from the source: Volume;"
        " CategoryID bigint at the source, int here"
    )
    assert check["hint"].startswith("bictl tables sync --table product")

    before = settings.path.read_text()
    dry = cli("tables", "sync", "--dry-run")
    assert (dry.exit_code, settings.path.read_text()) == (0, before), dry.stderr
    assert "+        ('Mass', 'decimal(18,4)', 'mass')," in dry.stdout
    done = cli("tables", "sync")
    assert done.exit_code == 0, done.stderr
    assert "warning: Mass may be Weight under a new name" in done.stderr
    assert "changed product: added Mass, added Colour" in done.stderr
    project = Path(tomllib.loads(settings.path.read_text())["dbt"]["project_dir"])
    assert project == tmp_path / "dbt"  # the shipped model is bictl's own: a copy is the user's

    transform = cli("transform", timeout=280)
    assert transform.exit_code == 0, transform.stderr
    assert columns_check(cli)["state"] == "ok"
    rows = clients.database.rows(
        "select product_id, mass is not null, category_id, colour_x, name"
        " from staging_staging.stg_product order by product_id"
    )
    true = [json.loads(value)["payload"]["after"] for _, value, _, _ in first]
    assert rows == [
        (
            row["ID"],
            at < 2 and row["Weight"] is not None,
            2**40 + at if at < 2 else row["CategoryID"],
            f"red {at}" if at < 2 else None,
            row["Name"],
        )
        for at, row in enumerate(true)
    ]

    now = configured.load(config=str(settings.path), environment=environment)
    model = project / "models" / "staging" / "product" / "stg_product.sql"
    by_hand = model.read_text().replace("'mass')", "'weight')").replace("is now:", "is now!")
    model.write_text(by_hand.replace("('Price'", "('Cost'"))
    again = sync(clients.reader, now, tables=[now.table("product")])
    assert [(one["change"], one["source"], one["column"]) for one in again.rows] == [
        ("added", "Price", "price"),
        ("dropped", "Cost", "price"),
    ]
    assert "('Mass', 'decimal(18,4)', 'weight')" in model.read_text()
    done = sync(clients.reader, now, tables=[now.table("product")])
    assert done.summary == "nothing to do: product as the source is"

    [listed] = list_tables(clients.database, now).rows
    assert [listed[part] for part in ("model", "bronze", "staging")] == [
        "stg_product",
        "there",
        "there",
    ]
