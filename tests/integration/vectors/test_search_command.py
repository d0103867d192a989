"""bictl embed and bictl search as a person and a script meet them."""

import json

import pytest
from shop import CREATE

from bictl.bronze import migrate

HOSTILE = "Pump \x1b[31mred\x1b[0m [bold]x[/bold] \u202eevil\ttab\nline"
ROWS = [
    (1, "Circulation pump", "NOR-51107/A", "Quiet, for hot water", "19.9000", True, 3),
    (2, "Hex bolt", "AB 12.34", "Zinc plated steel", "0.2000", False, 4),
    (3, HOSTILE, "EV-1", None, None, None, None),
]


@pytest.fixture
def shop_of_three(clients, settings, cli):
    migrate(clients.database, settings.tables.values())
    clients.database.script(CREATE)
    for row in ROWS:
        clients.database.execute(
            "insert into staging_staging.product_row values (%s, %s, %s, %s, %s, %s, %s, "
            "'2026-01-02 03:04:05')",
            row,
        )


@pytest.fixture
def embedded(shop_of_three, cli):
    return cli("embed", "--json")


def test_embed_says_what_it_embedded_and_then_that_there_is_nothing_to_do(embedded, cli):
    assert embedded.exit_code == 0
    document = json.loads(embedded.stdout)
    assert document["schema"] == "bictl.embed/1"
    (row,) = document["rows"]
    assert row.pop("model").startswith("sentence-transformers/all-MiniLM-L6-v2@")
    assert row == {
        "table": "product",
        "rows": 3,
        "texts": 3,
        "embedded": 3,
        "removed": 0,
        "remaining": 0,
        "index": "built",
        "empty": 0,
        "truncated": 0,
    }
    assert "embed product: embedded 3 texts for 3 rows, built the index" in embedded.stderr

    second = cli("embed", "-o", "tsv")

    assert second.stdout.startswith("product\t3\t0\t0\t0\t0\tkept\t0\t0\tsentence-transformers/")
    assert second.stderr.endswith("embed product: all 3 vectors are those of their texts\n")
    assert cli("-q", "embed").stderr == cli("-q", "embed").stdout == ""


def test_embed_refuses_an_engine_that_it_does_not_have(shop_of_three, cli):
    done = cli("embed", "--engine", "onx")
    assert done.exit_code == 2
    error, hint = done.stderr.splitlines()[-2:]
    assert "engine 'onx' is not one of 'onnx', 'sentence-transformers'" in error
    assert hint == "hint: did you mean 'onnx'?"


def test_search_as_a_table_as_lines_and_as_a_document(embedded, cli):
    table = cli("search", "nor51107a", "-n", "1", "-o", "table")
    assert (table.exit_code, table.stderr) == (0, "")
    assert "Circulation" in table.stdout
    assert "exact code" in " ".join(table.stdout.split())

    lines = cli("search", "nor51107a", "-n", "1")
    cells = lines.stdout.rstrip("\n").split("\t")
    assert cells[:5] == ["1", "1", "Circulation pump", "NOR-51107/A", "19.9000"]
    assert cells[5].startswith("exact code; meaning 0.")
    assert len(cells) == 22

    document = json.loads(cli("search", "nor51107a", "--json").stdout)
    assert {key: document[key] for key in ("schema", "table", "query", "mode", "exact")} == {
        "schema": "bictl.search/1",
        "table": "product",
        "query": "nor51107a",
        "mode": "hybrid",
        "exact": False,
    }
    first = document["hits"][0]
    assert (first["id"], first["rank"], first["found_by"]) == (1, 1, ["code", "meaning"])
    assert (first["price"], first["is_active"]) == ("19.9000", True)
    assert first["created_at"] == "2026-01-02T03:04:05Z"


def test_search_shows_a_hostile_name_and_obeys_nothing_in_it(embedded, cli):
    for form in ("table", "tsv"):
        shown = cli("search", "EV-1", "--mode", "keyword", "-o", form).stdout
        assert "\x1b" not in shown
        assert "\u202e" not in shown
        assert "[bold]" in shown
    assert json.loads(cli("search", "EV-1", "-o", "jsonl", "-n", "1").stdout)["name"] == HOSTILE


def test_conditions_hold_and_a_search_without_hits_is_no_failure(embedded, cli):
    assert cli("search", "pump", "--inactive", "--mode", "semantic").stdout.startswith("1\t2\t")
    assert cli("search", "pump", "--active").stdout.count("\n") == 1
    none = cli("search", "pump", "--where", "price > 1000")
    assert (none.exit_code, none.stdout) == (0, "")
    assert none.stderr == "no row of product meets the query and its conditions\n"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["pump", "--where", "prise < 3"], "error: unknown column 'prise' in "),
        (["pump", "--where", "price <"], "error: --where: expected a number for price"),
        ([" "], "error: the query is empty"),
        (["pump", "--mode", "vector"], "error: unknown mode 'vector'"),
        (["pump", "-n", "1001"], "error: "),
        (["pump", "--table", "produkt"], "error: unknown table 'produkt'"),
    ],
)
def test_a_search_that_cannot_be_asked_is_exit_code_2_with_a_hint(embedded, cli, arguments, error):
    done = cli("search", *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    said, hint = done.stderr.splitlines()
    assert said.startswith(error)
    assert hint.startswith("hint: ")


def test_a_search_before_embed_names_the_command(shop_of_three, cli):
    done = cli("search", "pump")
    assert done.exit_code == 1
    assert done.stderr.splitlines()[-1] == "hint: bictl embed --table product"
