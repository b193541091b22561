"""A head start for labels that do not exclude each other: one logistic regression per label, all of one strength.

All regressions are one convex problem, solved by L-BFGS on all labels at once: with 28 labels that is twenty times faster than
one solver call per label. The strength is chosen as in `stages.training.head_start`.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize

from stages.metrics.solving import by_one_thread
from stages.training.head_start import CHOOSING, FOLDS, STRENGTHS, HeadStart, softest

STEPS = 40
"""Of L-BFGS: the last digits of a convex optimum do not matter to what starts from it."""
MOST_POSITIVE = 100.0


@by_one_thread
def fit(read: np.ndarray, labels: np.ndarray, classes: int, seed: int, *, balanced: bool) -> HeadStart:
    """Fit the regressions and fold the features' standardisation into them.

    Args:
        read: features `(records, hidden)`.
        labels: 0 or 1 `(records, classes)`.
        classes: labels.
        seed: of folds and sample.
        balanced: weigh positives as the task's objective does.
    """
    mean, spread = read.mean(axis=0), read.std(axis=0)
    spread = np.where(spread > 1e-6, spread, 1.0)
    x, y = ((read - mean) / spread).astype(np.float64), labels.astype(np.float64)
    positive = _positive_weights(y) if balanced else np.ones(classes)
    some = np.random.default_rng(seed).permutation(len(x))[:CHOOSING]
    fold = np.arange(len(some)) % FOLDS
    losses: dict[float, np.ndarray] = {}
    for strength in STRENGTHS:
        found = np.zeros(len(some))
        for held in range(FOLDS):
            known, asked = some[fold != held], some[fold == held]
            weight, bias = _solve(x[known], y[known], strength, positive)
            found[fold == held] = _losses(x[asked] @ weight + bias, y[asked], positive).mean(axis=1)
        losses[strength] = found
    strength = softest(losses)
    weight, bias = _solve(x, y, strength, positive)
    folded = weight.T / spread
    return HeadStart(
        folded.astype(np.float32),
        (bias - folded @ mean).astype(np.float32),
        strength,
        {one: float(values.mean()) for one, values in losses.items()},
    )


def _solve(x: np.ndarray, y: np.ndarray, strength: float, positive: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights `(hidden, labels)` and biases `(labels,)` with the least C · sum of losses + half the squared weights."""
    hidden, count = x.shape[1], y.shape[1]
    share = np.clip(y.mean(axis=0), 1e-3, 1 - 1e-3)
    start = np.concatenate([np.zeros((hidden, count)), np.log(share / (1 - share))[None]]).ravel()

    def value(flat: np.ndarray) -> tuple[float, np.ndarray]:
        both = flat.reshape(hidden + 1, count)
        logits = x @ both[:-1] + both[-1]
        chance = 1 / (1 + np.exp(-np.clip(logits, -500, 500)))
        slope = strength * ((1 - y) * chance - y * positive * (1 - chance))
        gradient = np.concatenate([x.T @ slope + both[:-1], slope.sum(axis=0, keepdims=True)])
        total = strength * _losses(logits, y, positive).sum() + 0.5 * float((both[:-1] ** 2).sum())
        return float(total), gradient.ravel()

    found = minimize(value, start, jac=True, method="L-BFGS-B", options={"maxiter": STEPS}).x.reshape(hidden + 1, count)
    return found[:-1], found[-1]


def _losses(logits: np.ndarray, y: np.ndarray, positive: np.ndarray) -> np.ndarray:
    """Weighted binary cross-entropy `(records, labels)`."""
    found: np.ndarray = y * positive * np.logaddexp(0, -logits) + (1 - y) * np.logaddexp(0, logits)
    return found


def _positive_weights(y: np.ndarray) -> np.ndarray:
    count = y.sum(axis=0)
    found: np.ndarray = np.clip((len(y) - count) / np.maximum(count, 1), 1.0, MOST_POSITIVE)
    return found
