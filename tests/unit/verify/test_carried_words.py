"""The arithmetic behind a wrapped timestamp, and the words for what the wire cannot carry."""

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bictl.settings import Table
from bictl.verify.carried import Carried, Difference, as_at_the_source, unwrapped
from bictl.verify.report import State

TABLE = Table(name="product", topic="cord.ConcordDb.dbo.Product")
EPOCH = datetime(1970, 1, 1)


def as_java(nanoseconds: int) -> int:
    """What is left of it in 64 bits."""
    return (nanoseconds + 2**63) % 2**64 - 2**63


@given(st.datetimes(), st.integers(0, 9))
def test_every_datetime2_of_sql_server_comes_back_from_its_64_bits(moment, tick):
    nanoseconds = (moment - EPOCH) // timedelta(microseconds=1) * 1000 + tick * 100
    assert unwrapped(as_java(nanoseconds)) == moment


def test_the_known_wrapped_dates_are_what_they_were():
    assert unwrapped(-4852116231933722724) == datetime(9999, 12, 31, 23, 59, 59, 999999)
    assert unwrapped(-4852202631933722624) == datetime(9999, 12, 31)
    assert unwrapped(-6795364578871345152) == datetime(1, 1, 1)
    assert unwrapped(1715682225123456700) == datetime(2024, 5, 14, 10, 23, 45, 123456)


def test_a_number_that_sql_server_cannot_have_sent_stays_unnamed():
    assert unwrapped(1715682225123456789) is None


def test_all_differences_are_one_warning_with_each_repair_once():
    found = Carried(
        judged=10,
        differences=(
            Difference(
                column="Until", kind="wrapped", count=7, examples=(("4", "-4852202631933722624"),)
            ),
            Difference(column="Opens", kind="rounded", count=3, examples=(("4", "1"),)),
            Difference(column="Volume", kind="computed", count=2, examples=(("4", ""), ("9", ""))),
        ),
    )
    check = as_at_the_source(found, keeps_nulls=lambda: None, table=TABLE)
    assert (check.state, check.evaluated, check.extra.total) == (State.WARN, 10, 5)
    assert check.message == (
        "Opens: 3 values of change events rounded to milliseconds; snapshots carry all digits; "
        "Volume: a computed column: change events never carry it: no value any more for 2 keys "
        "that had one from the snapshot (4, 9); "
        "Until: 7 timestamps outside the years 1677 to 2262 arrived wrapped, and staging shows "
        "them as they are at the source: 4: 9999-12-31 00:00:00 and 6 more"
    )
    assert check.hint.count("; ") == 1


def test_what_has_only_wrapped_is_said_and_no_warning():
    wrapped = Difference(
        column="Until", kind="wrapped", count=1, examples=(("4", "-4852116231933722724"),)
    )
    found = Carried(judged=1, differences=(wrapped,))
    check = as_at_the_source(found, keeps_nulls=lambda: None, table=TABLE)
    assert check.state is State.OK
    assert check.message.endswith("at the source: 4: 9999-12-31 23:59:59.999999")


def test_the_connector_is_asked_about_defaults_alone():
    def asked() -> bool:
        raise AssertionError

    late = Difference(column="Seen", kind="late", count=1)
    judged = as_at_the_source(Carried(differences=(late,)), keeps_nulls=asked, table=TABLE)
    assert judged.state is State.WARN
    default = Difference(column="Qty", kind="default", count=1)
    for answer, state in ((True, State.OK), (False, State.WARN), (None, State.WARN)):
        given = Carried(differences=(default,))
        judged = as_at_the_source(given, keeps_nulls=lambda: answer, table=TABLE)  # noqa: B023
        assert judged.state is state
