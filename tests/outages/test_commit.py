"""The connection ends at a COMMIT, and nobody knows whether it took place: the ledger tells."""

from dataclasses import replace

import pytest
from at_commit import at_commit
from cron_stages import COUNT, Bictl
from scene import BATCH, is_loaded, succeed

from bictl.bronze import load
from bictl.clients import Clients
from bictl.errors import Unreachable
from bictl.settings import Settings

pytestmark = pytest.mark.timeout(600)  # the scene is made within the first test

BATCHES = COUNT // BATCH
OTHERS = pytest.mark.outages
MOMENTS = pytest.mark.parametrize("moment", ["before", "after"])


def load_through(settings: Settings, port: int):
    own = replace(settings, postgres=replace(settings.postgres, port=port))
    with Clients(own) as clients:
        table = own.table("product")
        return load(clients.objects, clients.database, table=table, run="test")


@MOMENTS
@pytest.mark.parametrize("number", [2, *(pytest.param(n, marks=OTHERS) for n in (1, BATCHES))])
def test_a_commit_whose_answer_is_lost_is_looked_up_in_the_ledger(scene, moment, number):
    """The batch is there once, and the load goes on as if nothing had been."""
    numbers = range(number, number + 1)
    with (
        scene.pipeline("sealed") as settings,
        at_commit(settings.postgres.port, numbers=numbers, moment=moment) as wire,
    ):
        result = load_through(settings, wire.port)
        assert wire.cut == 1
        assert result.exit_code == 0
        scene.is_as_undisturbed(settings, "loaded")


@OTHERS
@MOMENTS
def test_where_each_commit_is_cut_the_load_ends_and_the_next_one_does_the_rest(scene, moment):
    with scene.pipeline("sealed") as settings:
        numbers = range(1, 1000)
        with (
            at_commit(settings.postgres.port, numbers=numbers, moment=moment) as wire,
            pytest.raises(Unreachable),
        ):
            load_through(settings, wire.port)
        assert wire.cut >= 2
        is_loaded(settings)
        scene.is_as_undisturbed(settings, "loaded")


@OTHERS
@MOMENTS
@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("stage", ["load-bronze", "embed"])
def test_a_stage_whose_commit_is_cut_says_so_or_lives_and_the_next_one_completes(
    scene, tmp_path, stage, number, moment
):
    begins, ends = {"load-bronze": ("sealed", "loaded"), "embed": ("shown", "whole")}[stage]
    numbers = range(number, number + 1)
    with (
        scene.pipeline(begins) as settings,
        at_commit(settings.postgres.port, numbers=numbers, moment=moment) as wire,
    ):
        running = Bictl(settings, tmp_path).start(
            "-q", stage, env=scene.through(postgres=str(wire.port))
        )
        _, err = running.communicate(timeout=120)
        assert wire.cut == 1
        assert running.returncode in (0, 4), err
        assert "Traceback" not in err
        assert running.returncode == 0 or "Postgres" in err
        succeed(settings, tmp_path, stage)
        scene.is_as_undisturbed(settings, ends)
