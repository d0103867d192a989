"""What search finds: an index that is walked, whole and good; vectors that are of their texts."""

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bictl.clients.database import Database
from bictl.local.postgres import SUPERUSER
from bictl.local.state import load as load_state
from bictl.settings.secret import Secret
from bictl.verify import read_searched
from bictl.verify.report import State
from bictl.verify.searched import found_by_itself

VECTORS = "analytics_features.product_embeddings"
INDEX = "analytics_features.product_embeddings_hnsw"
DAY = datetime(2024, 5, 15, tzinfo=UTC)  # whose sample holds both of the swapped ones
ASKED = ("E6", "E7", "E8", "E9", "E10")


def found(report, name):
    return next(check for check in report.checks if check.id == name)


@pytest.fixture
def unindexed(pipeline, stack):
    """`unindexed("24")`: what a fault of the server or of pgvector does: a row's newest version,
    under a condition, is in no index."""
    secret = Secret(load_state(stack.directory).secrets["postgres_superuser"])
    postgres = replace(pipeline.settings.postgres, user=SUPERUSER, password=secret)

    def lose(condition: str) -> None:
        with Database(postgres) as superuser:
            ready = f"update pg_index set indisready = %s where indexrelid = '{INDEX}'::regclass"
            superuser.execute(ready, [False])
            superuser.execute(f"update {VECTORS} set embedded_at = now() where {condition}")
            superuser.execute(f"vacuum {VECTORS}")
            superuser.execute(ready, [True])

    return lose


def test_a_whole_index_is_asked_and_says_how_good_it_is(pipeline):
    report = pipeline.verify(level="deep")
    assert report.complete, report.headline
    assert {name: found(report, name).state for name in ASKED} == dict.fromkeys(ASKED, State.OK)
    rows = pipeline.value(f"select count(*) from {VECTORS}")
    assert found(report, "E6").evaluated == rows
    assert found(report, "E9").evaluated >= 80
    assert found(report, "E10").evaluated == 128
    assert found(report, "E7").message.startswith("recall@10 1.000 for ")
    assert "few: Postgres compares them all" in found(report, "E6").message


def test_the_default_look_asks_what_is_cheap_and_leaves_no_setting_behind(pipeline):
    report = pipeline.verify()
    ids = {check.id for check in report.checks}
    assert {"E6", "E8", "E9"} <= ids
    assert not {"E7", "E10"} & ids
    assert pipeline.value("show enable_seqscan") == "on"
    assert pipeline.value("show statement_timeout") == "0"


def test_rows_that_are_in_no_index_are_lost_to_their_own_vectors_until_it_is_made_anew(
    pipeline, unindexed
):
    unindexed("product_id = 24")
    report = pipeline.verify()
    check = found(report, "E9")
    assert (check.state, check.missing.keys) == (State.FAIL, ("24",))
    assert check.hint == "bictl embed --table product --reindex"
    assert report.exit_code == 1


def test_a_row_that_a_usual_search_walks_past_and_a_wide_one_finds_is_not_lost(
    pipeline, monkeypatch
):
    """A healthy index has some; here one with few links, asked for little."""
    pipeline.execute(
        """
        select setseed(0.5);
        create table public.poorly_linked as
        select number as product_id, now() as embedded_at,
            (
                select array_agg(random() - 0.5) from generate_series(1, 32 + 0 * number)
            )::vector(32) as embedding
        from generate_series(1, 3000) as number;
        create index on public.poorly_linked
        using hnsw (embedding vector_cosine_ops) with (m = 4, ef_construction = 8);
        """
    )
    monkeypatch.setattr(read_searched, "WIDTH", 1)
    poor = replace(pipeline.settings.table("product"), embeddings="public.poorly_linked")
    with Database(pipeline.settings.postgres) as database:
        selves = read_searched.read_selves(database, poor, "seed")
    assert len(selves.far) > 10
    assert len(selves.lost) < 5  # a graph so poor may hold some that nothing leads to
    said = found_by_itself(replace(selves, lost=()), selves, table=poor)
    assert said.state is State.OK
    assert selves.far[0] in said.message


@pytest.mark.sweep
def test_an_index_that_finds_too_little_is_told_by_its_recall(pipeline, unindexed):
    unindexed("product_id % 24 = 0")
    check = pipeline.check("E7", level="deep")
    assert check.state is State.FAIL
    assert float(re.findall(r"recall@10 (\S+)", check.message)[0]) < 0.95


@pytest.mark.sweep
def test_an_index_that_search_cannot_walk_is_a_warning(pipeline):
    pipeline.execute(f"drop index {INDEX}")
    pipeline.execute(
        f"create index partly on {VECTORS} using hnsw (embedding vector_cosine_ops)"
        " where product_id > 0"
    )
    check = pipeline.check("E6")
    assert (check.state, check.message.split(":")[0]) == (
        State.WARN,
        f"search cannot walk the index of {VECTORS}",
    )


def test_without_an_index_nothing_more_is_wrong_than_that(pipeline):
    pipeline.execute(f"drop index {INDEX}")
    report = pipeline.verify(level="deep")
    wrong = {check.id for check in report.checks if check.state is not State.OK}
    assert wrong == {"E5"}


def test_two_swapped_vectors_are_those_of_other_texts(pipeline):
    """Both are whole, of length 1, of the model, beside the right hash of their text."""
    pipeline.execute(
        f"""update {VECTORS} a set embedding = b.embedding from {VECTORS} b
        where (a.product_id, b.product_id) in ((24, 36), (36, 24))"""
    )
    altered = pipeline.check("E11")
    assert (altered.state, sorted(altered.extra.keys)) == (State.FAIL, ["24", "36"])
    check = pipeline.check("E10", level="deep", now=DAY)
    assert (check.state, sorted(check.extra.keys)) == (State.FAIL, ["24", "36"])
    assert check.hint == "bictl embed --table product --rebuild"
