"""embed does what changed, and nothing else."""

import threading
from dataclasses import replace

import pytest

from bictl.embeddings import embed
from bictl.errors import ConfigError, NotFound, StageFailed
from bictl.search.vector import Awakening


class Recording:
    """The real encoder, and the texts that it was given."""

    def __init__(self, encoder, *, model=None):
        self._encoder, self.texts, self.truncated = encoder, [], 0
        self.model, self.dimension = model or encoder.model, encoder.dimension

    def encode(self, texts):
        self.texts += texts
        return self._encoder.encode(texts)


def test_every_row_gets_the_vector_of_its_text(shop, encoder):
    shop.put(1, "Pump", vendor_code="NOR-1/A", description="Quiet.")
    shop.put(2, "Насос", vendor_code=None, description="  ")
    recording = Recording(encoder)

    result = shop.embed(encoder=recording)

    assert sorted(recording.texts) == ["Pump. NOR-1/A. Quiet.", "Насос"]
    assert (result.rows, result.texts, result.embedded, result.removed) == (2, 2, 2, 0)
    expected = encoder.encode(["Pump. NOR-1/A. Quiet.", "Насос"])
    for key, vector in zip((1, 2), expected, strict=True):
        assert shop.stored()[key][1] == pytest.approx(vector.tolist(), abs=1e-6)
    assert shop.database.rows(
        "select product_id, name, vendor_code, code_norm, model "
        "from analytics_features.product_embeddings order by 1"
    ) == [(1, "Pump", "NOR-1/A", "NOR1A", encoder.model), (2, "Насос", None, None, encoder.model)]
    assert shop.difference().rows == {"ok": 2}


def test_a_second_run_embeds_nothing_and_does_not_even_load_the_model(shop):
    shop.fill(20)
    shop.embed()
    before = shop.stored()
    untouched = Recording(shop.encoder)

    result = shop.embed(encoder=untouched)

    assert untouched.texts == []
    assert (result.texts, result.embedded, result.removed, result.index) == (0, 0, 0, "kept")
    assert "all 20 vectors" in result.summary
    assert shop.stored() == before


def test_a_changed_price_embeds_nothing_and_a_changed_name_one_text(shop):
    shop.fill(20)
    shop.embed()
    shop.run("update staging_staging.product_row set price = price + 1, is_active = not is_active")
    assert shop.embed().texts == 0
    shop.put(7, "Another name")
    assert shop.difference().rows == {"ok": 19, "stale": 1}
    recording = Recording(shop.encoder)
    assert shop.embed(encoder=recording).embedded == 1
    assert recording.texts[0].startswith("Another name. P-7. ")
    assert shop.difference().rows == {"ok": 20}


def test_deleted_rows_and_rows_without_text_lose_their_vectors(shop):
    shop.fill(5)
    shop.embed()
    shop.run("delete from staging_staging.product_row where product_id = 2")
    shop.put(3, " \n", vendor_code="", description=None)
    assert shop.difference().rows == {"ok": 3, "orphan": 2}

    result = shop.embed()

    assert (result.rows, result.empty, result.removed, result.texts) == (4, 1, 2, 0)
    assert set(shop.stored()) == {1, 4, 5}
    assert shop.difference().rows == {"ok": 3, "empty": 1}
    assert shop.difference().expected == 3


def test_identical_texts_are_encoded_once(shop):
    for number in range(1, 31):
        shop.put(number, "The same", vendor_code=None, description=None)
    recording = Recording(shop.encoder)
    result = shop.embed(encoder=recording)
    assert recording.texts == ["The same"]
    assert (result.texts, result.embedded) == (1, 30)
    assert len({tuple(vector) for _, vector in shop.stored().values()}) == 1


def test_another_model_embeds_everything_again(shop):
    shop.fill(5)
    shop.embed()
    other = Recording(shop.encoder, model="other@1")
    assert shop.embed(encoder=other).texts == 5
    assert shop.difference().rows == {"foreign": 5}


def test_a_limit_does_that_many_and_the_next_run_the_rest(shop):
    shop.fill(10)
    first = shop.embed(limit=4)
    assert (first.texts, first.remaining, len(shop.stored())) == (4, 6, 4)
    assert shop.embed().texts == 6


def test_rebuild_embeds_unchanged_texts_too(shop):
    shop.fill(3)
    shop.embed()
    assert shop.embed(rebuild=True).texts == 3


def test_a_stop_ends_behind_a_whole_window(shop, monkeypatch):
    monkeypatch.setattr("bictl.embeddings.stage.WINDOW", 8)
    shop.fill(30)
    done = []
    result = shop.embed(
        on_progress=lambda progress: done.append(progress.done), stop=lambda: done[-1:] == [16]
    )
    assert result.texts == len(shop.stored()) == 16
    assert result.remaining == 14
    assert shop.embed().texts == 14


def test_long_texts_are_cut_and_counted(shop):
    shop.put(1, "Long", description="steel " * 400)
    shop.put(
        2, "Huge", description="x" * 1_000_000 + " " + " ".join(f"w{n}" for n in range(90_000))
    )
    result = shop.embed()
    assert result.truncated == 1  # one word of a million letters is one unknown token
    assert "cut" in result.summary
    assert shop.embed().texts == 0


def test_awkward_texts_survive_the_way_there_and_back(shop, encoder):
    texts = [
        "[CLS] [SEP]",
        "\t tab\nline\r\u2028",
        "\x01\x1f\x7f\u202e",
        "'; drop table x; --",
        "%s {}",
    ]
    for number, text in enumerate(texts):
        shop.put(number, text, vendor_code=text, description=text)
    assert shop.embed().embedded == len(texts)
    assert shop.difference().rows == {"ok": len(texts)}


def test_an_empty_staging_view_does_not_empty_the_vectors(shop):
    shop.fill(3)
    shop.embed()
    shop.run("delete from staging_staging.product_row")
    with pytest.raises(StageFailed, match="3 vectors") as caught:
        shop.embed()
    assert "expect_empty" in caught.value.hint
    assert len(shop.stored()) == 3
    expecting = replace(shop, table=replace(shop.table, expect_empty=True))
    assert expecting.embed().removed == 3


def test_a_table_without_a_row_is_nothing_to_do(shop):
    result = shop.embed()
    assert (result.rows, result.texts, result.index) == (0, 0, "none")


def test_without_a_staging_view_the_next_command_is_named(shop):
    shop.run("drop view staging_staging.stg_product")
    with pytest.raises(NotFound, match="stg_product") as caught:
        shop.embed()
    assert caught.value.hint == "bictl transform --table product"


def test_a_table_that_embeds_nothing_says_what_to_configure(shop):
    with pytest.raises(ConfigError, match="embeds no column"):
        replace(shop, table=replace(shop.table, embed=())).embed()


def test_an_older_table_gains_what_it_lacks_and_keeps_its_rows(shop):
    shop.fill(4)
    shop.run("create schema analytics_features")
    shop.run(
        "create table analytics_features.product_embeddings "
        "(product_id bigint primary key, embedding vector(384) not null, note text default 'kept')"
    )
    shop.run(
        "insert into analytics_features.product_embeddings "
        "select n, array_fill(0.05, array[384])::vector from generate_series(1, 3) n"
    )
    assert shop.embed().embedded == 4
    assert shop.difference().rows == {"ok": 4}
    kept = "select count(*) from analytics_features.product_embeddings where note = 'kept'"
    assert shop.database.value(kept) == 4


def test_vectors_of_another_length_are_not_overwritten(shop):
    shop.fill(1)
    shop.run("create schema analytics_features")
    shop.run(
        "create table analytics_features.product_embeddings "
        "(product_id integer primary key, embedding vector(3))"
    )
    with pytest.raises(StageFailed, match="vectors of 3 numbers, the model gives 384"):
        shop.embed()


@pytest.mark.parametrize(
    ("kind", "key"), [("bigint", "9007199254740993"), ("text", "a'b"), ("uuid", None)]
)
def test_any_table_with_any_kind_of_key_can_be_embedded(shop, kind, key):
    key = key or "6f1c2f5e-0000-4000-8000-000000000001"
    shop.run(
        f"create table staging_staging.stg_maker as select %s::{kind} as maker_id, "
        "'Grundal' as title, 7 as size",
        key,
    )
    maker = replace(
        shop.table,
        name="maker",
        staging="stg_maker",
        id=("maker_id",),
        embed=("title", "size"),
        embeddings="analytics_features.Maker_embeddings",
    )
    shop = replace(shop, table=maker)
    assert shop.embed().embedded == 1
    assert shop.embed().texts == 0
    assert [str(hit.id) for hit in shop.search("grundal", where="size = 7").hits] == [key]
    assert shop.search("grundal").hits[0].row["title"] == "Grundal"


def test_two_runs_at_once_end_with_the_same_vectors(shop, clients, monkeypatch):
    monkeypatch.setattr("bictl.embeddings.stage.WINDOW", 16)
    shop.fill(200)
    errors = []

    def one():
        try:
            with clients.new_database() as database:
                embed(
                    database,
                    lambda: shop.encoder,
                    table=shop.table,
                    staging_schema=shop.staging_schema,
                )
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=one) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert shop.difference().rows == {"ok": 200}
    assert shop.embed().index == "kept"


def test_vectors_of_another_model_are_not_compared_with_a_query(shop):
    shop.fill(1)
    shop.embed(encoder=Recording(shop.encoder, model="other@1"))
    with pytest.raises(StageFailed, match="other@1") as caught:
        shop.search("part")
    assert "bictl embed" in caught.value.hint
    assert shop.ids("part", mode="keyword") == [1]


def test_an_encoder_that_fails_fails_the_search(shop):
    def broken():
        raise StageFailed("the model's file is gone")

    with pytest.raises(StageFailed, match="file is gone"):
        Awakening(broken, "text").vector(made_by="x", table=shop.table)
