"""With end_offsets = "fetch" the end of a partition is what it is now, not what it was."""

import pytest


@pytest.mark.parametrize("round", range(3))
def test_an_answer_that_was_on_its_way_is_not_the_end(settings, clients, produce, round):
    """The first question leaves a fetch behind, which the first new batch answers."""
    topic = settings.table("product").topic
    produce(topic, [])
    assert clients.reader.offsets(topic, [0])[0].high == 0
    for _ in range(3):
        produce(topic, [(b"1", b"{}", [], 1_795_000_000_000, 0)] * 5)
    assert clients.reader.offsets(topic, [0])[0].high == 15
