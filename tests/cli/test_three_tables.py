"""Several tables in one run, verify and status: a failing one does not stop the others."""

import json
from contextlib import closing

import pytest
from three_tables import COUNT, NAMES, configure, fill

from bictl.bronze import migrate
from bictl.ops.locks import stage_lock

STAGES = ("ingest", "load-bronze", "transform", "embed")
FAILING = "category"
HEALTHY = ("product", "maker")


@pytest.fixture
def three(settings, tmp_path):
    return configure(settings, tmp_path)


@pytest.fixture
def produced(three, produce):
    fill(produce, three.settings, NAMES)


def steps(done):
    return {(row["table"], row["stage"]): row["state"] for row in json.loads(done.stdout)["rows"]}


def no_topic(three, produce, clients, cli):
    fill(produce, three.settings, HEALTHY)


def damaged_object(three, produce, clients, cli):
    fill(produce, three.settings, NAMES)
    assert cli("ingest").exit_code == 0
    [info] = clients.objects.list(f"{FAILING}/raw/generation=")
    _, metadata = clients.objects.get(info.key)
    clients.objects.delete(info.key)
    assert clients.objects.put_new(info.key, b"not what was sealed", metadata=metadata)


def foreign_table(three, produce, clients, cli):
    fill(produce, three.settings, NAMES)
    clients.database.script("create schema bronze; create table bronze.category_cdc (x int)")


def broken_model(three, produce, clients, cli):
    fill(produce, three.settings, NAMES)
    three.model(FAILING).write_text(
        "select no_such_column from {{ source('bronze', 'category_cdc') }}"
    )


def no_model(three, produce, clients, cli):
    fill(produce, three.settings, NAMES)
    three.model(FAILING).unlink()


def other_vectors(three, produce, clients, cli):
    fill(produce, three.settings, NAMES)
    migrate(clients.database, ())
    clients.database.execute(
        "create table analytics_features.category_embeddings"
        " (product_id integer primary key, embedding public.vector(3) not null)"
    )


@pytest.mark.parametrize(
    ("break_it", "stage", "code", "said"),
    [
        (no_topic, "ingest", 2, "unknown topic"),
        (damaged_object, "load-bronze", 1, "1 object not loaded"),
        pytest.param(
            foreign_table, "load-bronze", 2, "was not made by bictl", marks=pytest.mark.sweep
        ),
        (broken_model, "transform", 1, "dbt model stg_category"),
        pytest.param(
            no_model, "transform", 2, "unknown dbt model 'stg_category'", marks=pytest.mark.sweep
        ),
        (other_vectors, "embed", 1, "vectors of 3 numbers"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_table_that_fails_in_any_stage_stops_no_other(
    three, produce, clients, cli, break_it, stage, code, said
):
    break_it(three, produce, clients, cli)
    done = cli("-q", "run", "-o", "json")
    ended = steps(done)
    for table in HEALTHY:
        assert [ended[table, name] for name in STAGES] == ["ok"] * 4, done.stderr
    reached = STAGES[: STAGES.index(stage)]
    assert [ended.get((FAILING, name)) for name in STAGES] == [
        *["ok"] * len(reached),
        "fail",
        *[None] * (len(STAGES) - len(reached) - 1),
    ]
    assert done.exit_code == code
    error, hint = done.stderr.splitlines()
    assert error.startswith(f"error: {stage} {FAILING}: ")
    assert said in error
    assert hint.startswith("hint: ")
    for table in HEALTHY:
        count = f"select count(*) from analytics_features.{table}_embeddings"
        assert clients.database.value(count) == COUNT


def test_a_table_that_another_run_transforms_stops_no_other(three, produced, clients, cli):
    assert cli("migrate").exit_code == 0
    with (
        closing(clients.new_database()) as other,
        stage_lock(other, "transform", FAILING, wait=0, command="transform category"),
    ):
        done = cli("-q", "run", "-o", "json")
    ended = steps(done)
    assert done.exit_code == 5, done.stderr
    assert {table: ended[table, "transform"] for table in NAMES} == {
        "product": "ok",
        "category": "fail",
        "maker": "ok",
    }
    assert (FAILING, "embed") not in ended
    assert all(ended[table, "embed"] == "ok" for table in HEALTHY)
    error, _ = done.stderr.splitlines()
    assert "another run holds the lock of transform of table category" in error


def test_every_table_is_judged_and_the_worst_stands_first(three, produce, cli):
    fill(produce, three.settings, HEALTHY)
    assert cli("-q", "run").exit_code == 2

    answer = cli("verify", "--json")
    assert answer.exit_code == 1
    judged = {item["table"]: item for item in json.loads(answer.stdout)["tables"]}
    assert {name: item["complete"] for name, item in judged.items()} == {
        "product": True,
        "category": False,
        "maker": True,
    }
    assert any("unknown topic" in check["message"] for check in judged["category"]["checks"])

    quiet = cli("-q", "verify")
    assert (quiet.exit_code, quiet.stdout) == (1, "")
    error, hint = quiet.stderr.splitlines()
    assert error.startswith("error: category: ")
    assert hint.startswith("hint: ")

    monitored = cli("verify", "-o", "nagios")
    assert monitored.exit_code == 2
    first = monitored.stdout.splitlines()[0]
    assert first.startswith("BICTL CRITICAL - category: ")
    assert first.index("category: ") < first.index("product: ") < first.index("maker: ")
