"""What a person has decided, what was there before, and what stands beside the table."""

import dataclasses
from datetime import UTC, datetime, timedelta
from pathlib import Path

from healthy_sources import may_be_empty
from hostile import REFUSED
from old_platform import OldPlatform, records
from pipelines import OLD
from scenes import Scene
from variations import Variations

from bictl import pipeline as stages
from bictl.ingest.acks import generation_ack, quarantine_ack, write_ack

found = Variations([])
legal = found.legal


# Accepted -----------------------------------------------------------------------------------------


def accept(scene: Scene, reason: str) -> None:
    """A person acknowledges a reason of quarantine."""
    day = datetime.now(UTC).date() + timedelta(days=30)
    ack = quarantine_ack(reason, expires=day, reason="known", person="olena")
    assert write_ack(scene.pipeline.objects, scene.pipeline.table.prefix, ack)


@legal("quarantine", times=8)
def refused_records_are_acknowledged(scene: Scene) -> None:
    scene.live(20)
    small = [one for one in REFUSED.values() if len(one.value or b"") < 1000]
    chosen = scene.chance.sample(small, scene.chance.randint(1, 5))
    for one in chosen:
        scene.send([(one.key, one.value, OLD, scene.chance.randrange(scene.partitions))])
        scene.send(scene.traffic(2))
    scene.settle()
    for reason in {one.sqlstate for one in chosen}:
        accept(scene, reason)


def recreate(scene: Scene) -> None:
    """The topic is another one now, and a person has accepted it."""
    with scene.admin() as admin:
        admin.delete_topics([scene.topic])
    scene.create()
    new = generation_ack(scene.pipeline.generation(), reason="moved", person="olena")
    assert write_ack(scene.pipeline.objects, scene.pipeline.table.prefix, new)


@legal("recreated", times=6)
def a_recreated_topic_is_accepted(scene: Scene) -> None:
    """It goes on with the source's changes; the old rows stay accounted for."""
    scene.live(scene.chance.randint(5, 40))
    for _ in range(scene.chance.randint(1, 2)):
        recreate(scene)
        scene.homes = {}
        scene.send(scene.traffic(scene.chance.randint(1, 50)))
        scene.settle()


@legal("recreated")
def a_recreated_topic_is_accepted_and_empty(scene: Scene) -> None:
    may_be_empty(scene)  # else nobody can tell whether anything is missing
    scene.live(20)
    recreate(scene)
    scene.settle()


# Before us ----------------------------------------------------------------------------------------


def take_over(scene: Scene, samples: list[tuple], *, taken: int, text: bool = False) -> OldPlatform:
    """The scripts have taken the first `taken` samples; bictl takes over from there."""
    pipeline = scene.pipeline
    for name in ("bronze.product_cdc cascade", "bictl.object_ledger cascade"):
        pipeline.execute(f"drop table if exists {name}")
    pipeline.database.script(_NOTHING)
    scene.create()
    scene.is_others = True
    scene.send((key, value, at, partition) for key, value, _, at, partition in samples)
    old = OldPlatform(pipeline.settings, pipeline.clients)
    lines = old.lines(samples[:taken], text=text)
    old.create_bronze()
    old.load(lines, Path(old.put(lines)).name)
    return old


_NOTHING = """
drop schema if exists bronze cascade;
drop schema if exists bictl cascade;
drop schema if exists staging_staging cascade;
drop schema if exists analytics_features cascade;
"""


@legal("taken over")
def an_old_platform_is_taken_over(scene: Scene) -> None:
    shape = scene.chance.random() < 0.5
    samples = records(scene.chance.randint(20, 80), schema=shape)
    take_over(scene, samples, taken=scene.chance.randint(1, 20))
    stages.bring_forward(scene.work, [scene.pipeline.table])
    stages.load_bronze(scene.work, scene.pipeline.table)
    scene.ingest()
    scene.load()
    scene.pipeline.transform()
    scene.embed()


@legal("taken over", times=2)
def bictl_came_before_its_takeover_was_done(scene: Scene) -> None:
    """The scripts write one more object meanwhile, of records that were taken already."""
    samples = records(60)
    old = take_over(scene, samples, taken=30)
    stages.bring_forward(scene.work, [scene.pipeline.table])
    scene.ingest()
    old.put(old.lines(samples)[25:40])
    stages.bring_forward(scene.work, [scene.pipeline.table])
    stages.load_bronze(scene.work, scene.pipeline.table)
    scene.pipeline.transform()
    scene.embed()


# Beside the table ---------------------------------------------------------------------------------


@legal("neighbours")
def foreign_objects_stand_under_the_prefix(scene: Scene) -> None:
    scene.live()
    for name in ("notes.txt", "product.csv", "generation=x/readme"):
        key = f"{scene.pipeline.table.prefix}{name}"
        scene.pipeline.objects.put_new(key, b"hello", metadata={})


@legal("neighbours")
def another_table_stands_within_the_prefix(scene: Scene) -> None:
    outer = scene.pipeline.table
    inner = dataclasses.replace(
        outer,
        name="inner",
        topic=f"{outer.topic}Inner",
        prefix=f"{outer.prefix}inner/",
        bronze="bronze.inner_cdc",
        staging="stg_inner",
        embeddings="analytics_features.inner_embeddings",
    )
    scene.pipeline.settings.tables["inner"] = inner
    beside = dataclasses.replace(scene, pipeline=_Inner(scene.pipeline, inner), rows={}, homes={})
    beside.create(1)
    beside.send(beside.traffic(20))
    beside.close()
    stages.bring_forward(scene.work, [outer, inner])
    scene.create()
    scene.send(scene.traffic(30))
    for _ in range(2):
        beside.ingest()
        scene.settle()
        beside.load()


class _Inner:
    """The other table of the same systems."""

    def __init__(self, pipeline, table) -> None:
        self.settings, self.clients, self.table = pipeline.settings, pipeline.clients, table


@legal("neighbours")
def another_topic_is_in_the_same_database(scene: Scene) -> None:
    """Its ledger rows, its quarantine and its runs stand beside ours."""
    scene.live()
    scene.pipeline.execute(
        """insert into bronze.cdc_quarantine (kafka_topic, generation, kafka_partition,
            kafka_offset, kafka_timestamp, sqlstate, reason, batch_file)
        values ('another', 'g', 0, 0, now(), '22P02', 'x', 'another/raw/x')"""
    )
    scene.pipeline.execute(
        """insert into bictl.offset_conflict (kafka_topic, generation, kafka_partition,
            kafka_offset, kafka_timestamp, batch_file, batch_sha256, standing_file)
        values ('another', 'g', 0, 0, now(), 'x', 'y', 'z')"""
    )
