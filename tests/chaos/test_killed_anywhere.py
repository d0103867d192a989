"""SIGKILL before, inside or after a call, then a plain rerun: as if nothing had happened.

Every point of every stage is `make chaos`; here are those around which something becomes durable.
"""

from fnmatch import fnmatch

import pytest
from kill_cases import CASES

SLICES = 4
MAY_BE_MISSED = "kafka "  # how often Kafka's client asks depends on how soon it is answered

TURNING_POINTS = (
    ("ingest", "s3 PUT */batch*", ("before 0", "inside 0", "after 0", "after 3")),
    ("ingest", "s3 PUT */frontier/*", ("before 0", "inside 0", "after 0", "before 3")),
    ("load-bronze", "*copy pg_temp.bictl_batch*", ("inside 0", "inside 1")),
    ("load-bronze", "*copied records into bronze*", ("after 0",)),
    ("load-bronze", "*commit", ("before 0", "after 0", "before 1", "after 3")),
    ("load-bronze --replay", "*commit", ("before 1", "after 1")),
    ("embed", "*copy embed_vector*", ("inside 0",)),
    ("embed", "*commit", ("before 2", "after 2")),
    ("embed", "*create index concurrently*", ("before 0",)),
    ("prune", "*commit", ("before 0", "after 0")),
    ("quarantine retry", "*commit", ("before 0", "after 0")),
    ("ack", "s3 PUT *", ("inside 0", "after 0")),
    ("transform", "dbt postgres COMMIT", ("before 2",)),
    ("transform", "file open dbt/*/stderr.log", ("after 0",)),
)


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
