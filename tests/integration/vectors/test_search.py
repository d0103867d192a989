"""search finds by code, by words, by meaning and under conditions, and survives any input."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bictl.errors import NotFound, StageFailed, TimedOut, UsageError
from bictl.search import parse

PRODUCTS = [
    (1, "Circulation pump", "NOR-51107/A", "Quiet pump for hot water heating", 19.9, True, 3),
    (2, "Submersible pump", "NOR-51108", "Empties flooded cellars", 99, True, 3),
    (3, "Hex bolt", "AB 12.34", "Zinc plated steel, metric thread", 0.2, True, 4),
    (4, "Насос циркуляційний", "УК-77", "Для опалення, нержавіюча сталь", 50, True, 3),
    (5, "Edelstahl-Umwälzpumpe", "DE-1", "Besonders leise, für Heizungen", 70, False, 3),
    (6, "Angle grinder", None, "Cuts metal and stone", None, None, 5),
    (7, "Garden hose", "51107", "For lawns", 15, True, 6),
    (8, "Pump oil", "OIL-5", "For compressors: 50% off, it's [red]new[/red]", 5, False, 7),
]  # fmt: skip


@pytest.fixture
def full(shop):
    """A shop with products and their vectors."""
    for number, name, code, description, price, active, category in PRODUCTS:
        shop.put(
            number,
            name,
            vendor_code=code,
            description=description,
            price=price,
            is_active=active,
            category_id=category,
        )
    shop.embed()
    return shop


@pytest.mark.parametrize(
    "query", ["NOR-51107/A", "nor51107a", "NOR 51107 A", "nor-51107a", "pump NOR-51107/A quiet"]
)
def test_an_exact_code_comes_first_however_it_is_punctuated(full, query):
    result = full.search(query)
    first = result.hits[0]
    assert first.id == 1
    assert first.sources[0] == "code"
    assert first.why.startswith("exact code")
    assert first.row["vendor_code"] == "NOR-51107/A"


@pytest.mark.parametrize(
    ("query", "expected"), [("ab1234", 3), ("AB 12.34", 3), ("51107", 7), ("ук77", 4), ("OIL-5", 8)]
)
def test_codes_of_all_shapes_are_found(full, query, expected):
    assert full.ids(query)[0] == expected
    assert full.ids(query, mode="keyword")[0] == expected


def test_a_paraphrase_is_found_by_meaning(full):
    first = full.search("silent device that moves warm liquid", mode="semantic").hits[0]
    assert first.id == 1
    assert first.sources == ("meaning",)
    assert 0.2 < first.similarity < 1
    assert first.why == f"meaning {first.similarity:.2f}"
    assert full.ids("get water out of the basement")[0] == 2


def test_words_are_found_with_their_endings_and_named(full):
    hits = full.search("pumps cellar", mode="keyword").hits
    assert [hit.id for hit in hits] == [2]
    assert hits[0].words == ("pumps", "cellar")
    assert hits[0].similarity is None
    assert hits[0].why == "words: pumps, cellar"


@pytest.mark.parametrize(
    ("query", "expected"),
    [("насос", 4), ("НАСОС опалення", 4), ("umwälzpumpe", 5), ("UMWÄLZPUMPE leise", 5)],
)
def test_other_languages_are_found_by_their_words(full, query, expected):
    assert full.ids(query, mode="keyword") == [expected]
    assert full.ids(query)[0] == expected


def test_the_language_of_words_has_quotes_or_and_minus(full):
    assert set(full.ids('"hex bolt" or grinder', mode="keyword")) == {3, 6}
    assert 2 not in full.ids("pump -submersible", mode="keyword")


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("price < 20", {1, 3, 7, 8}),
        ("price < 20 and category_id in (3, 4)", {1, 3}),
        ("not is_active", {5, 8}),
        ("is_active is null", {6}),
        ("name ~ 'PUMP'", {1, 2, 5, 8}),
        ("description ~ '50%'", {8}),
        ("price is null or vendor_code = 'УК-77'", {4, 6}),
        ("product_id between 2 and 3", {2, 3}),
        ("product_id = 99999999999999999999", set()),
        ("price < 0", set()),
    ],
)
@pytest.mark.parametrize("mode", ["hybrid", "semantic"])
def test_a_condition_holds_for_every_hit_and_leaves_none_out(full, where, expected, mode):
    assert set(full.ids("pump", where=where, mode=mode)) == expected


def test_active_and_a_condition_hold_together(full):
    assert set(full.ids("pump", active=True, where="price < 20 or price > 60")) == {1, 2, 3, 7}
    assert set(full.ids("pump", active=False)) == {5, 8}


def test_a_rare_condition_is_answered_exactly(shop):
    shop.fill(400)
    shop.put(400, "Rare", category_id=1000)
    shop.embed()
    result = shop.search("steel part 17", where="category_id = 1000", mode="semantic")
    assert ([hit.id for hit in result.hits], result.exact) == ([400], True)
    frequent = shop.search("steel part 17", where="price > 0", mode="semantic")
    assert (len(frequent.hits), frequent.exact) == (10, False)


def test_filtered_hits_are_the_nearest_of_all_that_match(shop, encoder):
    shop.fill(400)
    shop.embed()
    vector = encoder.encode(["steel part 17"])[0]
    stored = shop.stored()
    matching = [number for number in range(1, 401) if number % 7 == 3]
    nearest = sorted(
        matching, key=lambda n: -sum(a * b for a, b in zip(stored[n][1], vector, strict=True))
    )
    found = shop.ids("steel part 17", where="category_id = 3", mode="semantic", limit=20)
    assert found == nearest[:20]


def test_a_deleted_row_is_not_shown_and_a_changed_one_as_it_is_now(full):
    full.run("delete from staging_staging.product_row where product_id = 1")
    full.run("update staging_staging.product_row set price = 7 where product_id = 2")
    hits = full.search("pump").hits
    assert 1 not in [hit.id for hit in hits]
    assert [hit.row["price"] for hit in hits if hit.id == 2] == [7]
    assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))


def test_many_deleted_rows_do_not_hide_the_others(shop):
    shop.fill(300)
    shop.embed()
    shop.run("delete from staging_staging.product_row where product_id <= 280")
    assert len(shop.ids("steel part 9")) == 10


def test_a_limit_is_kept_and_all_columns_come(full):
    result = full.search("pump", limit=3)
    assert len(result.hits) == 3
    assert len(result.columns) == 19
    assert set(result.hits[0].row) == set(result.columns)
    assert len(full.search("pump", limit=1000).hits) == 8


def test_without_vectors_the_next_command_is_named(shop):
    for _ in range(2):
        with pytest.raises(StageFailed, match="holds no vectors") as caught:
            shop.search("pump")
        assert caught.value.hint == "bictl embed --table product"
        shop.embed()  # of nothing: the table is there, and empty


def test_without_a_view_the_next_command_is_named(full):
    gone = replace(full, staging_schema="nowhere")
    with pytest.raises(NotFound, match="nowhere") as caught:
        gone.search("pump")
    assert caught.value.hint == "bictl transform --table product"


def test_a_table_that_is_locked_ends_the_search_in_time(full, clients):
    with clients.new_database() as other, other.transaction():
        other.execute("lock table analytics_features.product_embeddings")
        with pytest.raises(TimedOut):
            full.search("pump", timeout=0.3)
    assert full.search("pump", timeout=60).hits


def test_a_reader_needs_no_more_than_reading(full, settings):
    reader = f"r{settings.postgres.dbname}"
    full.run(f"create role {reader} nologin")
    full.run(f"grant {reader} to current_user with set true")
    full.run(f"grant usage on schema staging_staging, analytics_features to {reader}")
    full.run(
        f"grant select on all tables in schema staging_staging, analytics_features to {reader}"
    )
    try:
        full.run(f"set role {reader}")
        assert full.ids("pump", where="price < 20")
        full.run("reset role")
    finally:
        full.database.close()
        full.run(f"drop owned by {reader}")
        full.run(f"drop role {reader}")


def test_an_unknown_column_names_the_nearest(full):
    with pytest.raises(NotFound, match="unknown column 'prize'") as caught:
        full.search("pump", where="prize < 3")
    assert "'price'" in caught.value.hint
    with pytest.raises(UsageError, match="expected"):
        full.search("pump", where="price < 3) or (true")


@pytest.mark.parametrize(
    "query",
    [
        "'; drop table analytics_features.product_embeddings; --",
        "%s %(text)s {table} $1 \\",
        "a & | ! ( ) :* <-> 'b' \"c",
        '"""',
        "!!! --- ???",
        "the of and",
        "\x1b[31mred\x1b[0m \u202e \u2028 \x01",
        "[CLS] [SEP] [/red] :smile:",
        "x" * 1000,
        "1 " * 500,
        "😀" * 400,
        "or -",
        "-pump",
    ],
)
@pytest.mark.parametrize("mode", ["hybrid", "keyword"])
def test_no_query_breaks_out(full, query, mode):
    assert len(full.ids(query, mode=mode)) <= 10
    assert len(full.stored()) == len(PRODUCTS)


COLUMNS = ["price", "category_id", "name", "is_active", "created_at", "source_timestamp"]
SIGNS = ["=", "!=", "<", ">=", "~", "!~", "(", ")", ","]
WORDS = ["and", "or", "not", "in", "is", "null", "between", "true"]
VALUES = ["1", "-2.5", "99999999999999999999", "'x'", "'%'", "'2026-01-01'", "'0001-01-01'"]
TOKENS = st.sampled_from(COLUMNS + SIGNS + WORDS + VALUES)


@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(TOKENS, min_size=1, max_size=11).map(" ".join))
def test_postgres_takes_every_condition_that_the_grammar_lets_through(shop, text):
    types = {
        "price": "numeric",
        "category_id": "int4",
        "name": "text",
        "is_active": "bool",
        "created_at": "timestamp",
        "source_timestamp": "timestamptz",
    }
    try:
        condition = parse(text, types)
    except UsageError:
        return
    statement = shop.database.quoted(
        f"select count(*) from {{view}} where {condition.sql}",
        view="staging_staging.stg_product",
        **condition.columns,
    )
    assert shop.database.value(statement, condition.values) == 0


COLD = """
import json, sys
from bictl.clients import Clients
from bictl.search import search
from bictl.settings import load
settings = load(config=sys.argv[1], environment={})
with Clients(settings) as clients:
    result = search(
        clients.database,
        clients.query_encoder,
        table=settings.table("product"),
        staging_schema=settings.dbt.view_schema,
        query="quiet pump",
        mode=sys.argv[2],
    )
print(json.dumps([[hit.id for hit in result.hits], sorted(sys.modules)]))
"""


@pytest.mark.parametrize(
    ("mode", "absent"), [("hybrid", ()), ("keyword", ("numpy", "bictl.clients.query_encoder"))]
)
def test_a_cold_search_imports_no_engine(full, settings, mode, absent):
    done = subprocess.run(
        [sys.executable, "-c", COLD, str(settings.path), mode],
        capture_output=True,
        text=True,
        check=True,
    )
    ids, modules = json.loads(done.stdout)
    assert ids[0] == 1
    heavy = ("torch", "transformers", "sentence_transformers", "onnxruntime", "onnx", "tokenizers")
    for name in (*heavy, "kafka", "boto3", "rich", "typer", *absent):
        assert name not in modules
