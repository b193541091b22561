"""Fixed sample sizes, so that a statistic means the same from run to run and costs the same on large data."""

from __future__ import annotations

import numpy as np


def rows(total: int, most: int, seed: int) -> np.ndarray:
    """Row numbers of a seeded sample without replacement, in ascending order; all of them when they are few enough."""
    if total <= most:
        return np.arange(total)
    return np.sort(np.random.default_rng(seed).choice(total, most, replace=False))
