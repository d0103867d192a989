"""A Postgres that stands still or says nothing ends every wait, also where no --timeout was given;
one that is only slow has all the time that it takes."""

import re
import time
from dataclasses import replace

import pytest
from cron_stages import Bictl, closed_gate, is_waiting, until
from test_outages import GATES

from bictl.clients import Clients
from bictl.clients.database import Database
from bictl.errors import TimedOut, Unreachable
from bictl.settings import Settings

pytestmark = pytest.mark.timeout(600)  # the scene is made within the first test

PATIENCE = 2.0  # seconds
OF_A_COMMAND = 30.0
SLACK = 15.0  # of a loaded machine


@pytest.fixture
def pipeline(scene):
    with scene.pipeline("produced") as settings:
        yield settings


def through_the_wire(scene, settings: Settings) -> Database:
    port = scene.wire["postgres"].port
    return Database(replace(settings.postgres, port=port), timeout=PATIENCE)


def silent(scene):
    scene.wire["postgres"].toxic("timeout", timeout=0)


def deaf(scene):
    scene.wire["postgres"].toxic("timeout", "upstream", timeout=0)


@pytest.mark.parametrize("fault", [silent, pytest.param(deaf, marks=pytest.mark.outages)])
def test_a_statement_that_nobody_answers_any_more_is_given_up(scene, pipeline, fault):
    with through_the_wire(scene, pipeline) as database:
        assert database.value("select 1") == 1
        fault(scene)
        began = time.monotonic()
        with pytest.raises(TimedOut) as caught:
            database.value("select 2")
        assert 3 * PATIENCE <= time.monotonic() - began < 3 * PATIENCE + SLACK
        assert re.search(r"does not answer: the statement was given up after \d+ s", str(caught))
        assert caught.value.hint
        scene.heal(services=False)
        assert database.value("select 3") == 3  # on a new connection


def test_a_frozen_server_is_given_up_in_the_middle_of_a_copy(scene, pipeline):
    class Source:
        reads = 0

        def read(self, size):
            self.reads += 1
            if self.reads == 3:
                held.append(scene.frozen("postgres"))
                held[0].__enter__()
            return b"x" * 1000 + b"\n" if self.reads < 100_000 else b""

    held = []
    with through_the_wire(scene, pipeline) as database:
        database.execute("create table public.lines (line text)")
        try:
            with pytest.raises(Unreachable), database.transaction():
                database.copy_in("copy public.lines from stdin", Source())
        finally:
            held[0].__exit__(None, None, None)
        assert database.value("select count(*) from public.lines") == 0


def test_a_statement_may_take_its_time_while_its_server_answers(scene, pipeline):
    with through_the_wire(scene, pipeline) as database:
        before = scene.wire["postgres"].connections
        assert database.value("select 'done' from pg_sleep(%s)", [4 * PATIENCE]) == "done"
        assert scene.wire["postgres"].connections >= before + 3  # it was asked after


@pytest.mark.outages
def test_a_server_that_is_silent_for_a_moment_is_not_given_up(scene, pipeline):
    with through_the_wire(scene, pipeline) as database, Clients(pipeline) as clients:
        with scene.frozen("postgres"):
            time.sleep(1.5 * PATIENCE)  # one question finds nobody
        until(lambda: clients.database.value("select 1"))
        assert database.value("select 1 from pg_sleep(%s)", [3 * PATIENCE]) == 1


@pytest.mark.outages
@pytest.mark.parametrize("stage", ["load-bronze", "transform", "embed"])
def test_a_stage_without_a_timeout_ends_when_postgres_stands_still(scene, tmp_path, stage):
    begins, more = {
        "load-bronze": ("sealed", ()),
        "transform": ("loaded", ("--force",)),
        "embed": ("whole", ("--rebuild",)),
    }[stage]
    with scene.pipeline(begins) as settings, Clients(settings) as clients:
        bictl = Bictl(settings, tmp_path)
        with closed_gate(clients, stage, GATES):
            running = bictl.start("-q", stage, *more, env=scene.through())
            until(lambda: is_waiting(clients), 200)
            began = time.monotonic()
            with scene.frozen("postgres"):
                _, err = running.communicate(timeout=10 * OF_A_COMMAND)
            took = time.monotonic() - began
    assert running.returncode == 4, err
    assert [line.partition(":")[0] for line in err.splitlines()] == ["error", "hint"], err
    assert "does not answer" in err or "cannot reach Postgres" in err, err
    assert took < 6 * OF_A_COMMAND
    print(f"{stage}: {took:.0f} s, {err}")
