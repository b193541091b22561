"""The best span against trying all of them."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from stages.tasks import answer_spans

ROWS = st.integers(1, 9).flatmap(
    lambda n: st.tuples(
        arrays.arrays(np.float32, (n, 2), elements=st.integers(-4, 4)), arrays.arrays(np.bool_, n), st.integers(1, 12)
    )
)


@settings(deadline=None)
@given(ROWS)
def test_the_best_span_is_the_best_of_all(row: tuple[np.ndarray, np.ndarray, int]) -> None:
    scores, possible, longest = row
    n = len(scores)
    every = {
        (i, j): float(scores[i, 0] + scores[j, 1])
        for i, j in itertools.product(range(n), repeat=2)
        if i <= j < i + longest and possible[i] and possible[j]
    }
    first, last, score = answer_spans.best_span(scores, possible, longest)
    if every:
        assert score == max(every.values())
        assert every[first, last] == score
    else:
        assert score == -math.inf


def test_the_best_window_wins_and_the_lowest_silence_counts() -> None:
    low = np.array([[0.2, 0.1], [1, 0], [0, 1]], dtype=np.float32)  # silent here: .3
    high = np.array([[1, 0.5], [0, 0], [3, 4]], dtype=np.float32)  # silent here: 1.5
    context = np.array([False, True, True])
    found = answer_spans.choose([low, high], [context, context], 30)
    assert found is not None
    assert (found.window, found.first, found.last) == (1, 2, 2)
    assert found.margin == pytest.approx(0.3 - 7)
    begin = math.exp(3) / (math.exp(1) + math.exp(0) + math.exp(3))
    end = math.exp(4) / (math.exp(0.5) + math.exp(0) + math.exp(4))
    assert found.probability == pytest.approx(begin * end)


def test_an_empty_context_has_no_answer() -> None:
    assert answer_spans.choose([np.zeros((4, 2), dtype=np.float32)], [np.zeros(4, dtype=bool)], 30) is None
