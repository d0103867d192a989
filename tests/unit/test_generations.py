"""Which generation a topic belongs to, by its id, what is sealed and what a person accepted."""

import pytest

from bictl.ingest import Generation, generation_ack
from bictl.ingest.identity import choose_generation, next_name
from bictl.records import LEGACY, LEGACY_NUMBER, Topic

A, B = "0e05c087-0000-4000-8000-000000000001", "922b13fa-0000-4000-8000-000000000002"


def chosen(topic_id, known=(), accepted=()):
    found = choose_generation(
        Topic("t", "c", topic_id, (0,)),
        known=[Generation(number, name, "t") for number, name in enumerate(known)],
        acks=[generation_ack(name, reason="r", person="p") for name in accepted],
    )
    return found and (found.number, found.name)


@pytest.mark.parametrize(
    ("topic_id", "known", "accepted", "generation"),
    [
        (A, [], [], (0, A)),
        (A, [A], [], (0, A)),
        (B, [A], [], None),
        (B, [A], [A], None),
        (B, [A], [B], (1, B)),
        (B, [A, B], [B], (1, B)),
        (A, [A], [f"{A}-1"], (1, f"{A}-1")),
        (A, [A, f"{A}-1"], [f"{A}-1"], (1, f"{A}-1")),
        (A, [A, f"{A}-1"], [f"{A}-1", f"{A}-2"], (2, f"{A}-2")),
        (B, [A], [f"{A}-1"], None),
        (None, [], [], (0, "0")),
        (None, ["0"], [], (0, "0")),
        (None, ["0"], ["1"], (1, "1")),
        (None, ["0", "1"], ["1"], (1, "1")),
        (A, ["0"], [], (0, "0")),  # the broker learned topic ids: the anchor test decides
        (A, ["0"], [A], (1, A)),
        (A, ["0", A], [A], (1, A)),
        (None, [A], [], (0, A)),
    ],
)
def test_the_generation_of_a_topic(topic_id, known, accepted, generation):
    assert chosen(topic_id, known, accepted) == generation


@pytest.mark.parametrize(
    ("name", "behind"), [("0", "1"), ("7", "8"), (A, f"{A}-1"), (f"{A}-1", f"{A}-2")]
)
def test_the_generation_behind_one(name, behind):
    number = int(name) if name.isdigit() else 0
    assert next_name(Generation(number, name, "t")) == behind


@pytest.mark.parametrize("topic_id", [A, None])
def test_what_was_taken_over_is_no_life_of_the_topic(topic_id):
    """Legacy alone asks for no acknowledgement, and the first generation is number 0 beside it."""
    legacy = Generation(LEGACY_NUMBER, LEGACY, "t")
    topic = Topic("t", "c", topic_id, (0,))
    found = choose_generation(topic, known=[legacy], acks=[])
    assert found == Generation(0, topic_id or "0", "t")
    later = choose_generation(topic, known=[legacy, found], acks=[])
    assert later == found
