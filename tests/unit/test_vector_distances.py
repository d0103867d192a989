"""Stored vectors beside those that are made again."""

import math

import numpy as np
import pytest

from bictl.clients.vectors import distances


@pytest.mark.parametrize("other", ["[1,0,0]", "[1]"])
def test_a_vector_of_another_length_is_infinitely_far(other):
    made = np.array([[1, 0], [0, 1]], dtype=np.float32)
    assert distances(made, ["[1,0]", other]) == [0.0, math.inf]
