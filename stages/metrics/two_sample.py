"""Whether two samples of vectors come from one distribution, and how far they are apart.

Effect sizes come first (AUC, ratio of distances), since p-values shrink with the number of records while the distance stays.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from stages.metrics import linear

FOLDS = 5


@dataclass(frozen=True)
class Separation:
    """How well a linear classifier tells two samples apart on records it has not seen.

    Attributes:
        auc: mean over folds of the area under the ROC curve; .5 is chance, 1 is perfect.
        low: lower end of its 95 % interval (Hanley & McNeil 1982, never narrower than what permutations give).
        high: upper end.
        p: of an AUC at least this large if both samples came from one distribution, by permutation.
        n: records of each sample.
        scores: out-of-fold scores of the second sample, larger means more foreign `(n,)`.
    """

    auc: float
    low: float
    high: float
    p: float
    n: int
    scores: np.ndarray


def auc(negative: np.ndarray, positive: np.ndarray) -> float:
    """Probability that a positive scores above a negative, ties counting half (Mann & Whitney 1947)."""
    from scipy.stats import rankdata

    ranks = rankdata(np.concatenate([negative, positive]))
    above = ranks[len(negative) :].sum() - len(positive) * (len(positive) + 1) / 2
    return float(above / (len(negative) * len(positive)))


def classifier_test(first: np.ndarray, second: np.ndarray, permutations: int, seed: int) -> Separation:
    """Classifier two-sample test (Lopez-Paz & Oquab 2017): ridge scores out of five folds, p by permutation.

    Out-of-fold scores depend on each other, so that the rank test's own p would raise a false alarm twice as often as it says.
    Folds do not look at sides, therefore one decomposition per fold serves all permutations.

    Args:
        first: `(n, dimensions)`.
        second: `(n, dimensions)`, as many; together at least ten.
        permutations: of which side a record is on; the smallest p is 1 / (permutations + 1).
        seed: of folds and permutations.
    """
    n = len(first)
    points = np.concatenate([first, second]).astype(np.float64)
    generator = np.random.default_rng(seed)
    sides = np.repeat([0.0, 1.0], n)
    drawn = np.stack([sides, *(generator.permutation(sides) for _ in range(permutations))], axis=1)
    fold = generator.permutation(np.arange(2 * n) % FOLDS)
    scores = np.empty_like(drawn)
    areas, weights = np.zeros(permutations + 1), np.zeros(permutations + 1)
    for i in range(FOLDS):
        held = fold == i
        scores[held] = linear.ridge_scores(points[~held], drawn[~held], points[held])
        found, pairs = _areas(scores[held], drawn[held])
        areas, weights = areas + found * pairs, weights + pairs
    areas = areas / weights
    value = float(areas[0])
    half = 1.959964 * max(_hanley_mcneil(value, n), float(areas[1:].std()))
    p = float((1 + (areas[1:] >= areas[0]).sum()) / (permutations + 1))
    return Separation(value, max(value - half, 0.0), min(value + half, 1.0), p, n, scores[n:, 0])


def _areas(scores: np.ndarray, sides: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """AUC of each column, and the number of pairs that it rests on."""
    from scipy.stats import rankdata

    positive = sides.sum(axis=0)
    pairs = positive * (len(sides) - positive)
    above = (rankdata(scores, axis=0) * sides).sum(axis=0) - positive * (positive + 1) / 2
    return np.divide(above, pairs, out=np.full(len(pairs), 0.5), where=pairs > 0), pairs


def _hanley_mcneil(area: float, n: int) -> float:
    """Standard error of an AUC from two samples of n records."""
    one, both = area / (2 - area), 2 * area**2 / (1 + area)
    variance = (area * (1 - area) + (n - 1) * (one - area**2) + (n - 1) * (both - area**2)) / (n * n)
    return math.sqrt(max(variance, 0.0))


@dataclass(frozen=True)
class Discrepancy:
    """Maximum mean discrepancy: its unbiased square (may be below 0), a permutation p, and records per sample."""

    squared: float
    p: float
    n: int


def mmd(first: np.ndarray, second: np.ndarray, permutations: int, seed: int) -> Discrepancy:
    """Unbiased squared MMD with a Gaussian kernel (Gretton et al. 2012), its width the median distance of all records.

    Args:
        first: `(n, dimensions)`.
        second: `(n, dimensions)`, as many.
        permutations: of which side a record is on; the smallest p is 1 / (permutations + 1).
        seed: of the permutations.
    """
    n = len(first)
    points = np.concatenate([first, second]).astype(np.float64)
    squared = squared_distances(points, points)
    width = float(np.median(squared[np.triu_indices(2 * n, 1)])) or 1.0
    kernel = np.exp(-squared / width)
    np.fill_diagonal(kernel, 0.0)
    signs = np.repeat([1.0, -1.0], n)
    generator = np.random.default_rng(seed)
    drawn = np.stack([signs, *(generator.permutation(signs) for _ in range(permutations))])
    # With s = ±1 by side, s'Ks = within − 2·between, and 1'K1 = within + 2·between.
    contrast, total = np.einsum("pi,pi->p", drawn @ kernel, drawn), float(kernel.sum())
    within, between = (total + contrast) / 2, (total - contrast) / 2
    values = within / (n * (n - 1)) - between / (n * n)
    p = float((1 + (values[1:] >= values[0]).sum()) / (permutations + 1))
    return Discrepancy(float(values[0]), p, n)


def nearest_distances(points: np.ndarray, reference: np.ndarray, neighbours: int, *, own: bool = False) -> np.ndarray:
    """Mean Euclidean distance of each point to its nearest reference points `(points,)`.

    Args:
        points: `(points, dimensions)`.
        reference: `(m, dimensions)`.
        neighbours: how many; at most m, or m - 1 with `own`.
        own: points are the reference itself, and a point is no neighbour of its own.
    """
    squared = squared_distances(points.astype(np.float64), reference.astype(np.float64))
    if own:
        np.fill_diagonal(squared, np.inf)
    count = min(neighbours, squared.shape[1] - int(own))
    return np.sqrt(np.partition(squared, count - 1, axis=1)[:, :count]).mean(axis=1)


def squared_distances(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Squared Euclidean distances `(left, right)`, never below 0."""
    sums = (left**2).sum(1)[:, None] + (right**2).sum(1)[None] - 2 * left @ right.T
    return np.maximum(sums, 0.0)
