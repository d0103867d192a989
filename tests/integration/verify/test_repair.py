"""Damage, `bictl repair`, and all is well again; what might hide a loss is left to a person."""

import uuid

import pytest

from bictl.errors import LockHeld, NotFound, UsageError
from bictl.ops.locks import stage_lock
from bictl.pipeline import Work, repair
from bictl.verify.report import State

BRONZE = "bronze.product_cdc"
VECTORS = "analytics_features.product_embeddings"
UNKEY = f"alter table {BRONZE} drop constraint product_cdc_offset_key"
DOUBLE = f"""insert into {BRONZE} (kafka_topic, generation, kafka_partition, kafka_offset,
        kafka_timestamp, kafka_key, cdc_payload, schema_id, key_schema_id, batch_file)
    select kafka_topic, generation, kafka_partition, kafka_offset, kafka_timestamp, kafka_key,
        cdc_payload, schema_id, key_schema_id, batch_file
    from {BRONZE} where kafka_partition = 0 and kafka_offset = 7"""
LOSE = f"delete from {BRONZE} where kafka_partition = 0 and kafka_offset in (3, 4, 60)"


def mend(pipeline, **options):
    work = Work(clients=pipeline.clients, settings=pipeline.settings, run=str(uuid.uuid4()))
    return repair(work, pipeline.table, **options)


def done(result):
    return [(step.repair.name, step.repair.checks) for step in result.steps]


def well(result):
    assert [step.state for step in result.steps] == ["done"] * len(result.steps), result.rows
    assert result.after.complete, result.after.headline
    assert (result.exit_code, result.left) == (0, ())


def test_a_healthy_table_needs_nothing(pipeline):
    result = mend(pipeline)
    assert (result.steps, result.left, result.exit_code) == ((), (), 0)
    assert result.summary == "nothing to repair"


def test_damage_in_every_layer_is_repaired_in_one_run_in_flow_order(pipeline):
    pipeline.objects.delete(pipeline.batches()[1])
    pipeline.execute(LOSE)
    pipeline.execute("drop view staging_staging.stg_product cascade")
    pipeline.execute(f"delete from {VECTORS} where product_id = 24")
    pipeline.execute("drop index analytics_features.product_embeddings_hnsw")
    result = mend(pipeline)
    well(result)
    names = [step.repair.name for step in result.steps]
    assert names == ["ingest", "reload", "load-bronze", "transform", "embed"]
    assert result.steps[0].repair.command == "bictl ingest --table product --fill"


def test_only_the_objects_of_lost_rows_are_loaded_anew(pipeline):
    pipeline.execute(LOSE)
    keys = [key for key in pipeline.batches() if pipeline.manifest(key).partition == 0]
    result = mend(pipeline)
    well(result)
    assert result.steps[0].repair.keys == (keys[0], keys[2])
    assert result.steps[0].repair.command.endswith(f"--object {keys[0]} --object {keys[2]}")


@pytest.mark.sweep
@pytest.mark.parametrize(
    ("damage", "level", "repairs"),
    [
        ([UNKEY], "default", [("migrate", ("B4",))]),
        ([UNKEY, DOUBLE], "default", [("undouble", ("B2", "B4"))]),
        (
            [f"update {BRONZE} set cdc_payload = '{{}}' where id in (1, 2)"],
            "deep",
            [("reload", ("B10",))],
        ),
        (
            [f"update {VECTORS} set embedding = null where product_id = 24"],
            "default",
            [("embed", ("E1", "E4"))],
        ),
        (
            [f"update {VECTORS} set embedding = array_fill(0, array[384])::vector"],
            "default",
            [("embed", ("E4",))],
        ),
        (
            [
                f"insert into {VECTORS} (product_id, embedding, content_hash, model)"
                f" select -5, embedding, content_hash, model from {VECTORS} where product_id = 24"
            ],
            "default",
            [("embed", ("E1",))],
        ),
        (["delete from bictl.object_ledger"], "default", [("load-bronze", ("M2",))]),
    ],
    ids=["no key", "doubled", "changed", "no vector", "zero vectors", "orphan", "no ledger"],
)
def test_each_damage_has_its_repair(pipeline, damage, level, repairs):
    for statement in damage:
        pipeline.execute(statement)
    result = mend(pipeline, level=level)
    well(result)
    assert done(result)[: len(repairs)] == repairs


def test_a_dry_run_says_it_all_and_changes_nothing(pipeline):
    pipeline.execute(LOSE)
    before = pipeline.verify()
    told = []
    result = mend(pipeline, dry_run=True, on_step=told.append)
    assert [step.state for step in told] == ["planned"] * 2
    assert [name for name, _ in done(result)] == ["reload", "embed"]
    assert result.exit_code == before.exit_code == 1
    assert pipeline.check("B3").missing == next(c for c in before.checks if c.id == "B3").missing
    assert pipeline.value("select count(*) from bictl.run where command = 'repair'") == 0


def test_only_what_was_selected_is_repaired_and_the_verdict_is_about_everything(pipeline):
    pipeline.execute(UNKEY)
    pipeline.execute("drop index analytics_features.product_embeddings_hnsw")
    result = mend(pipeline, select=["E5"])
    assert [step.repair.name for step in result.steps] == ["embed"]
    assert {check.id for check in result.after.checks if check.state is State.FAIL} == {"B4"}
    assert result.exit_code == 1
    with pytest.raises(NotFound):
        mend(pipeline, select=["E99"])
    with pytest.raises(UsageError, match="no check of this level"):
        mend(pipeline, select=["B10"])


def test_rows_of_a_damaged_object_are_not_loaded_anew(pipeline):
    """Bronze may be all that is left of what the object held."""
    key = pipeline.batches()[0]
    body, metadata = pipeline.objects.get(key)
    pipeline.put(key, body[:-20], metadata)
    pipeline.execute(LOSE)
    rows = pipeline.value(f"select count(*) from {BRONZE}")
    result = mend(pipeline)
    assert result.exit_code == 6
    assert pipeline.value(f"select count(*) from {BRONZE}") == rows + 1  # 60 is in another object
    assert all(key not in step.repair.keys for step in result.steps)
    left = {one.check: one for one in result.left}
    assert left["O6"].hint == "delete them, then: bictl ingest --table product --fill"


def test_a_row_that_no_object_holds_is_never_taken_away_by_a_reload(pipeline):
    pipeline.execute(
        f"update {BRONZE} set kafka_offset = 99999 where kafka_partition = 0 and kafka_offset = 60"
    )
    last = pipeline.batches()[2]
    result = mend(pipeline)
    assert pipeline.value(f"select count(*) from {BRONZE} where kafka_offset = 99999") == 1
    assert all(last not in step.repair.keys for step in result.steps)
    assert {"B3", "B7"} <= {one.check for one in result.left}


def test_vectors_that_may_be_the_last_of_their_records_are_kept(pipeline):
    """Objects and rows are gone: the orphans are evidence until a person has decided."""
    pipeline.execute(f"delete from {BRONZE} where kafka_partition = 0")
    key = pipeline.batches()[0]
    body, metadata = pipeline.objects.get(key)
    pipeline.put(key, body[:-20], metadata)
    stored = pipeline.value(f"select count(*) from {VECTORS}")
    result = mend(pipeline)
    assert pipeline.value(f"select count(*) from {VECTORS}") == stored
    assert "may be all that is left" in {one.check: one for one in result.left}["E1"].message


def test_a_loss_is_named_with_the_persons_command_and_nothing_is_acknowledged(pipeline):
    pipeline.execute(
        """insert into bictl.offset_conflict (kafka_topic, generation, kafka_partition,
            kafka_offset, kafka_timestamp, batch_file, batch_sha256, standing_file)
        values (%s, 'g', 0, 1, now(), 'b', 'x', 'a')""",
        pipeline.table.topic,
    )
    result = mend(pipeline)
    assert (result.exit_code, result.steps) == (6, ())
    assert [one.check for one in result.left] == ["B9"]


def test_another_run_is_left_alone(pipeline):
    pipeline.execute(LOSE)
    for stage in ("load-bronze", "repair"):
        with (
            pipeline.clients.new_database() as other,
            stage_lock(other, stage, "product", wait=0, command=f"{stage} product"),
            pytest.raises(LockHeld),
        ):
            mend(pipeline)


def test_asked_to_stop_it_ends_between_two_repairs_and_the_next_run_does_the_rest(pipeline):
    pipeline.execute(LOSE)
    pipeline.execute("drop index analytics_features.product_embeddings_hnsw")
    told = []
    work = Work(
        clients=pipeline.clients,
        settings=pipeline.settings,
        run=str(uuid.uuid4()),
        stop=lambda: any(step.state == "done" for step in told),
    )
    result = repair(work, pipeline.table, on_step=told.append)
    assert [step.repair.name for step in result.steps] == ["reload"]
    well(mend(pipeline))
