"""S5 and S6: keys by buckets, by name, by what is on its way; and what becomes of them. The source
and the tail of Kafka are sets here."""

import hashlib
import json
import time
from types import SimpleNamespace

import pytest
from evidence import TABLE
from hypothesis import given
from hypothesis import strategies as st

from bictl.cdc.source.judge import Answer
from bictl.clients.topics import Chunk, Offsets
from bictl.records import Topic
from bictl.verify import captured
from bictl.verify.captured import SourceKeys
from bictl.verify.read_source import Tail, compare_keys
from bictl.verify.report import Kind, State, of_keys


def buckets_of(keys):
    found = {}
    for key in keys:
        digest = hashlib.md5(key.encode()).hexdigest()
        count, total = found.get(int(digest[:3], 16), (0, 0))
        found[int(digest[:3], 16)] = count + 1, total + int(digest[-15:], 16)
    return found


def within(keys, buckets):
    return [key for key in keys if set(buckets_of([key])) <= set(buckets)]


class Source:
    """A source whose keys are a list of sets: what it holds at each look."""

    def __init__(self, *keys, uncomparable=""):
        self.looks, self.wrong = list(keys), uncomparable

    def _now(self):
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]

    def uncomparable(self):
        return self.wrong

    def buckets(self):
        return buckets_of(self.looks[0])

    def keys(self, buckets):
        return within(self._now(), buckets)


class Reader:
    """A partition with these keys; `later` come with the second look."""

    def __init__(self, keys, later=(), mark="false", start=0):
        self.start = start
        self.pages, self.mark, self.seen = [list(keys), list(later)], mark, 0

    def describe(self, name):
        self.seen = min(2, self.seen + 1)
        return Topic(name, "c", "g1", (0,))

    def _all(self):
        return [key for page in self.pages[: self.seen] for key in page]

    def offsets(self, topic, parts, known):
        end = len(self._all())
        return {0: Offsets(min(self.start, end), end, end)}

    def read(self, topic, part, *, first, end):
        value = {"op": "c", "source": {"snapshot": self.mark, "ts_ms": 1}, "after": {}}
        records = [
            SimpleNamespace(
                offset=number,
                timestamp=int(time.time() * 1000),
                key=json.dumps({"payload": {"ID": int(key)}}).encode(),
                value=json.dumps(value).encode(),
            )
            for number, key in enumerate(self._all()[first:end], first)
        ]
        yield Chunk(records, end)


def compare(source, live, reader=None, *, refused=(), settle=0, is_snapshot=False, sealed=0):
    reader = reader or Reader(())
    return compare_keys(
        source,
        TABLE,
        live=buckets_of(live),
        listed=lambda chosen: within(live, chosen),
        tail=Tail(
            lambda question: question(reader),
            TABLE,
            held={},
            sealed={0: sealed},
            max_lag=300,
            is_snapshot=is_snapshot,
        ),
        refused=refused,
        settle=settle,
        stop=lambda: False,
    )


def ids(*numbers):
    return {str(number) for number in numbers}


keys = st.sets(st.integers(0, 300).map(str), max_size=200)


@given(keys, keys)
def test_exactly_what_differs_is_named(theirs, ours):
    found = compare(Source(theirs), ours)
    assert set(found.missing.keys) == set(sorted(theirs - ours, key=int)[:100])
    assert (found.missing.total, found.extra.total) == (len(theirs - ours), len(ours - theirs))
    assert (found.rows, found.live) == (len(theirs), len(ours))
    assert captured.tally(found).balanced == (theirs == ours)
    state = captured.same_keys(found, table=TABLE, has_worker=True).state
    assert (state is State.OK) == (theirs == ours)


def test_what_kafka_has_beyond_bronze_is_on_its_way():
    found = compare(Source(ids(1, 2, 3)), ids(1, 9), Reader(["2", "3", "9"]))
    assert (found.arriving, found.leaving, found.missing.total, found.extra.total) == (2, 1, 0, 0)
    tally = captured.tally(found)
    assert (tally.expected, tally.accounted, tally.in_flight, tally.leaving) == (3, 1, 2, 1)
    assert tally.balanced
    assert not tally.whole
    assert captured.same_keys(found, table=TABLE, has_worker=True).state is State.OK
    assert counted(found).state is State.OK


def test_what_comes_to_kafka_while_it_settles_is_on_its_way():
    found = compare(Source(ids(1, 2)), ids(1), Reader([], ["2"]), settle=10)
    assert (found.arriving, found.missing.total) == (1, 0)
    assert found.settled < 5


def test_what_goes_at_the_source_while_it_settles_is_no_difference():
    found = compare(Source(ids(1, 2), ids(1)), ids(1), settle=10)
    assert (found.rows, found.missing.total, found.settled < 5) == (1, 0, True)


def test_what_nobody_carries_is_missing_when_the_time_is_over():
    found = compare(Source(ids(1, 2, 3)), ids(1), Reader(["3"]), settle=0)
    assert (found.missing.keys, found.arriving) == (("2",), 1)
    judged = captured.same_keys(found, table=TABLE, has_worker=True)
    assert (judged.state, judged.hint) == (State.FAIL, "bictl cdc snapshot --table product")


def test_quarantined_keys_are_accounted_for_there():
    found = compare(Source(ids(1, 2)), ids(1), refused=[b'{"ID": 2}', b"no json"])
    assert (found.missing.total, found.arriving) == (0, 1)


@pytest.mark.parametrize("where", ["beyond bronze", "in bronze"])
def test_a_snapshot_that_goes_on_explains_what_is_not_here_yet(where):
    beyond = Reader(["2"], mark="true") if where == "beyond bronze" else Reader(())
    found = compare(Source(ids(1, 2, 3, 4)), ids(1), beyond, is_snapshot=where == "in bronze")
    assert (found.missing.total, found.arriving) == (0, 3)


def test_a_snapshot_that_came_to_its_end_explains_nothing():
    found = compare(Source(ids(1, 2, 3)), ids(1), Reader(["2"], mark="last"), is_snapshot=True)
    assert found.missing.keys == ("3",)


def test_keys_whose_text_differs_are_counted_and_said_to_be():
    found = compare(Source(ids(1, 2), uncomparable="ID (numeric)"), {"AQ==", "Ag=="})
    judged = captured.same_keys(found, table=TABLE, has_worker=True)
    assert (judged.state, counted(found).state) == (State.WARN, State.OK)
    assert "ID (numeric)" in judged.message
    assert captured.tally(found).whole
    fewer = compare(Source(ids(1, 2), uncomparable="ID (numeric)"), {"AQ=="})
    assert counted(fewer).state is State.FAIL
    assert not captured.tally(fewer).balanced


def counted(found, expected=None, live=0, waiting=0):
    return captured.same_count(
        found,
        expected=expected,
        live=lambda: live,
        waiting=lambda: waiting,
        table=TABLE,
        has_worker=True,
    )


@pytest.mark.parametrize(
    ("expected", "live", "waiting", "state"),
    [
        (61443, 61443, 0, "ok"),
        (61443, 115, 0, "fail"),
        (61443, 61440, 3, "ok"),
        (61443, 61440, 2, "fail"),
        (115, 61443, 0, "fail"),
        (0, 0, 0, "ok"),
        (0, 1, 0, "fail"),
    ],
)
def test_what_an_operator_counted_is_held_against_the_live_keys(expected, live, waiting, state):
    found = counted(None, expected, live, waiting)
    assert found.state == state
    assert found.evaluated > 0
    if state == "fail":
        assert (found.expected, found.actual) == (str(expected), str(live))


def test_an_emptied_table_is_told_how_its_keys_are_closed():
    found = SourceKeys(rows=0, live=3, extra=of_keys(["1", "2", "3"]))
    for judged in (counted(found), captured.same_keys(found, table=TABLE, has_worker=True)):
        assert judged.state is State.FAIL
        assert judged.hint.startswith("the source's table is empty")


def test_what_is_too_much_needs_a_whole_snapshot():
    found = SourceKeys(rows=2, live=3, extra=of_keys(["3"]))
    assert captured.same_keys(found, table=TABLE, has_worker=True).hint == (
        "bictl cdc snapshot --table product --blocking"
    )


@pytest.mark.parametrize(
    ("state", "loss", "expected"),
    [
        ("ok", False, State.OK),
        ("skipped", False, State.OK),
        ("warn", False, State.WARN),
        ("fail", False, State.FAIL),
        ("fail", True, State.FAIL),
        ("unknown", False, State.UNKNOWN),
    ],
)
def test_what_a_source_says_of_itself_keeps_its_state(state, loss, expected):
    found = captured.answered(Answer(check="x", state=state, message="m", is_loss=loss))
    assert found.state is expected
    assert (found.kind is Kind.LOSS) == loss
    assert bool(found.hint) == (expected is not State.OK)


def test_without_a_worker_the_repair_names_no_command_that_needs_one():
    found = SourceKeys(rows=2, live=1, missing=of_keys(["2"]))
    hint = captured.same_keys(found, table=TABLE, has_worker=False).hint
    assert hint.startswith("let Debezium take a new snapshot of product's rows")
    assert "[connect]" in hint


@pytest.mark.parametrize(("sealed", "said"), [(2, True), (0, False)])
def test_what_kafka_discarded_may_stand_in_objects_that_are_not_loaded(sealed, said):
    found = compare(Source(ids(1, 2, 3)), ids(1), Reader(["2", "9", "3"], start=2), sealed=sealed)
    judged = captured.same_keys(found, table=TABLE, has_worker=True)
    assert (judged.state, found.missing.keys) == (State.FAIL, ("2",))
    assert judged.message.endswith("not loaded") == said
    assert judged.hint.startswith("bictl load-bronze") == said
