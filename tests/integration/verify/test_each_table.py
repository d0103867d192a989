"""Verdicts on several tables: one that cannot be come to is in its own report."""

import pytest

from bictl.errors import NotFound, RetentionPassed, StageFailed, Unreachable
from bictl.pipeline import Work, verify_each
from bictl.verify.report import State
from bictl.verify.run import not_judged


def test_a_connection_that_breaks_in_one_table_s_verdict_leaves_the_next_one_s(
    pipeline, before_check
):
    """The same table twice stands for two: the first loses its connection at its last check."""
    broken = []

    def end_once():
        if not broken:
            broken.append(True)
            mine = pipeline.value("select pg_backend_pid()")
            with pipeline.clients.new_database() as other:
                other.rows("select pg_terminate_backend(%s)", [mine])

    before_check("M1", end_once)
    work = Work(clients=pipeline.clients, settings=pipeline.settings, run="")
    first, second = verify_each(work, [pipeline.table, pipeline.table])
    assert broken
    assert (first.state, first.complete) == (State.UNKNOWN, False)
    assert second.complete, second.headline


def test_an_unknown_check_is_said_before_any_table_is_judged(pipeline):
    work = Work(clients=pipeline.clients, settings=pipeline.settings, run="")
    with pytest.raises(NotFound) as unknown:
        verify_each(work, [pipeline.table], select=["K99"])
    assert "did you mean 'K9'?" in unknown.value.hint


@pytest.mark.parametrize(
    ("error", "state", "code"),
    [
        (StageFailed("odd"), State.UNKNOWN, 3),
        (Unreachable("gone"), State.UNKNOWN, 4),
        (RetentionPassed("lost 0:[1,2)"), State.FAIL, 6),
    ],
)
def test_what_could_not_be_judged_is_never_complete(pipeline, error, state, code):
    report = not_judged(pipeline.table, error, level="default")
    assert (report.state, report.complete, report.exit_code) == (state, False, code)
    assert error.message in report.headline
    assert {item.state for item in report.boundaries} == {State.UNKNOWN}
