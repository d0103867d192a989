"""What stands around a verdict on a healthy pipeline: counts from outside, commits, locks, runs."""

import secrets
from contextlib import closing
from datetime import UTC, datetime, timedelta

from bictl.ops.locks import stage_lock
from bictl.verify.surroundings import Surroundings


def look(pipeline, name, *, now=None, **around):
    return pipeline.check(name, select=[name], around=Surroundings(**around), now=now)


def test_around_a_healthy_pipeline_nothing_is_amiss(pipeline, tmp_path):
    report = pipeline.verify(
        select=["K3", "K7", "K8", "K9", "M4", "M5", "M6", "M8", "M9"],
        around=Surroundings(group="nobody", state_dir=tmp_path, is_local=True),
    )
    assert {check.id: check.state for check in report.checks if check.state != "ok"} == {}


def test_a_count_from_outside_is_held_against_the_live_keys(pipeline):
    rows = pipeline.value("select count(*) from staging_staging.stg_product")
    assert look(pipeline, "S5", expected_rows=rows).state == "ok"
    found = look(pipeline, "S5", expected_rows=rows + 1)
    assert (found.state, found.expected, found.actual) == ("fail", str(rows + 1), str(rows))
    assert found.hint == (
        "let Debezium take a new snapshot of product's rows; with its worker as [connect] url:"
        " bictl cdc snapshot --table product"
    )


def test_commits_above_the_frontier_are_named(pipeline):
    group = f"g{secrets.token_hex(4)}"
    end = pipeline.clients.reader.offsets(pipeline.table.topic, [0])[0].high
    pipeline.clients.reader.commit(group, pipeline.table.topic, {0: end})
    assert look(pipeline, "K3", group=group).state == "ok"
    pipeline.clients.reader.commit(group, pipeline.table.topic, {0: end + 5})
    found = look(pipeline, "K3", group=group)
    assert (found.state, str(found.extra)) == ("fail", f"partition 0, offsets [{end},{end + 5})")


def test_a_lock_that_is_held_for_days_names_its_holder(pipeline):
    day = datetime.now(UTC) + timedelta(days=2)
    with (
        closing(pipeline.clients.new_database()) as lock,
        stage_lock(lock, "embed", "product", wait=0, command="embed product"),
    ):
        assert look(pipeline, "M9").state == "ok"
        found = look(pipeline, "M9", now=day)
    assert (found.state, found.extra.keys) == ("fail", ("embed",))
    assert "is held by pid " in found.message
    assert look(pipeline, "M9", now=day).state == "ok"


def test_a_stage_that_never_ran_is_missed_where_its_rhythm_was_promised(pipeline):
    assert look(pipeline, "M6").state == "ok"
    found = look(pipeline, "M6", run_every=3600)
    assert found.state == "fail"
    assert found.extra.keys == ("ingest", "load-bronze", "transform", "embed")
