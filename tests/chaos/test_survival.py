"""A command that is killed anywhere, or started eight times at once: as if it had run once.

Every point of every stage is `make chaos`; here are those around which something becomes durable.
"""

from fnmatch import fnmatch

import pytest
from kill_cases import CASES

EIGHT = 8
SLICES = 4
POINTS_OF_A_CALL = 40  # evenly spread, of each system call
MAY_BE_MISSED = "kafka "  # how often Kafka's client asks depends on how soon it is answered

TURNING_POINTS = (
    ("ingest", "s3 PUT */batch*", ("inside 0", "after 0", "after 3")),
    ("ingest", "s3 PUT */frontier/*", ("inside 0", "after 1")),
    ("load-bronze", "*copy pg_temp.bictl_batch*", ("inside 1",)),
    ("load-bronze", "*commit", ("before 0", "after 0", "after 3")),
    ("load-bronze --replay", "*commit", ("after 1",)),
    ("transform", "dbt postgres COMMIT", ("before 2",)),
    ("embed", "*copy embed_vector*", ("inside 0",)),
    ("embed", "*create index concurrently*", ("before 0",)),
    ("prune", "*rows of one window that may go*", ("after 0",)),
    ("quarantine retry", "*commit", ("before 0",)),
    ("ack", "s3 PUT *", ("inside 0",)),
)
AT_ONCE = ("migrate", "ingest", "load-bronze", "embed", "prune", "quarantine retry")
# eight times dbt, and what goes the same ways as one of those above
LONG = [
    pytest.param(name, marks=pytest.mark.chaos)
    for name in CASES
    if name not in (*AT_ONCE, "transform", "verify")
]
DBT_EIGHT_TIMES = pytest.param("transform", marks=pytest.mark.chaos)


@pytest.mark.parametrize(
    ("name", "call", "moment"),
    [(name, call, moment) for name, call, moments in TURNING_POINTS for moment in moments],
)
def test_a_kill_around_what_becomes_durable_is_healed_by_a_plain_rerun(
    new_sweep, report, name, call, moment
):
    sweep, (when, nth) = new_sweep(name), moment.split()
    met = [point for point in sweep.points if fnmatch(point.label, call) and point.moment == when]
    outcome = sweep.kill(met[int(nth)])
    report(name, outcome)
    assert outcome.fired
    assert not outcome.wrong, outcome.wrong


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", [*AT_ONCE, "transform", *LONG])
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
@pytest.mark.parametrize("name", [*AT_ONCE, DBT_EIGHT_TIMES, *LONG])
def test_without_locks_eight_starts_at_once_end_the_same(new_sweep, name):
    sweep = new_sweep(name)
    ended, wrong = sweep.together(EIGHT, has_locks=False)
    assert {one.code for one in ended} <= {0, 3}, ended
    assert not wrong, wrong


@pytest.mark.chaos
@pytest.mark.timeout(14_400)
@pytest.mark.parametrize("part", range(SLICES))
@pytest.mark.parametrize("name", CASES)
def test_a_kill_at_any_point_is_healed_by_a_plain_rerun(new_sweep, report, name, part):
    sweep, wrong = new_sweep(name), []
    for point in sweep.points[part::SLICES]:
        outcome = sweep.kill(point)
        report(name, outcome)
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
        report(f"{name} at {call}", outcome)
        if outcome.wrong:
            wrong.append(f"{call} {nth}: {outcome.wrong}")
    assert not wrong, "\n".join(wrong)
