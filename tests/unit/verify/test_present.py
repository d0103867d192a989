"""The sentence and the forms of a verdict."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bictl.records import Range
from bictl.verify.present import (
    SCHEMA,
    as_document,
    boundary_rows,
    check_rows,
    nagios_code,
    nagios_text,
)
from bictl.verify.report import (
    NOTHING,
    Boundary,
    Check,
    Kind,
    Report,
    State,
    Tally,
    of_keys,
    of_ranges,
)
from bictl.verify.run import concluded

FLOW = ("Kafka", "objects", "bronze", "staging", "vectors")
VERBS = ("ingested", "loaded", "in staging", "embedded")
BREAK = "Break: Kafka → objects, partition 0, offsets [115,61443) (61328 records) not ingested"


def boundary(number, tally, state=State.OK, **fields):
    return Boundary(
        upstream=FLOW[number],
        downstream=FLOW[number + 1],
        verb=VERBS[number],
        state=state,
        tally=tally,
        **fields,
    )


def check(state=State.OK, name="K5", **fields):
    given = {"boundary": "Kafka → objects", "evaluated": 1, "message": "", **fields}
    return Check(id=name, title="a check", state=state, **given)


def report(boundaries, checks=(), **fields):
    given = {
        "table": "product",
        "topic": "cord.ConcordDb.dbo.Product",
        "level": "default",
        "run": "r1",
        "started": datetime(2024, 5, 14, 12, tzinfo=UTC),
        "seconds": 1.5,
        "cut": ("0:61443",),
        "scope": ("kafka", "objects", "bronze", "staging", "vectors"),
        "unverified": ("source",),
        **fields,
    }
    return concluded(
        Report(boundaries=tuple(boundaries), checks=tuple(checks or [check()]), **given)
    )


def agreeing(records=61443, keys=47000):
    return [
        boundary(0, Tally(expected=records, accounted=records)),
        boundary(1, Tally(expected=records, accounted=records)),
        boundary(2, Tally(unit="keys", expected=keys, accounted=keys)),
        boundary(3, Tally(unit="keys", expected=keys, accounted=keys)),
    ]


def the_old_lie(**fields):
    """61,443 captured, 115 arrived, and 115 = 115 = 115 = 115 below."""
    missing = of_ranges([Range(0, 115, 61443)])
    first = boundary(
        0,
        Tally(expected=61443, accounted=115, missing=missing),
        State.FAIL,
        hint="bictl ingest --table product",
    )
    late = check(State.FAIL, missing=missing, message="x", hint="bictl ingest --table product")
    return report([first, *agreeing(115, 115)[1:]], [late], **fields)


def test_115_of_61443_is_never_called_complete():
    found = the_old_lie()
    assert found.headline == f"0.18 % of 61443 records accounted for. {BREAK}"
    assert (found.state, found.exit_code, found.complete) == (State.FAIL, 1, False)
    assert "complete" not in nagios_text([found])
    assert as_document(found)["complete"] is False
    assert as_document(found)["boundaries"][0]["complete"] is False


def test_complete_names_its_scope_and_what_is_out_of_it():
    assert report(agreeing()).headline == (
        "Kafka → vectors complete: 61443 of 61443 records through 0:61443; source not verified"
    )


def test_complete_names_what_a_person_accepted_as_lost():
    lost = of_ranges([Range(0, 115, 200)], at_most=True)
    assert report(agreeing(), accepted_loss=lost).headline == (
        "Kafka → vectors complete: 61443 of 61443 records through 0:61443; partition 0, offsets"
        " [115,200) (at most 85 records) acknowledged as lost; source not verified"
    )


def test_complete_says_how_much_of_it_is_in_quarantine():
    assert report(agreeing(), quarantined=3).headline == (
        "Kafka → vectors complete: 61443 of 61443 records through 0:61443; 3 of them in quarantine"
        " and not in bronze; source not verified"
    )


def test_records_in_flight_are_counted_and_not_called_complete():
    found = report(
        [boundary(0, Tally(expected=120, accounted=115, in_flight=5)), *agreeing(115, 100)[1:]]
    )
    assert found.headline == (
        "Kafka → vectors in flight: 115 of 120 records accounted for through 0:61443; "
        "5 records not ingested yet; source not verified"
    )
    assert (found.exit_code, found.complete) == (0, False)
    assert boundary_rows(found)[0]["state"] == "in flight"


def test_the_first_break_in_the_flow_is_the_one_that_is_named():
    missing = of_keys(["7", "8"])
    broken = agreeing()
    broken[2] = boundary(
        2, Tally(unit="keys", expected=47000, accounted=46998, missing=missing), State.FAIL
    )
    broken[3] = boundary(3, Tally(unit="keys", expected=46998, accounted=46000), State.FAIL)
    assert report(broken, [check(State.FAIL)]).headline == (
        "99.99 % of 47000 keys accounted for. Break: bronze → staging, 2 keys not in staging: 7, 8"
    )


def test_loss_is_named_before_any_other_break():
    lost = check(
        State.FAIL,
        "O3",
        kind=Kind.LOSS,
        boundary="objects → bronze",
        message="1 loaded object is gone: k",
    )
    broken = agreeing()
    broken[0] = boundary(
        0,
        Tally(expected=61443, accounted=115, missing=of_ranges([Range(0, 115, 61443)])),
        State.FAIL,
    )
    found = report(broken, [check(State.FAIL), lost])
    assert found.headline.endswith("Break: objects → bronze, 1 loaded object is gone: k")
    assert found.exit_code == 6


def test_an_unknown_boundary_is_named_with_its_reason():
    found = report(
        [*agreeing()[:3], boundary(3, None, State.UNKNOWN)],
        [check(), check(State.UNKNOWN, "E1", evaluated=0, message="no answer from Postgres")],
    )
    assert found.headline == (
        "cannot tell: staging → vectors (no answer from Postgres); "
        "Kafka → objects, objects → bronze, bronze → staging agree; source not verified"
    )
    assert found.exit_code == 3


def test_a_quick_look_names_the_verdict_it_stands_on_and_never_says_complete():
    found = report(
        agreeing()[:2],
        level="quick",
        since="verified through 0:61443 at 2024-05-14 12:00 UTC",
        unverified=("source", "staging", "vectors"),
    )
    assert found.headline.startswith("verified through 0:61443 at 2024-05-14 12:00 UTC; since then")
    assert found.headline.endswith("source, staging, vectors not verified")
    assert "complete" not in found.headline
    assert not found.complete


def test_where_only_offsets_are_known_the_sentence_says_at_most():
    missing = of_ranges([Range(0, 90, 100)], at_most=True)
    first = boundary(0, Tally(expected=95, accounted=85, missing=missing, at_most=True), State.FAIL)
    found = report([first, *agreeing(85, 85)[1:]], [check(State.FAIL, missing=missing)])
    assert found.headline == (
        "89.47 % of at most 95 records accounted for. Break: Kafka → objects, "
        "partition 0, offsets [90,100) (at most 10 records) not ingested"
    )


def test_the_document_holds_the_exact_ranges():
    document = json.loads(json.dumps({"schema": SCHEMA, **as_document(the_old_lie())}))
    assert document["schema"] == "bictl.verify/1"
    first = document["boundaries"][0]
    assert (first["from"], first["to"], first["missing"]) == ("kafka", "objects", 61328)
    assert document["checks"][0]["missing"] == {
        "count": 61328,
        "at_most": False,
        "ranges": [{"partition": 0, "first": 115, "next": 61443}],
        "keys": [],
    }
    assert document["percent"] == "0.18"
    assert document["unverified"] == ["source"]


def test_nagios_gets_one_line_performance_data_and_the_failed_checks():
    assert nagios_text([the_old_lie()]) == (
        f"BICTL CRITICAL - 0.18 % of 61443 records accounted for. {BREAK} "
        "| expected=61443;;;0 accounted=115;;;0 missing_kafka_objects=61328;;;0 "
        "missing_objects_bronze=0;;;0 missing_bronze_staging=0;;;0 missing_staging_vectors=0;;;0 "
        "unknown_checks=0;;;0 time=1.500s;;;0\n"
        "K5 fail: x -> bictl ingest --table product\n"
    )


@pytest.mark.parametrize(
    ("state", "code"), [(State.OK, 0), (State.WARN, 1), (State.FAIL, 2), (State.UNKNOWN, 3)]
)
def test_nagios_codes_are_its_own(state, code):
    assert nagios_code([report(agreeing(), [check(state)])]) == code


def test_nagios_gets_one_line_for_all_unknown_checks_of_a_table():
    unknown = [
        check(State.UNKNOWN, name, message="Kafka does not answer", hint="bictl doctor")
        for name in ("K1", "K2", "K3", "K4", "K5", "K6", "K7", "K8")
    ]
    lines = nagios_text([report(agreeing(), unknown), report(agreeing(), table="category")])
    first, *rest = lines.splitlines()
    assert first.startswith("BICTL UNKNOWN - product: cannot tell: ")
    assert "; category: ok | " in first
    assert rest == [
        "product 8 checks unknown (K1, K2, K3, K4, K5, K6 and 2 more): Kafka does not answer"
        " -> bictl doctor"
    ]


def test_a_failure_does_not_begin_with_a_hundred_per_cent():
    wrong = check(State.FAIL, message="two objects with other content", boundary="Kafka → objects")
    assert report(agreeing(), [wrong]).headline == (
        "Break: Kafka → objects, two objects with other content"
    )


def test_what_is_unknown_for_many_reasons_names_the_first_of_them():
    unknown = [check(State.UNKNOWN, message=f"reason {number}") for number in range(1, 6)]
    assert "(reason 1; reason 2; reason 3; and 2 more reasons)" in (
        report(agreeing(), unknown).headline
    )


def test_several_tables_are_as_bad_as_the_worst():
    fine, unknown = report(agreeing()), report(agreeing(), [check(State.UNKNOWN)])
    assert nagios_code([fine, unknown]) == 3
    assert nagios_code([fine, unknown, the_old_lie(table="category")]) == 2
    assert nagios_code([]) == 3


def test_a_message_cannot_start_performance_data():
    odd = report(agreeing(), [check(State.WARN, message="a | b\nc")])
    assert nagios_text([odd]).count("|") == 1


def test_rows_say_what_to_do():
    rows = boundary_rows(the_old_lie())
    assert [row["boundary"] for row in rows] == [
        "Kafka → objects",
        "objects → bronze",
        "bronze → staging",
        "staging → vectors",
    ]
    assert rows[0]["hint"] == "bictl ingest --table product"
    assert (rows[0]["percent"], rows[1]["percent"]) == ("0.18", "100.00")
    assert check_rows(the_old_lie())[0]["state"] == "fail"


def test_a_boundary_that_was_not_counted_shows_no_number():
    row = boundary_rows(report([boundary(0, None, State.UNKNOWN)], [check(State.UNKNOWN)]))[0]
    assert row["expected"] is None
    assert row["state"] == "unknown"


def test_a_balance_that_does_not_hold_fails_whatever_the_checks_say():
    from bictl.verify.frame import Crossing, judge

    class Nothing:
        class table:
            name = "product"

    lie = Crossing(
        upstream="Kafka",
        downstream="objects",
        verb="ingested",
        tally=lambda _: Tally(expected=10, accounted=9),
        repair="bictl ingest --table {table}",
    )
    found = judge(lie, [check()], Nothing())
    assert (found.state, found.hint) == (State.FAIL, "bictl ingest --table product")
    assert replace(found, state=State.OK).tally.missing is NOTHING
