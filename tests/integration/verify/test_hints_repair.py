"""Damage, the command of verify's own hint as the program parses it, and all is well again."""

import shlex
import uuid
from collections.abc import Callable

import pytest
import typer

from bictl import pipeline as stages
from bictl.cli.app import app
from bictl.pipeline import Work

BRONZE = "bronze.product_cdc"
VECTORS = "analytics_features.product_embeddings"
UNKEY = f"alter table {BRONZE} drop constraint product_cdc_offset_key"
DOUBLE = f"""insert into {BRONZE} (kafka_topic, generation, kafka_partition, kafka_offset,
        kafka_timestamp, kafka_key, cdc_payload, schema_id, key_schema_id, batch_file)
    select kafka_topic, generation, kafka_partition, kafka_offset, kafka_timestamp, kafka_key,
        cdc_payload, schema_id, key_schema_id, batch_file
    from {BRONZE} where kafka_partition = 0 and kafka_offset = 7"""

MOVED = f"""update {BRONZE} set batch_file = (select min(batch_file) from {BRONZE})
    where kafka_partition = 1 and kafka_offset = 60"""


def parsed(words: list[str]) -> tuple[str, dict[str, object]]:
    """A command's name and its options, as the program understands them."""
    command = typer.main.get_command(app)
    context = command.make_context("bictl", words)
    name, command, rest = command.resolve_command(
        context, [*context._protected_args, *context.args]
    )
    return name, command.make_context(name, rest, parent=context).params


def obey(pipeline, hint: str) -> None:
    """Does what the hint says, through what the command itself runs."""
    name, given = parsed(shlex.split(hint)[1:])
    work = Work(clients=pipeline.clients, settings=pipeline.settings, run=str(uuid.uuid4()))
    table = pipeline.table
    does: dict[str, Callable[[], object]] = {
        "ingest": lambda: stages.ingest(work, table, fill=given["fill"]),
        "load-bronze": lambda: stages.load_bronze(
            work, table, replay=given["replay"], only=given["object_keys"] or ()
        ),
        "migrate": lambda: stages.migrate(work),
        "transform": lambda: stages.transform(work, [table]),
        "embed": lambda: stages.embed(
            work, table, rebuild=given["rebuild"], reindex=given["reindex"]
        ),
        "repair": lambda: stages.repair(work, table, select=given["select"]),
    }
    does[name]()


def delete_object(number: int):
    return lambda pipeline: pipeline.objects.delete(pipeline.batches()[number])


def sql(*statements: str):
    def damage(pipeline):
        for statement in statements:
            pipeline.execute(statement)

    return damage


def swept(*values):
    return pytest.param(*values, marks=pytest.mark.sweep)


@pytest.mark.parametrize(
    ("check", "level", "damage"),
    [
        ("O2", "default", delete_object(1)),
        ("B2", "default", sql(UNKEY, DOUBLE)),
        ("E4", "default", sql(f"update {VECTORS} set embedding = null where product_id = 24")),
        swept("K5", "default", delete_object(-1)),
        swept("B3", "default", sql(f"delete from {BRONZE} where kafka_offset in (3, 60)")),
        swept("B4", "default", sql(UNKEY)),
        swept("B5", "default", sql(MOVED)),
        swept("B10", "deep", sql(f"update {BRONZE} set cdc_payload = '{{}}' where id = 1")),
        swept("M2", "default", sql("delete from bictl.object_ledger")),
        swept("T2", "default", sql("drop view staging_staging.stg_product cascade")),
        swept("E1", "default", sql(f"delete from {VECTORS} where product_id = 24")),
        swept("E2", "default", sql(f"update {VECTORS} set content_hash = null")),
        swept("E3", "default", sql(f"update {VECTORS} set model = 'o' where product_id = 24")),
        swept("E5", "default", sql("drop index analytics_features.product_embeddings_hnsw")),
        swept(
            "E10",
            "deep",
            sql(
                f"""update {VECTORS} a set embedding = b.embedding from {VECTORS} b
                where a.product_id % 24 = 0 and b.product_id = a.product_id + 12"""
            ),
        ),
    ],
)  # fmt: skip
def test_what_a_hint_says_repairs_what_it_stands_beside(pipeline, check, level, damage):
    damage(pipeline)
    told = pipeline.check(check, level=level)
    assert told.state == "fail" or check == "M2", told
    obey(pipeline, told.hint)
    if check in ("O2", "K5"):  # what is read anew is loaded by the next stage
        obey(pipeline, "bictl load-bronze --table product")
    report = pipeline.verify(level=level)
    assert report.complete, (told.hint, report.headline)
