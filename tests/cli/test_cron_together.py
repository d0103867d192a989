"""Runs at once: one does the work, the others wait or say who does."""

import os
import re
import signal
import socket
from contextlib import ExitStack

import pytest
from cron_stages import COUNT, one_and_swept

from bictl.ops.locks import stage_lock, topic_lock

EIGHT = 8
HELD = re.compile(r"error: another run holds the lock of .*: pid \d+ on \S+ \(.* old\)")


@pytest.fixture
def eight(bictl):
    """`eight("ingest")`: eight of them started at once; (exit code, stdout, stderr) of each."""

    def start(*words, **how):
        together = [bictl.start(*words, **how) for _ in range(EIGHT)]
        spoken = [process.communicate(timeout=480) for process in together]
        return [(process.returncode, *said) for process, said in zip(together, spoken, strict=True)]

    return start


@pytest.mark.timeout(600)
def test_eight_whole_runs_that_wait_all_end_well(produced, eight, clients, cli):
    ended = eight("run", "--lock-wait", "400", "--json")
    assert {code for code, *_ in ended} == {0}, ended
    assert clients.database.value("select sum(n_loaded) from bictl.object_ledger") == COUNT
    assert cli("verify", "-q").exit_code == 0


def test_the_host_s_time_zone_changes_nothing(produced, cli):
    """From one side of a change of daylight saving time to the other, and around the world."""
    zones = iter(("America/New_York", "Pacific/Apia", "EST5EDT,J1/0,J2/0", "Asia/Kolkata"))
    for words in (("ingest",), ("load-bronze",), ("run",), ("verify", "-q")):
        done = cli(*words, env={"TZ": next(zones)})
        assert done.exit_code == 0, done.stderr


@pytest.fixture
def held(settings, clients):
    """`held("ingest")` holds the stage's lock until the block is left."""

    def hold(stage):
        if stage == "ingest":
            topic = settings.table("product").topic
            return topic_lock(settings.state_dir, topic, wait=0, command="ingest product")
        lock = clients.new_database()
        return stage_lock(lock, stage, "product", wait=0, command=f"{stage} product")

    return hold


STAGES = ("ingest", "load-bronze", "transform", "embed")


@pytest.mark.parametrize("stage", one_and_swept(*STAGES))
def test_who_waits_says_once_for_whom_and_gets_the_lock_when_it_is_free(
    produced, held, bictl, cli, stage
):
    assert cli("run").exit_code == 0
    with ExitStack() as lock:
        lock.enter_context(held(stage))
        running = bictl.start(stage, "--lock-wait", "60")
        line = running.stderr.readline()
    _, rest = running.communicate(timeout=60)
    holder = f"pid {os.getpid()} on {socket.gethostname()[:30]}"
    assert line.startswith("another run holds the lock of ")
    assert holder in line
    assert line.endswith("waiting up to 60 s\n")
    assert running.returncode == 0, rest
    assert "another run" not in rest


@pytest.mark.parametrize("stage", STAGES)
def test_who_does_not_wait_is_told_at_once_with_5(produced, held, cli, stage):
    assert cli("run").exit_code == 0
    with held(stage):
        done = cli("-q", stage, "--lock-wait", "0")
    assert done.exit_code == 5
    assert HELD.match(done.stderr)
    assert done.stderr.count("\n") == 2


@pytest.mark.parametrize("stage", ["ingest", "embed", "run"])
def test_a_signal_ends_the_waiting(produced, held, bictl, cli, stage):
    assert cli("run").exit_code == 0
    with held("ingest" if stage == "run" else stage):
        running = bictl.start(stage, "--lock-wait", "60")
        running.stderr.readline()
        running.send_signal(signal.SIGTERM)
        _, err = running.communicate(timeout=30)
    assert running.returncode == 143
    assert err.count("error: ") == 1
