"""What the stages may legally do: twice, at once, cut otherwise, in another order, again."""

import dataclasses
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from scenes import BRONZE, VECTORS, Scene, everything, prune
from variations import Variations, alarms

from bictl import pipeline as stages
from bictl.clients import Clients
from bictl.clients.dbt import Dbt
from bictl.errors import BictlError
from bictl.ingest import frontier_prefix
from bictl.staging import transform

found = Variations([])
legal = found.legal


def at_once(*jobs: Callable[[Clients], object], scene: Scene) -> None:
    """Runs jobs side by side, each with clients of its own."""

    def run(job: Callable[[Clients], object]) -> None:
        with Clients(scene.pipeline.settings) as own:
            job(own)

    with ThreadPoolExecutor(len(jobs)) as pool:
        for done in [pool.submit(run, job) for job in jobs]:
            done.result()


# At once ------------------------------------------------------------------------------------------


@legal("at once")
def two_loaders(scene: Scene) -> None:
    scene.create()
    scene.batch_records = 3
    for _ in range(3):
        scene.send(scene.traffic(20))
        scene.ingest()
        at_once(scene.load, scene.load, scene=scene)
    scene.embed()
    scene.beside.append(scene.load)


@legal("at once", times=6)
def two_ingests_that_cut_differently(scene: Scene) -> None:
    scene.create()
    for _ in range(2):
        scene.send(scene.traffic(40))
        cuts = scene.chance.sample([2, 3, 5, 7, 11], 2)
        at_once(
            *(lambda own, cut=cut: scene.ingest(clients=own, batch_records=cut) for cut in cuts),
            scene=scene,
        )
    scene.settle()
    scene.beside.append(lambda own: scene.ingest(clients=own, batch_records=3))


@legal("at once")
def a_verdict_beside_a_verdict(scene: Scene) -> None:
    scene.live()

    def look(own: Clients) -> None:
        other = dataclasses.replace(scene.pipeline, clients=own)
        assert alarms(other.verify(level="deep")) == {}

    at_once(look, look, scene=scene)
    scene.beside.append(look)


@legal("at once", times=2, writers=True)
def a_transform_runs(scene: Scene) -> None:
    """dbt replaces the view while verify reads it."""
    scene.live()

    def again(own: Clients) -> None:
        settings = scene.pipeline.settings
        dbt = Dbt(settings.dbt, settings.postgres, state_dir=settings.state_dir)
        transform(dbt, own.database, tables=[scene.pipeline.table])

    scene.beside.append(again)


@legal("at once", writers=True)
def vectors_are_made_while_verify_looks(scene: Scene) -> None:
    """Every vector is taken away and made anew, over and over, of young rows."""
    scene.create()
    scene.send(scene.traffic(60, at=None))
    scene.settle()

    def again(own: Clients) -> None:
        own.database.execute(f"delete from {VECTORS} where product_id % 3 = 0")
        scene.embed(own)

    scene.beside.append(again)


@legal("at once", writers=True)
def a_replay_runs(scene: Scene) -> None:
    scene.live()
    scene.beside.append(lambda own: scene.load(own, replay=True))


@legal("at once", writers=True)
def a_prune_runs(scene: Scene) -> None:
    scene.live(80)
    assert scene.verify().complete

    def again(own: Clients) -> None:
        work = scene.work_of(own)
        stages.prune(work, scene.pipeline.table, wish=everything())

    scene.beside.append(again)


@legal("at once", writers=True)
def tables_are_tidied(scene: Scene) -> None:
    """What an administrator and autovacuum do."""
    scene.live()

    def again(own: Clients) -> None:
        for statement in (
            f"vacuum analyze {BRONZE}",
            f"reindex table {BRONZE}",
            f"vacuum {VECTORS}",
        ):
            with suppress(BictlError):  # a deadlock with a writer, or a cancelled vacuum
                own.database.autocommit(statement)

    scene.beside.append(again)


# Cuts and repetitions -----------------------------------------------------------------------------


@legal("cuts", times=6)
def batches_of_every_size(scene: Scene) -> None:
    scene.create()
    for _ in range(scene.chance.randint(2, 6)):
        scene.send(scene.traffic(scene.chance.randint(1, 30)))
        scene.ingest(batch_records=scene.chance.choice([1, 2, 5, 13, 1000]))
        if scene.chance.random() < 0.5:
            scene.load()
    scene.settle()


@legal("cuts")
def an_ingest_that_was_told_to_stop(scene: Scene) -> None:
    scene.create()
    scene.send(scene.traffic(60))
    for _ in range(4):
        scene.ingest(max_records=scene.chance.randint(1, 20))
        scene.load()
    scene.settle()


@legal("cuts")
def everything_twice(scene: Scene) -> None:
    scene.live()
    for _ in range(2):
        scene.settle()
        scene.ingest(fill=True)


@legal("cuts")
def stages_in_another_order(scene: Scene) -> None:
    scene.live(10)
    steps = [scene.ingest, scene.load, scene.embed, lambda: scene.send(scene.traffic(10))] * 3
    scene.chance.shuffle(steps)
    for step in steps:
        step()
    scene.settle()


# Replay -------------------------------------------------------------------------------------------


@legal("replay")
def bronze_is_built_anew(scene: Scene) -> None:
    scene.live(60)
    if scene.chance.random() < 0.5:
        scene.pipeline.execute(f"truncate {BRONZE}")
    scene.load(replay=True)
    scene.embed()


@legal("replay")
def bronze_is_lost_and_loaded_again(scene: Scene) -> None:
    scene.live(60)
    scene.pipeline.execute(f"truncate {BRONZE}, bictl.object_ledger")
    scene.load()
    scene.embed()


@legal("replay")
def the_ledger_is_lost(scene: Scene) -> None:
    scene.live(60)
    scene.pipeline.execute("delete from bictl.object_ledger where random() < 0.7")
    if scene.chance.random() < 0.5:
        scene.load()


@legal("replay")
def frontier_objects_are_lost(scene: Scene) -> None:
    scene.live(60)
    objects, prefix = scene.pipeline.objects, frontier_prefix(scene.pipeline.table.prefix)
    for info in list(objects.list(prefix)):
        objects.delete(info.key)
    if scene.chance.random() < 0.5:
        scene.send(scene.traffic(10))
        scene.settle()


@legal("replay")
def vectors_are_built_anew(scene: Scene) -> None:
    scene.live(60)
    scene.pipeline.execute(f"delete from {VECTORS} where random() < 0.8")
    scene.embed()


# Pruned -------------------------------------------------------------------------------------------


@legal("pruned")
def history_is_pruned(scene: Scene) -> None:
    scene.create()
    scene.send(scene.traffic(100, keys=10))
    scene.settle()
    assert prune(scene)
    if scene.chance.random() < 0.5:
        scene.send(scene.traffic(30, keys=10))
        scene.settle()


@legal("pruned")
def history_is_pruned_again_and_again(scene: Scene) -> None:
    scene.create()
    for _ in range(3):
        scene.send(scene.traffic(40, keys=8))
        scene.settle()
        prune(scene)


@legal("pruned")
def pruned_history_comes_back(scene: Scene) -> None:
    scene.create()
    scene.send(scene.traffic(100, keys=10))
    scene.settle()
    assert prune(scene)
    scene.load(replay=True)
    scene.embed()


@legal("pruned")
def moved_keys_are_pruned(scene: Scene) -> None:
    scene.create(3)
    for _ in range(60):
        number = scene.chance.randrange(8)
        op = scene.chance.choice("uud") if number in scene.rows else "c"
        scene.send(scene.change(number, op, partition=scene.chance.randrange(3)))
    scene.settle()
    prune(scene)


@legal("pruned")
def the_objects_of_pruned_rows_have_expired(scene: Scene) -> None:
    scene.create()
    scene.send(scene.traffic(100, keys=10))
    scene.settle()
    assert prune(scene)
    expire(scene)


# Expired ------------------------------------------------------------------------------------------


def expire(scene: Scene) -> None:
    """The days of a rule are over for the oldest objects, and the store deletes them."""
    pipeline, days = scene.pipeline, 30
    table = dataclasses.replace(pipeline.table, expire_after_days=days)
    pipeline.settings.tables["product"] = table
    gone = []
    for partition in range(scene.partitions):
        keys = [key for key in pipeline.batches() if f"/partition={partition:05d}/" in key]
        gone += keys[: scene.chance.randint(0, len(keys))]
    for key in gone:
        pipeline.execute(
            "update bictl.object_ledger set sealed_at = sealed_at - interval '31 days' "
            "where object_key = %s",
            key,
        )
        pipeline.objects.delete(key)


@legal("expired", times=6)
def the_oldest_objects_have_expired(scene: Scene) -> None:
    scene.live(80)
    expire(scene)


@legal("expired")
def objects_have_expired_and_it_goes_on(scene: Scene) -> None:
    scene.live(80)
    expire(scene)
    scene.send(scene.traffic(20))
    scene.settle()
