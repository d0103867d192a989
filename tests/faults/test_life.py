"""A pipeline's life by chance: its topic grows, stages run in any order, things are damaged and
repaired, and after each step verify says what the model says: red with the same offsets, products
and objects, or calm.
"""

import contextlib
import hashlib
import random
import secrets

import pytest
from composed import Damaged, model_of, replaced
from databases import drop_database
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine
from model import Entry, Object, Row, span
from pipelines import Pipeline, _encoder
from scenes import BRONZE, STAGING, everything
from test_composed import Recorded, alarms, judge, wrong

from bictl import pipeline as stages
from bictl.bronze import migrate
from bictl.clients import Clients

COUNTS = st.integers(1, 9)
CHANCE = st.integers(0, 10**6)


class Life(RuleBasedStateMachine):
    """One pipeline and its model; `open_pipeline` makes it, `ended` drops it."""

    def __init__(self, open_pipeline, ended) -> None:
        super().__init__()
        self.pipeline, self._ended = open_pipeline(), ended
        self.scene = Recorded(self.pipeline, random.Random(0), _encoder)
        self.scene.create(2)
        self.scene.send(self.scene.traffic(12, keys=12))
        self.scene.settle()
        model = model_of(self.pipeline, self.scene.made)
        self.damaged = Damaged(self.pipeline, model, random.Random(0), self.pipeline.embed)
        self.loads = 0
        self.sealed: dict[int, int] = {}
        self.reached()
        self.view = self.pipeline.value(f"select pg_get_viewdef('{STAGING}'::regclass)")

    @property
    def model(self):
        return self.damaged.model

    def did(self, words: str) -> None:
        self.damaged.told(words)

    @rule(count=COUNTS, chance=CHANCE)
    def append(self, count, chance):
        self.scene.chance.seed(chance)
        self.scene.send(self.scene.traffic(count, keys=12))
        self.did(f"{count} changes")

    # Stages --------------------------------------------------------------------------------------

    def reached(self) -> dict[int, int]:
        """How far each partition was ever sealed: frontier objects outlive the batches."""
        for one in self.model.objects.values():
            self.sealed[one.partition] = max(self.sealed.get(one.partition, 0), one.after)
        return dict(self.sealed)

    def see_new_objects(self) -> None:
        """Their lines have to be the topic's, whatever the cut."""
        for key in set(self.pipeline.batches()) - self.model.objects.keys():
            body, metadata = self.pipeline.objects.get(key)
            if not metadata:  # a foreign one
                continue
            partition, first, after = (
                int(metadata[f"bictl-{name}"]) for name in ("partition", "first", "next")
            )
            lines = {at: self.model.made[partition, at] for at in range(first, after)}
            seal = hashlib.sha256(body).hexdigest()
            self.model.objects[key] = Object(partition, first, after, lines, seal)
            assert self.damaged.lines(key).keys() == lines.keys()
        self.reached()

    @rule(size=COUNTS)
    def ingest(self, size):
        then = self.reached()
        self.scene.ingest(batch_records=size)
        self.see_new_objects()
        missing = self.model.made.keys() - self.model.claimed()
        assert not {place for place in missing if place[1] >= then.get(place[0], 0)}
        self.did(f"ingest, {size} a batch")

    @rule(size=COUNTS)
    def fill(self, size):
        self.scene.ingest(batch_records=size, fill=True)
        self.see_new_objects()
        assert self.model.made.keys() <= self.model.claimed()
        self.did(f"ingest --fill, {size} a batch")

    @precondition(lambda self: self.model.unique)
    @rule(replay=st.booleans())
    def load(self, replay):
        self.scene.load(replay=replay)
        self.loads += 1
        for key, one in sorted(self.model.objects.items()):
            entry = self.model.ledger.get(key)
            if replay:
                self._forgotten(key, one)
            if replay or entry is None or one.seal not in entry.seals:
                self._loaded(key, one)
        if replay:
            self.model.pruned -= self.model.standing().keys()
        self.did(f"load-bronze{' --replay' if replay else ''}")

    def _forgotten(self, key: str, one: Object) -> None:
        """A replay takes out what an object has brought; what others of its range brought stays."""
        others = {
            other
            for other, entry in self.model.ledger.items()
            if other != key and span(entry) & span(one)
        }
        self.model.rows = [
            row
            for row in self.model.rows
            if row.file in others or (row.partition, row.offset) not in span(one)
        ]
        if not others:
            self.model.pruned -= span(one)
        self.model.ledger.pop(key, None)

    def _loaded(self, key: str, one: Object) -> None:
        there = self.model.standing()
        for at, line in one.lines.items():
            self.model.pruned.discard((one.partition, at))
            if (one.partition, at) not in there:
                self.model.rows.append(Row(one.partition, at, line, key, load=self.loads))
        entry = Entry(one.partition, one.first, one.after, {one.seal})
        self.model.ledger.setdefault(key, entry).seals.add(one.seal)

    @precondition(lambda self: self.model.shown is None)
    @rule()
    def embed(self):
        self.damaged.embed_as_shown()
        self.model.unindexed = False

    @precondition(lambda self: not wrong(self.model.truth()))
    @rule()
    def prune(self):
        report = stages.verify(self.scene.work, self.pipeline.table)
        assert report.complete, report.headline
        stages.prune(self.scene.work, self.pipeline.table, wish=everything())
        query = f"select kafka_partition, kafka_offset from {BRONZE}"
        left = set(self.pipeline.database.rows(query))
        gone = [row for row in self.model.rows if (row.partition, row.offset) not in left]
        assert all(replaced(self.model, row) for row in gone)
        self.model.rows = [row for row in self.model.rows if row not in gone]
        self.model.pruned |= {(row.partition, row.offset) for row in gone}
        self.did(f"prune: {len(gone)} rows")

    @precondition(lambda self: self.model.shown is not None)
    @rule()
    def transform(self):
        """What dbt does, without the seconds that it takes."""
        self.pipeline.database.script(
            f"drop view {STAGING}; drop table public.frozen; create view {STAGING} as {self.view}"
        )
        self.model.shown, self.model.loads = None, {}
        self.did("transform")

    @precondition(lambda self: not self.model.unique)
    @rule()
    def migrate(self):
        migrate(self.pipeline.database, [self.pipeline.table])
        self.model.unique = True
        self.did("migrate")

    # Damages -------------------------------------------------------------------------------------

    @precondition(lambda self: self.model.objects)
    @rule(chance=CHANCE)
    def an_object(self, chance):
        self.damaged.chance.seed(chance)
        key = self.damaged.chance.choice(sorted(self.model.objects))
        self.damaged.delete_object(key)

    @precondition(lambda self: self.model.rows)
    @rule(chance=CHANCE, count=st.integers(1, 4))
    def some_rows(self, chance, count):
        known = sorted((row.partition, row.offset) for row in self.model.rows)
        places = random.Random(chance).sample(known, min(len(known), count))
        self.damaged.delete_rows(set(places))

    @rule(chance=CHANCE)
    def a_vector(self, chance):
        self.damaged.chance.seed(chance)
        deeds = [
            self.damaged.orphan_vector,
            self.damaged.stale_vector,
            self.damaged.spoil_vector,
            self.damaged.drop_index,
        ]
        self.damaged.chance.choice(deeds)()

    @precondition(lambda self: self.model.staged())
    @rule(chance=CHANCE)
    def staging(self, chance):
        self.damaged.chance.seed(chance)
        id = self.damaged.chance.choice(sorted(one.id for one in self.model.staged()))
        deeds = [self.damaged.hide_from_staging, self.damaged.rename_in_staging]
        self.damaged.chance.choice(deeds)({id})

    @precondition(lambda self: self.model.ledger)
    @rule(chance=CHANCE)
    def the_ledger(self, chance):
        key = random.Random(chance).choice(sorted(self.model.ledger))
        self.damaged.lie(key)

    @rule(deed=st.sampled_from(["drop_frontier", "foreign_object", "drop_unique", "freeze"]))
    def something_else(self, deed):
        getattr(self.damaged, deed)()

    # The verdict ---------------------------------------------------------------------------------

    @invariant()
    def verify_says_what_the_model_says(self):
        self._judge("default")

    def teardown(self):
        with contextlib.ExitStack() as closing:
            closing.callback(self._ended, self.pipeline)
            closing.callback(self.scene.close)
            self._judge("deep")

    def _judge(self, level: str) -> None:
        truth = self.model.truth()
        report = self.pipeline.verify(level=level)
        said = judge(report, truth)
        assert not said, "\n".join([*said, *self.damaged.done, "", *wrong(truth), *alarms(report)])


@pytest.fixture
def lives(shared, prepared, new_settings):
    """`lives(examples, steps)`: lets so many pipelines live for so long."""

    def open_pipeline() -> Pipeline:
        topic = f"cord.{secrets.token_hex(6)}.dbo.Product"
        made = new_settings(topic, prepared.postgres.dbname)
        return Pipeline(made, Clients(made))

    def ended(pipeline: Pipeline) -> None:
        pipeline.clients.close()
        drop_database(shared, pipeline.settings.postgres.dbname)

    def live(examples: int, steps: int) -> None:
        how = settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        run_machine(lambda: Life(open_pipeline, ended), settings=how)

    return live


def test_a_life_is_judged_as_the_model_judges_it(lives):
    lives(1, 5)


@pytest.mark.faults
@pytest.mark.timeout(3600)
def test_many_lives_are_judged_as_the_model_judges_them(lives):
    lives(12, 20)
