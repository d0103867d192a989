"""E6 to E8 and T1 as words: what is a failure, what a warning, and what is neither."""

from datetime import timedelta

import pytest
from evidence import NOW, TABLE

from bictl.clients.dbt_report import Results
from bictl.verify.report import NOTHING, State
from bictl.verify.searched import Recall, Use, extension, index_used, recall
from bictl.verify.staging import Keys
from bictl.verify.tested import LastRun, last_run
from bictl.verify.vectors import Coverage

COVERED = Coverage(
    folded=9,
    expected=9,
    stored=9,
    current=9,
    arriving=0,
    leaving=0,
    missing=NOTHING,
    orphans=NOTHING,
    stale=NOTHING,
)
KEYS = Keys(
    folded=9,
    keyless=0,
    expected=9,
    staged=9,
    common=9,
    missing=NOTHING,
    extra=NOTHING,
    stale=NOTHING,
)
HOUR = timedelta(hours=1)


def test_an_old_pgvector_is_a_warning_that_says_what_is_wrong_with_it():
    assert extension("0.8.5", table=TABLE).state is State.OK
    assert extension("0.10.0", table=TABLE).state is State.OK
    assert "vacuum" in extension("0.8.3", table=TABLE).message
    assert "CVE-2026-3172" in extension("0.7.4", table=TABLE).message
    assert extension(None, table=TABLE).state is State.UNKNOWN


@pytest.mark.parametrize(
    ("rows", "is_used", "can_be_used", "state"),
    [
        (50_000, True, True, State.OK),
        (500, False, True, State.OK),
        (50_000, False, True, State.WARN),
        (500, False, False, State.WARN),
    ],
)
def test_a_small_table_may_be_compared_whole_and_a_large_one_not(rows, is_used, can_be_used, state):
    use = Use(rows=rows, is_used=is_used, can_be_used=can_be_used)
    assert index_used(use, COVERED, table=TABLE).state is state


@pytest.mark.parametrize(
    ("hits", "state"), [(1000, State.OK), (980, State.OK), (979, State.WARN), (949, State.FAIL)]
)
def test_recall_is_a_warning_before_it_is_a_failure(hits, state):
    found = Recall(asked=100, wanted=1000, found=hits, seed="2024-05-14", worst=("7",))
    assert recall(found, COVERED, table=TABLE).state is state


def judged(**facts):
    return last_run(LastRun(**facts), KEYS, now=NOW, max_lag=300, table=TABLE)


def test_no_run_of_dbt_is_recorded_where_somebody_else_runs_it():
    assert judged(loaded_at=NOW - HOUR).state is State.OK


def test_a_failed_run_of_dbt_is_a_failure_until_one_passes():
    check = judged(state="fail", error="StageFailed: dbt test x: 3 rows", newest_at=NOW - HOUR)
    assert (check.state, check.hint) == (State.FAIL, "bictl transform --table product")
    assert "3 rows" in check.message
    assert judged(state="ok", passed_at=NOW).state is State.OK


def test_what_dbt_wrote_down_itself_is_believed_unless_a_newer_run_passed():
    results = Results(at=NOW - HOUR, ended=5, failed=("not_null_stg_product_name",))
    check = judged(results=results)
    assert (check.state, check.extra.keys) == (State.FAIL, ("not_null_stg_product_name",))
    assert judged(state="ok", passed_at=NOW - 2 * HOUR, results=results).state is State.FAIL
    assert judged(state="ok", passed_at=NOW, results=results).state is State.OK


def test_a_killed_run_is_a_warning():
    assert judged(state="killed", newest_at=NOW).state is State.WARN


def test_rows_that_nobody_tested_are_a_warning_once_they_are_old():
    facts = {"state": "ok", "passed_at": NOW - 3 * HOUR}
    assert judged(loaded_at=NOW - HOUR, **facts).state is State.WARN
    assert judged(loaded_at=NOW - timedelta(seconds=300), **facts).state is State.OK
    assert judged(loaded_at=NOW - 4 * HOUR, **facts).state is State.OK
