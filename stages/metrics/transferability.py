"""Scores that rank base models for a task without training any: features of labelled records are enough.

Their scale depends on the number of records, dimensions and classes. They order models on *one* data set, and no threshold on
them means anything.
"""

from __future__ import annotations

import numpy as np

ITERATIONS = 100
CLOSE = 1e-6


def log_me(features: np.ndarray, labels: np.ndarray, classes: int) -> float:
    """Logarithm of maximum evidence (You et al. 2021): how well Bayesian linear regression explains class indicators.

    Precisions of weights and noise are chosen per class by fixed-point iteration (MacKay 1992) on the features' singular
    values.

    Args:
        features: `(records, dimensions)`.
        labels: class ids `(records,)`.
        classes: how many there are.

    Returns:
        Evidence per record, averaged over the classes that have records: of none, anything that predicts nothing is certain.
        Larger is better.
    """
    x = features.astype(np.float64)
    left, singular, _ = np.linalg.svd(x, full_matrices=False)
    present = np.flatnonzero(np.bincount(labels, minlength=classes))
    return float(np.mean([_evidence(left, singular, x.shape, (labels == c).astype(float)) for c in present]))


def _evidence(left: np.ndarray, singular: np.ndarray, shape: tuple[int, ...], y: np.ndarray) -> float:
    n, dimensions = shape
    power, projected = singular**2, left.T @ y
    outside = max(float(y @ y - projected @ projected), 0.0)
    weights, noise = 1.0, 1.0
    for _ in range(ITERATIONS):
        shrink = noise * power / (weights + noise * power)
        mean_square = float(((noise * singular * projected / (weights + noise * power)) ** 2).sum())
        residual = outside + float((((1 - shrink) * projected) ** 2).sum())
        freedom = float(shrink.sum())
        before = weights / noise
        weights = freedom / max(mean_square, 1e-12)
        noise = (n - freedom) / max(residual, 1e-12)
        if abs(weights / noise - before) <= CLOSE * before:
            break
    shrink = noise * power / (weights + noise * power)
    mean_square = float(((noise * singular * projected / (weights + noise * power)) ** 2).sum())
    residual = outside + float((((1 - shrink) * projected) ** 2).sum())
    determinant = float(np.log(weights + noise * power).sum()) + (dimensions - len(power)) * np.log(weights)
    return 0.5 / n * (
        n * np.log(noise) + dimensions * np.log(weights) - n * np.log(2 * np.pi)
        - noise * residual - weights * mean_square - determinant
    )  # fmt: skip


def h_score(features: np.ndarray, labels: np.ndarray, classes: int) -> float:
    """H-score (Bao et al. 2019): how much of the features' variation, in their own metric, lies between classes.

    Args:
        features: `(records, dimensions)`.
        labels: class ids `(records,)`.
        classes: how many there are.

    Returns:
        trace(cov(features)⁻¹ cov(class means)), between 0 and classes - 1; larger is better.
    """
    x = features.astype(np.float64)
    x = x - x.mean(axis=0)
    counts = np.bincount(labels, minlength=classes)
    indicator = np.eye(classes)[labels]
    means = (indicator.T @ x) / np.maximum(counts, 1)[:, None]
    between = means.T @ (means * counts[:, None]) / len(x)
    return float(np.trace(np.linalg.pinv(x.T @ x / len(x), rcond=1e-10, hermitian=True) @ between))
