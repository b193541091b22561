"""A head start for numbers: ridge regression on frozen features, its strength by leave-one-out errors in closed form.

As in `stages.training.head_start` the softest head within one standard error of the best is taken: one that fits train by heart
leaves the encoder nothing to learn.
"""

from __future__ import annotations

import numpy as np

from stages.metrics.solving import by_one_thread
from stages.training.head_start import HeadStart, softest

STRENGTHS = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
"""Candidates; the penalty is their inverse, on standardised features."""


@by_one_thread
def fit(read: np.ndarray, labels: np.ndarray, classes: int, seed: int, *, balanced: bool) -> HeadStart:  # noqa: ARG001
    """Fit the regression and fold the features' standardisation into it.

    Args:
        read: features `(records, hidden)`.
        labels: scores on the model's scale `(records,)`.
        classes: 1.
        seed: not used: nothing is drawn.
        balanced: not used: there are no classes.
    """
    mean, spread = read.mean(axis=0), read.std(axis=0)
    spread = np.where(spread > 1e-6, spread, 1.0)
    x, y = ((read - mean) / spread).astype(np.float64), labels.astype(np.float64)
    left, values, right = np.linalg.svd(x, full_matrices=False)
    level = y.mean()
    along = left.T @ (y - level)
    errors: dict[float, np.ndarray] = {}
    for strength in STRENGTHS:
        shrunk = values**2 / (values**2 + 1 / strength)
        # Leave-one-out residuals of a linear smoother: residual / (1 - leverage), the mean's own leverage included.
        leverage = (left**2) @ shrunk + 1 / len(y)
        errors[strength] = ((y - level - left @ (shrunk * along)) / np.maximum(1 - leverage, 1e-6)) ** 2
    strength = softest(errors)
    weight = right.T @ (values / (values**2 + 1 / strength) * along) / spread
    bias = level - float(weight @ mean)
    return HeadStart(
        weight[None].astype(np.float32),
        np.array([bias], dtype=np.float32),
        strength,
        {one: float(found.mean()) for one, found in errors.items()},
    )
