"""A command that is killed anywhere, or started eight times at once: as if it had run once.

Every point of every stage is `make chaos`; here are those around which something becomes durable.
"""

from fnmatch import fnmatch

import pytest
from kill_cases import CASES
from kills import spread

EIGHT = 8
SLICES = 4
POINTS_OF_A_CALL = 40  # evenly spread, of each system call
MAY_BE_MISSED = "kafka "  # how often Kafka's client asks depends on how soon it is answered

# What `make test` has time for; the sweep of `make chaos` comes to all of them.
TURNING_POINTS = (
    ("ingest", "s3 PUT */batch*", ("inside 0", "after 3")),
    ("ingest", "s3 PUT */frontier/*", ("after 1",)),
    ("load-bronze", "*copy pg_temp.bictl_batch*", ("inside 1",)),
    ("load-bronze", "*commit", ("before 0", "after 3")),
    ("embed", "*copy *(text_no, embedding)*", ("inside 0",)),
    ("prune", "*rows of one window that may go*", ("after 0",)),
)


def _cases(*often: str) -> list:
    """Every stage; only those that are named in `make test`, too."""
    return [
        name if name in often else pytest.param(name, marks=pytest.mark.chaos)
        for name in CASES
        if name != "verify"  # it changes nothing, and takes no lock
    ]


@pytest.mark.parametrize(
    ("name", "call", "moment"),
    [(name, call, moment) for name, call, moments in TURNING_POINTS for moment in moments],
)
def test_a_kill_around_what_becomes_durable_is_healed_by_a_plain_rerun(
    new_sweep, report, name, call, moment
):
    sweep, (when, nth) = new_sweep(name), moment.split()
    met = [point for point in sweep.points if fnmatch(point.label, call) and point.moment == when]
    assert len(met) > int(nth), f"{name} has no such call: {call}"
    outcome = sweep.kill(met[int(nth)])
    report(name, outcome, of=len(sweep.points))
    assert outcome.fired
    assert not outcome.wrong, outcome.wrong


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", _cases("load-bronze"))
def test_eight_starts_at_once_do_the_work_once(new_sweep, name):
    sweep = new_sweep(name)
    ended, wrong = sweep.together(EIGHT, has_locks=True)
    codes = [one.code for one in ended]
    assert set(codes) <= {0, 3, 5}, ended
    assert {0, 3} & set(codes)
    assert all("another run holds the lock of" in one.said for one in ended if one.code == 5)
    assert sweep.amount_of(ended) == sweep.amount
    assert not wrong, wrong


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", _cases("migrate", "ingest", "load-bronze"))
def test_without_locks_eight_starts_at_once_end_the_same(new_sweep, name):
    sweep = new_sweep(name)
    ended, wrong = sweep.together(EIGHT, has_locks=False)
    assert {one.code for one in ended} <= {0, 3}, ended
    assert not wrong, wrong


@pytest.mark.chaos
@pytest.mark.timeout(14_400)
@pytest.mark.parametrize("part", range(SLICES))
@pytest.mark.parametrize("name", CASES)
def test_a_kill_at_any_point_is_healed_by_a_plain_rerun(new_sweep, report, most_points, name, part):
    sweep, wrong = new_sweep(name), []
    for point in spread(sweep.points, most_points)[part::SLICES]:
        outcome = sweep.kill(point)
        report(name, outcome, of=len(sweep.points))
        if outcome.wrong or not (outcome.fired or MAY_BE_MISSED in point.label):
            wrong.append(f"{point}: {outcome.wrong or 'did not fire'}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.chaos
@pytest.mark.timeout(14_400)
@pytest.mark.parametrize("call", ["sendto", "recvfrom"])
@pytest.mark.parametrize("name", ["ingest", "load-bronze"])
def test_a_kill_at_a_system_call_is_healed_by_a_plain_rerun(new_sweep, report, name, call):
    """Below every library: what the kernel is asked to send and to receive."""
    sweep, wrong = new_sweep(name), []
    count = sweep.calls(call)
    for nth in range(1, count + 1, max(1, count // POINTS_OF_A_CALL)):
        outcome = sweep.cut(call, nth)
        report(f"{name} at {call}", outcome, of=count)
        if outcome.wrong:
            wrong.append(f"{call} {nth}: {outcome.wrong}")
    assert not wrong, "\n".join(wrong)
