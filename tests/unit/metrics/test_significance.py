"""McNemar by counting sequences, Holm by its definition; both keep their promised error."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.metrics import significance


def slow(only_first: int, only_second: int) -> float:
    """Share of all sequences of coin tosses at least as unlikely as this one."""
    total = only_first + only_second
    counts = np.bincount([sum(tosses) for tosses in product((0, 1), repeat=total)], minlength=total + 1)
    return float(counts[counts <= counts[only_first]].sum() / counts.sum())


@pytest.mark.parametrize(("only_first", "only_second"), [(0, 0), (1, 0), (5, 1), (3, 3), (9, 2)])
def test_mcnemar_by_counting(only_first: int, only_second: int) -> None:
    first = np.array([1] * only_first + [0] * only_second + [1] * 7)
    second = np.array([0] * only_first + [1] * only_second + [1] * 7)
    assert significance.mcnemar(first, second) == pytest.approx(slow(only_first, only_second))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_rejects_what_the_step_down_procedure_rejects(p: list[float]) -> None:
    adjusted = significance.holm(p)
    for level in (0.01, 0.05, 0.3):
        rejected, order = set(), sorted(range(len(p)), key=lambda i: p[i])
        for rank, at in enumerate(order):
            if min(1.0, (len(p) - rank) * p[at]) > level:
                break
            rejected.add(at)
        assert {i for i, value in enumerate(adjusted) if value <= level} == rejected
