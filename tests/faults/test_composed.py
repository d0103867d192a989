"""Faults composed by chance, some of which are none: verify is red exactly when the model says that
something is wrong, and names the offsets, the products and the objects.
"""

import copy
import random
import secrets
from dataclasses import dataclass

import pytest
import results
from composed import Damaged, compose, model_of
from databases import drop_database
from model import Made, Model, Place, Truth, record
from pipelines import Pipeline, _encoder
from scenes import Scene, Written, prune

from bictl.clients import Clients
from bictl.settings import Settings
from bictl.verify import Report
from bictl.verify.report import State

SEEDS = range(300)
SAMPLE = (8, 28, 48, 62, 78, 112, 134, 142)  # of two bases; no fault, a forgery, what hides


@dataclass
class Base:
    """A healthy pipeline that nobody damages, and its model."""

    settings: Settings
    model: Model


class Recorded(Scene):
    """A scene that keeps what was produced."""

    def send(self, records) -> int:
        kept = list(records)
        for key, value, _, partition in kept:
            offset = sum(place[0] == partition for place in self.made)
            self.made[partition, offset] = record(partition, offset, key, value)
        return super().send(kept)

    @property
    def made(self) -> dict[Place, Made]:
        return self.__dict__.setdefault("_made", {})


def history(scene: Scene) -> None:
    scene.create(2)
    scene.send(scene.traffic(50, keys=24))
    scene.settle()


def moving(scene: Scene) -> None:
    """Keys that move between partitions; without tombstones."""
    scene.create(3)
    for _ in range(50):
        number = scene.chance.randrange(16)
        op = scene.chance.choice("uuud") if number in scene.rows else "c"
        written: list[Written] = scene.change(number, op, partition=scene.chance.randrange(3))
        scene.send(written[:1])
    scene.settle()


def pruned(scene: Scene) -> None:
    scene.create(2)
    scene.send(scene.traffic(70, keys=12))
    scene.settle()
    assert prune(scene)
    scene.send(scene.traffic(10, keys=12))
    scene.settle()


def single(scene: Scene) -> None:
    """One partition, many small objects."""
    scene.create(1)
    scene.batch_records = 4
    scene.send(scene.traffic(40, keys=30))
    scene.settle()


KINDS = (history, moving, pruned, single)


@pytest.fixture(scope="session")
def bases(shared, prepared, new_settings):
    """`bases(seed)`: one of the healthy pipelines, made when it is first asked for."""
    made: dict[str, Base] = {}

    def base(seed: int) -> Base:
        kind = KINDS[seed % len(KINDS)]
        if kind.__name__ not in made:
            topic = f"cord.{secrets.token_hex(6)}.dbo.Product"
            settings = new_settings(topic, prepared.postgres.dbname)
            with Clients(settings) as clients:
                pipeline = Pipeline(settings, clients)
                scene = Recorded(pipeline, random.Random(kind.__name__), _encoder)
                kind(scene)
                scene.close()
                model = model_of(pipeline, scene.made)
                assert pipeline.verify(level="deep").complete
                assert wrong(model.truth()) == []
                assert scene.shown() == scene.rows == {k: m.name for k, m in model.folded().items()}
                made[kind.__name__] = Base(settings, model)
        return made[kind.__name__]

    yield base
    for one in made.values():
        drop_database(shared, one.settings.postgres.dbname)


@pytest.fixture
def damaged(bases, shared, new_settings):
    """`damaged(seed)`: a copy of a base, damaged by that chance."""
    made = []

    def make(seed: int) -> Damaged:
        base = bases(seed)
        topic = base.settings.table("product").topic
        settings = new_settings(topic, base.settings.postgres.dbname)
        clients = Clients(settings)
        pipeline = Pipeline(settings, clients)
        made.append(pipeline)
        with Clients(base.settings) as origin:
            for info in origin.objects.list(""):
                body, metadata = origin.objects.get(info.key)
                clients.objects.put_new(info.key, body, metadata=metadata)
        found = Damaged(pipeline, copy.deepcopy(base.model), random.Random(seed), pipeline.embed)
        compose(found)
        return found

    yield make
    for pipeline in made:
        pipeline.clients.close()
        drop_database(shared, pipeline.settings.postgres.dbname)


def wrong(truth: Truth) -> list[str]:
    """Everything, also what only a deep look can know."""
    return truth.reasons + truth.hidden


def judge(report: Report, truth: Truth) -> list[str]:
    """What the verdict says wrongly, or does not say."""
    deep = report.level == "deep"
    must, may = (wrong(truth) if deep else truth.reasons), wrong(truth)
    is_red = report.state is State.FAIL
    said = []
    if must and not is_red:
        said.append(f"{report.level}: {report.state} although {must}")
    if is_red and not may:
        said.append(f"{report.level}: red although nothing is wrong")
    if report.complete and must:
        said.append(f"{report.level}: complete although {must}")
    if not may and not report.complete:
        said.append(f"{report.level}: not complete although nothing is wrong: {report.headline}")
    offsets, ids, files = named(report)
    for what, needed, found, allowed in (
        ("offsets", truth.offsets | (truth.deep if deep else set()), offsets,
         truth.offsets | truth.deep | truth.beside),
        ("products", truth.ids, ids, truth.ids),
        ("objects", truth.files, files, truth.files),
    ):  # fmt: skip
        if needed - found:
            said.append(f"{report.level}: {what} not named: {sorted(needed - found)}")
        if found - allowed:
            said.append(f"{report.level}: {what} named wrongly: {sorted(found - allowed)}")
    return said


def named(report: Report) -> tuple[set[Place], set[int], set[str]]:
    """The offsets, products and objects that red checks name."""
    samples = [
        sample
        for check in report.checks
        if check.state is State.FAIL
        for sample in (check.missing, check.extra)
    ]
    assert all(len(sample.ranges) < 100 and len(sample.keys) < 100 for sample in samples)
    offsets = {
        (one.partition, at)
        for sample in samples
        for one in sample.ranges
        for at in range(one.first, one.next)
    }
    keys = {key for sample in samples for key in sample.keys}
    ids = {int(key) for key in keys if key.removeprefix("-").isdigit()}
    return offsets, ids, {key for key in keys if "/" in key}


def alarms(report: Report) -> list[str]:
    """The checks that are not well, for a person."""
    return [f"{c.id} {c.state}: {c.message}" for c in report.checks if c.state is not State.OK]


def marked(seed: int):
    marks = [] if seed in SAMPLE else [pytest.mark.faults]
    return pytest.param(seed, id=str(seed), marks=marks)


@pytest.mark.parametrize("seed", [marked(seed) for seed in SEEDS])
def test_red_exactly_when_something_is_wrong_and_named(damaged, seed):
    found = damaged(seed)
    truth = found.model.truth()
    reports = {level: found.pipeline.verify(level=level) for level in ("default", "deep")}
    said = [item for report in reports.values() for item in judge(report, truth)]
    told = [*found.done, "---", *wrong(truth), "---", *alarms(reports["deep"])]
    results.write(
        "composed",
        name=str(seed),
        layer=KINDS[seed % len(KINDS)].__name__,
        done=found.done,
        wrong=wrong(truth),
        said=said,
        seen=not any("although" in item for item in said),
        named=not any("named" in item for item in said),
        first=next((name for name, one in reports.items() if one.state is State.FAIL), None),
    )
    assert said == [], "\n".join(told)
