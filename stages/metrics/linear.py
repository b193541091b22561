"""Linear probes in closed form: ridge regression on class indicators, its strength by generalised cross-validation.

A probe has to be cheap (one per layer, fold and model) and to give the same answer each time; ridge has an exact solution.
The strength that minimises GCV (Golub, Heath & Wahba 1979) needs no records of its own.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from stages.metrics.solving import by_one_thread

LOGISTIC_STRENGTHS = (0.003, 0.03, 0.3)
"""Candidates for C; on standardised features of sentence encoders the best one lies among them."""
STRENGTHS = np.geomspace(1e-4, 1e3, 15)
"""Candidates, as multiples of the mean eigenvalue of the features' covariance."""


class Ridge:
    """A linear classifier: ridge regression on class indicators, one strength for all classes.

    Args:
        features: `(records, dimensions)`; standardised inside.
        labels: class ids `(records,)`.
        classes: how many there are.
    """

    def __init__(self, features: np.ndarray, labels: np.ndarray, classes: int) -> None:
        space = _Space(features)
        y = np.eye(classes)[labels]
        self.shares = y.mean(axis=0)
        chosen = space.errors(y - self.shares).sum(axis=1).argmin()
        self.mean, self.scale = space.mean, space.scale
        self.strength = float(space.strengths[chosen])
        self.weights = space.weights(y - self.shares, np.full(classes, chosen))

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Score of each class `(records, classes)`; the largest one is the decision."""
        return ((features.astype(np.float64) - self.mean) / self.scale) @ self.weights + self.shares

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Class ids `(records,)`."""
        return self.scores(features).argmax(axis=1)


@by_one_thread
def logistic(features: np.ndarray, labels: np.ndarray, held: tuple[np.ndarray, np.ndarray]) -> Any:
    """Multinomial logistic regression on standardised features: better than ridge with many classes, and slower.

    Args:
        features: `(records, dimensions)`.
        labels: class ids `(records,)`.
        held: features and class ids of the records that choose the strength.

    Returns:
        A fitted scikit-learn model with `predict`.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    fitted = []
    with warnings.catch_warnings():
        # The last digits of a convex optimum change no decision that a figure rests on.
        warnings.simplefilter("ignore", ConvergenceWarning)
        for strength in LOGISTIC_STRENGTHS:
            model = LogisticRegression(C=strength, max_iter=100, tol=1e-3)
            fitted.append(make_pipeline(StandardScaler(), model).fit(features, labels))
    right = [float((one.predict(held[0]) == held[1]).mean()) for one in fitted]
    return fitted[int(np.argmax(right))]


def ridge_scores(features: np.ndarray, targets: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Ridge regression of many unrelated targets at once, each with its own strength.

    Args:
        features: `(records, dimensions)`.
        targets: `(records, targets)`.
        asked: features to predict for `(asked, dimensions)`.

    Returns:
        `(asked, targets)`.
    """
    space = _Space(features)
    average = targets.mean(axis=0)
    centred = targets - average
    weights = space.weights(centred, space.errors(centred).argmin(axis=0))
    return ((asked.astype(np.float64) - space.mean) / space.scale) @ weights + average


class _Space:
    """Standardised features in the directions of their covariance, where ridge is a division.

    Attributes:
        strengths: candidates that leave degrees of freedom over `(strengths,)`.
    """

    def __init__(self, features: np.ndarray) -> None:
        x = features.astype(np.float64)
        self.mean = x.mean(axis=0)
        spread = x.std(axis=0)
        self.scale = np.where(spread > 1e-12, spread, 1.0)
        x = (x - self.mean) / self.scale
        self.values, self.vectors = _directions(x)
        self.rotated = x @ self.vectors
        strengths = STRENGTHS * (float(self.values.sum()) / x.shape[1] or 1.0)
        freedom = np.array([(self.values / (self.values + one)).sum() + 1 for one in strengths])
        left = freedom < 0.95 * len(x)
        self.strengths, self.freedom = strengths[left], freedom[left]

    def errors(self, targets: np.ndarray) -> np.ndarray:
        """Generalised cross-validation error of each strength and centred target `(strengths, targets)`."""
        projected = self.rotated.T @ targets / len(targets)
        # Directions are orthogonal, so that what a strength leaves unexplained follows from the projections alone.
        kept = self.values[:, None] / (self.values[:, None] + self.strengths)
        power = np.divide(
            projected**2, self.values[:, None], out=np.zeros_like(projected), where=self.values[:, None] > 1e-12
        )
        explained = (kept * (2 - kept)).T @ power * len(targets)
        residual = np.maximum((targets**2).sum(axis=0) - explained, 0.0)
        return residual / (len(targets) - self.freedom[:, None]) ** 2

    def weights(self, targets: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        """Weights in the standardised features `(dimensions, targets)`, at one chosen strength per target."""
        projected = self.rotated.T @ targets / len(targets)
        return self.vectors @ (projected / (self.values[:, None] + self.strengths[chosen]))


def _directions(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues and eigenvectors of the covariance of centred features; only those that records span.

    With fewer records than dimensions the records' inner products hold the same eigenvalues in a smaller matrix.
    """
    if len(x) >= x.shape[1]:
        values, vectors = np.linalg.eigh(x.T @ x / len(x))
        return np.maximum(values, 0.0), vectors
    values, left = np.linalg.eigh(x @ x.T / len(x))
    spanned = values > 1e-10 * max(float(values.max()), 1e-300)
    return values[spanned], x.T @ (left[:, spanned] / np.sqrt(values[spanned] * len(x)))


def folds(labels: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Fold of each record `(records,)`, seeded, every class spread evenly over the folds."""
    generator = np.random.default_rng(seed)
    result = np.empty(len(labels), dtype=np.int64)
    start = 0
    for label in np.unique(labels):
        members = generator.permutation(np.flatnonzero(labels == label))
        result[members] = (start + np.arange(len(members))) % count
        start += len(members)
    return result


def cross_predicted(features: np.ndarray, labels: np.ndarray, classes: int, seed: int, count: int = 5) -> np.ndarray:
    """Class ids that probes predict for records they were not fitted on `(records,)`.

    Args:
        features: `(records, dimensions)`.
        labels: class ids `(records,)`.
        classes: how many there are.
        seed: of the folds.
        count: of the folds.
    """
    fold = folds(labels, count, seed)
    predicted = np.empty(len(labels), dtype=np.int64)
    for i in range(count):
        held = fold == i
        if held.any():
            predicted[held] = Ridge(features[~held], labels[~held], classes).predict(features[held])
    return predicted


def nearest_class(features: np.ndarray, labels: np.ndarray, neighbours: int) -> np.ndarray:
    """Leave-one-out k-nearest-neighbour class ids by cosine `(records,)`; ties go to the nearer neighbour's class."""
    unit = normalised(features)
    similar = unit @ unit.T
    np.fill_diagonal(similar, -np.inf)
    count = min(neighbours, len(labels) - 1)
    order = np.argsort(-similar, axis=1, kind="stable")[:, :count]
    votes = labels[order]
    result = np.empty(len(labels), dtype=np.int64)
    for i, row in enumerate(votes):
        found, first, counts = np.unique(row, return_index=True, return_counts=True)
        result[i] = found[np.lexsort((first, -counts))[0]]
    return result


def normalised(vectors: np.ndarray) -> np.ndarray:
    """Vectors of length 1 in float64; a zero vector stays zero."""
    x = vectors.astype(np.float64)
    length = np.linalg.norm(x, axis=-1, keepdims=True)
    return x / np.where(length > 0, length, 1.0)
