"""No bytes from outside make a parser fail: what the fuzzer has found so far, each time anew."""

import sys
from pathlib import Path

import pytest

FUZZ = Path(__file__).parents[1] / "fuzz"
sys.path.insert(0, str(FUZZ))

from targets import TARGETS  # noqa: E402


@pytest.mark.parametrize("name", TARGETS)
def test_a_parser_survives_what_the_fuzzer_has_found(name):
    """Each corpus holds something that is accepted and something that is not."""
    inputs = [path.read_bytes() for path in sorted((FUZZ / "corpus" / name).iterdir())]
    accepted = [TARGETS[name](data) for data in inputs]
    assert any(accepted)
    assert name == "record" or not all(accepted)
