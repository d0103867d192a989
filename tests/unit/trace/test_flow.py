"""The picture's parts: folding, durations."""

import pytest

from bictl.cli.flow import duration, folded


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 ms"),
        (0.25, "250 ms"),
        (0.9999, "1.0 s"),
        (59.96, "1 min 0 s"),
        (1.25, "1.2 s"),
        (62, "1 min 2 s"),
        (3599.9, "1 h 0 min"),
        (7500, "2 h 5 min"),
        (273_600, "3 d 4 h"),
    ],
)
def test_a_duration_is_said_in_two_units_at_most(seconds, words):
    assert duration(seconds) == words


def test_a_key_is_folded_behind_its_slashes_and_nothing_is_lost():
    key = f"product/raw/generation={'0' * 36}/partition=00000/batch={'1' * 20}.jsonl.gz"
    lines = folded(key, 76)
    assert "".join(lines) == key
    assert max(map(len, lines)) <= 76
    assert folded("one two three", 7) == ["one two", "three"]
    assert folded("x" * 90, 76) == ["x" * 90]
    assert folded("", 10) == [""]
