"""Metrics of predicted numbers: Pearson's and Spearman's correlation, squared and absolute errors, with intervals.

Spearman's is Pearson's of mid-ranks. Ranks belong to a sample, so every resample is ranked anew: from the weights of the
records in the order of their values, which takes one sort for all resamples.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from stages.metrics.intervals import Bootstrap, Estimate


def pearson(one: np.ndarray, other: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Correlation of two series, for each row of weights; 0 where one of them does not vary.

    Args:
        one: `(records,)` or, a series per row, `(rows, records)`.
        other: likewise.
        weights: how often each record counts `(rows, records)`; by default once.

    Returns:
        `(rows,)`.
    """
    weights = np.ones((1, one.shape[-1])) if weights is None else weights.astype(np.float64)
    total = weights.sum(axis=1, keepdims=True)
    x = one - (weights * one).sum(axis=1, keepdims=True) / total
    y = other - (weights * other).sum(axis=1, keepdims=True) / total
    above = (weights * x * y).sum(axis=1)
    spread = (weights * x * x).sum(axis=1) * (weights * y * y).sum(axis=1)
    scale = float((one.std() * other.std()) ** 2) * total[:, 0] ** 2
    varies = spread > 1e-20 * scale
    return np.divide(
        above, np.sqrt(spread, where=varies, out=np.ones_like(spread)), out=np.zeros(len(above)), where=varies
    )


def ranks(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mid-ranks of the records of each resample `(rows, records)`.

    Args:
        values: `(records,)`.
        weights: how often each record was drawn `(rows, records)`.
    """
    order = np.argsort(values, kind="stable")
    begins = np.flatnonzero(np.concatenate([[True], np.diff(values[order]) != 0]))
    tied = np.add.reduceat(weights[:, order], begins, axis=1).astype(np.float64)
    middle = np.cumsum(tied, axis=1) - tied / 2 + 0.5
    group = np.empty(len(values), dtype=np.int64)
    group[order] = np.repeat(np.arange(len(begins)), np.diff(np.append(begins, len(values))))
    found: np.ndarray = middle[:, group]
    return found


def spearman(one: np.ndarray, other: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Rank correlation of two series `(records,)` for each row of weights `(rows,)`; see `pearson`."""
    weights = np.ones((1, len(one))) if weights is None else weights
    return pearson(ranks(one, weights), ranks(other, weights), weights)


def correlations(gold: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """The two metrics that training chooses by."""
    return {"spearman": float(spearman(gold, predicted)[0]), "pearson": float(pearson(gold, predicted)[0])}


def evaluate(
    gold: np.ndarray, predicted: np.ndarray, bootstrap: Bootstrap
) -> tuple[dict[str, Estimate], dict[str, Any]]:
    """Everything that evaluate reports of one split.

    Args:
        gold: scores `(records,)`.
        predicted: scores `(records,)`.
        bootstrap: how intervals are made.

    Returns:
        The headline with intervals, and details: mean error by tenth of the gold scores.
    """
    n = len(gold)
    draws = np.concatenate(
        [
            np.stack([spearman(gold, predicted, block), pearson(gold, predicted, block)], axis=1)
            for block in bootstrap.weights(n)
        ]
    )
    headline = {
        name: Estimate(value, *bootstrap.interval(draws[:, i]), n)
        for i, (name, value) in enumerate(correlations(gold, predicted).items())
    }
    error = predicted - gold
    means = {"mse": error**2, "mae": np.abs(error), "bias": error}
    headline |= dict(zip(means, bootstrap.of_means(np.stack(list(means.values()))), strict=True))
    return headline, {"by_score": _by_score(gold, error)}


def _by_score(gold: np.ndarray, error: np.ndarray, parts: int = 10) -> list[dict[str, Any]]:
    """Errors of records of similar gold score, from the lowest tenth up."""
    edges = np.unique(np.quantile(gold, np.arange(1, parts) / parts))
    place = np.searchsorted(edges, gold, side="right")
    return [
        {
            "low": float(gold[chosen].min()),
            "high": float(gold[chosen].max()),
            "records": int(chosen.sum()),
            "mae": float(np.abs(error[chosen]).mean()),
            "bias": float(error[chosen].mean()),
        }
        for chosen in (place == part for part in np.unique(place))
    ]
