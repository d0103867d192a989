"""B14: what orders the generations is the same in the manifests and in Postgres."""

from evidence import TABLE, batch, shelf

from bictl.records import Range
from bictl.verify.bronze import Bronze, ordered
from bictl.verify.report import State

LOADED = Bronze(held={("g1", 0): (Range(0, 0, 30),)})


def judge(*numbers, known):
    batches = [batch(at * 10, at * 10 + 10, number=number) for at, number in enumerate(numbers)]
    return ordered(shelf(*batches), LOADED, known, table=TABLE)


def test_one_number_in_both_is_well():
    assert judge(0, 0, 0, known={"g1": 0}).state is State.OK


def test_a_generation_that_is_not_loaded_yet_needs_no_number():
    assert ordered(shelf(batch(0, 10)), Bronze(), {}, table=TABLE).state is State.OK


def test_another_number_in_postgres_names_the_generation():
    found = judge(0, 0, 0, known={"g1": 5})
    assert (found.state, found.extra.keys) == (State.FAIL, ("g1",))


def test_a_generation_that_postgres_forgot_is_named():
    assert judge(0, 0, 0, known={}).extra.keys == ("g1",)


def test_one_object_that_says_otherwise_is_named_by_its_key():
    assert judge(0, 7, 0, known={"g1": 0}).extra.keys == ("g1/0/10",)
