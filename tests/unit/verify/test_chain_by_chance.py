"""The manifest chain against plain sets of offsets, whatever batches stand under the prefix."""

from evidence import TABLE, batch, shelf
from hypothesis import given
from hypothesis import strategies as st

from bictl.records import Range
from bictl.verify.expired import Expired
from bictl.verify.objects import chain
from bictl.verify.report import State
from bictl.verify.shelf import Acked, overlaps, unclaimed

PLACE = ("g1", 0)
spans = st.tuples(st.integers(0, 60), st.integers(1, 20))
# where a batch starts, for how many offsets it answers, and whether its bytes are to be trusted
chains = st.lists(
    st.tuples(st.integers(0, 60), st.integers(1, 20), st.booleans()),
    min_size=1,
    max_size=8,
    unique_by=lambda one: one[0],
)


def made(found):
    return [
        batch(first, first + length, damage="" if sound else "broken")
        for first, length, sound in found
    ]


def offsets(ranges) -> set[int]:
    return {offset for item in ranges for offset in range(item.first, item.next)}


@given(found=chains, acked=st.lists(spans, max_size=3))
def test_what_no_batch_answers_for_is_named_to_the_offset(found, acked):
    lost = [Range(0, first, first + length) for first, length in acked]
    known = shelf(
        *made(found),
        acked=tuple(Acked(generation="g1", range=item, words="") for item in lost),
    )
    first, frontier = found_ends(found)
    answered = {n for at, length, sound in found if sound for n in range(at, at + length)}
    missing = set(range(first, frontier)) - answered - offsets(lost)
    assert (known.baseline(PLACE), known.frontier(PLACE)) == (first, frontier)
    assert offsets(unclaimed(known, PLACE)) == missing
    judged = chain(known, Expired, table=TABLE)
    assert (judged.state is State.OK) == (not missing)
    assert judged.missing.total == len(missing)


@given(found=chains)
def test_what_two_batches_answer_for_is_named_to_the_offset(found):
    shared = [item for *_, item in overlaps(shelf(*made(found)).chains[PLACE])]
    counted = [n for first, length, _ in found for n in range(first, first + length)]
    assert offsets(shared) == {n for n in counted if counted.count(n) > 1}


def found_ends(found) -> tuple[int, int]:
    return min(at for at, *_ in found), max(at + length for at, length, _ in found)
