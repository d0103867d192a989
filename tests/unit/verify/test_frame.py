"""How one check is run: nothing that is amiss stays without its evidence."""

from types import SimpleNamespace

import pytest
from evidence import TABLE

from bictl.errors import Unreachable
from bictl.verify import frame
from bictl.verify.frame import Definition
from bictl.verify.report import Finding, State, passed

WORLD = SimpleNamespace(table=TABLE, may_be_empty=False, cut_words="0:7")


def run(judge):
    return frame.run(
        Definition("B9", "nothing is amiss", "objects → bronze", judge, grows="not at all"), WORLD
    )


@pytest.mark.parametrize("state", [State.FAIL, State.WARN])
def test_a_finding_without_words_of_its_own_says_what_was_expected_and_what_to_do(state):
    found = run(lambda _: Finding(state=state, evaluated=1, message="3 are amiss"))
    assert (found.expected, found.actual) == ("nothing is amiss", "3 are amiss")
    assert found.hint == "bictl verify --table product --select B9 --json"
    assert found.cut == "0:7"


def test_what_a_finding_says_itself_stays():
    said = Finding(
        state=State.FAIL, evaluated=1, message="m", expected="7 rows", actual="6 rows", hint="h"
    )
    found = run(lambda _: said)
    assert (found.expected, found.actual, found.hint) == ("7 rows", "6 rows", "h")


def test_what_is_well_says_nothing_more():
    found = run(lambda _: passed(1))
    assert (found.expected, found.actual, found.hint) == ("", "", "")


def test_what_looked_at_nothing_or_was_not_answered_is_unknown():
    def silent(_):
        raise Unreachable("no answer")

    assert run(lambda _: passed(0)).state is State.UNKNOWN
    found = run(silent)
    assert (found.state, found.unreachable, found.hint) == (State.UNKNOWN, True, "bictl doctor")


def test_what_the_deadline_left_out_says_whom_it_waited_for():
    found = frame.left_out(
        Definition("B9", "t", "b", lambda _: passed(1), grows="not at all"), waiting="Postgres at x"
    )
    assert found.message == "stopped before it was evaluated: waited for Postgres at x"
    assert found.hint
