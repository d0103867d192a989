"""A host whose clock is wrong, or whose disk is full: it is said, and a rerun completes."""

import time

import pytest

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1800)]
# The state directory becomes a disk of its own, on which nothing is free.
FULL_DISK = 'mount -t tmpfs -o size=64k tmpfs "$0"; cat /dev/zero > "$0/filler"; exec "$@"'


@pytest.mark.parametrize("clock", ["+1h", "-1h"])
@pytest.mark.parametrize("name", ["ingest", "load-bronze"])
def test_a_clock_an_hour_off_is_named_where_the_store_refuses_it(new_sweep, name, clock):
    ended, outcome = new_sweep(name).under("faketime", "-f", clock)
    assert ended.returncode == 2, ended.stderr
    assert "RequestTimeTooSkewed" in ended.stderr
    assert "by NTP" in ended.stderr
    assert not outcome.wrong, outcome.wrong


@pytest.mark.parametrize("name", ["ingest", "load-bronze"])
def test_a_clock_that_stands_still_stops_nothing(new_sweep, name):
    now = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime())
    ended, outcome = new_sweep(name).under("env", "DONT_FAKE_MONOTONIC=1", "faketime", "-f", now)
    assert ended.returncode in (0, 3), ended.stderr
    assert not outcome.wrong, outcome.wrong


def test_a_full_disk_stops_ingest_before_it_writes(new_sweep, world):
    behind = ("unshare", "-rm", "sh", "-c", FULL_DISK, str(world.state_dir))
    ended, outcome = new_sweep("ingest").under(*behind)
    assert ended.returncode == 1, ended.stderr
    assert "error: No space left on device" in ended.stderr
    assert not outcome.wrong, outcome.wrong
