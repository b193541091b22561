"""Tests of paired decisions, and what remains of several tests when they are taken together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def mcnemar(first: np.ndarray, second: np.ndarray) -> float:
    """Exact two-sided p of McNemar's test (1947) that two systems are right equally often on the same records.

    Args:
        first: whether the first system was right `(records,)`.
        second: whether the second one was.

    Returns:
        p; 1 when they were never right on different records.
    """
    from scipy.stats import binomtest

    one, other = first.astype(bool), second.astype(bool)
    only_first, only_second = int((one & ~other).sum()), int((~one & other).sum())
    total = only_first + only_second
    return float(binomtest(only_first, total, 0.5).pvalue) if total else 1.0


def holm(p: Sequence[float]) -> list[float]:
    """Adjusted p-values (Holm 1979): each at most .05 keeps the chance of any false alarm among all of them at 5 %.

    Args:
        p: of the single tests, in any order.
    """
    order = np.argsort(p, kind="stable")
    adjusted, highest = np.empty(len(p)), 0.0
    for rank, at in enumerate(order):
        highest = max(highest, min(1.0, (len(p) - rank) * p[at]))
        adjusted[at] = highest
    return [float(value) for value in adjusted]
