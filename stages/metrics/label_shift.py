"""What can be said of labels that nobody has given: their shares, and how many predictions are right."""

from __future__ import annotations

import numpy as np


def shares(confusion: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Black-box shift estimation (Lipton et al. 2018): shares of the gold classes in unlabelled records `(classes,)`.

    Solves `C q = p` for q >= 0 (non-negative least squares), with C[i, j] the share of records of gold class j that are
    predicted as i, and scales q to sum 1. It holds where the texts of a class are of the same kind as before.

    Args:
        confusion: counts on labelled records `(classes, classes)`, gold in rows.
        predicted: class ids that the same model gives the unlabelled records `(records,)`.
    """
    from scipy.optimize import nnls

    totals = confusion.sum(axis=1)
    known = totals > 0
    columns = np.zeros_like(confusion, dtype=float)
    columns[known] = confusion[known] / totals[known, None]
    target = np.bincount(predicted, minlength=len(confusion)) / len(predicted)
    found, _ = nnls(columns.T, target)
    found[~known] = 0.0
    return found / found.sum() if found.sum() > 0 else target


def expected_accuracy(confidence: np.ndarray, right: np.ndarray, unlabelled: np.ndarray) -> float:
    """Average thresholded confidence (Garg et al. 2022): the accuracy to expect on records without labels.

    Args:
        confidence: of labelled held-out records `(records,)`.
        right: whether the model was right on them.
        unlabelled: confidence on the records in question.

    Returns:
        The share of them above the threshold that as many labelled records exceed as were right.
    """
    wrong = int((~right.astype(bool)).sum())
    ordered = np.sort(confidence)
    threshold = ordered[wrong - 1] if wrong else -np.inf
    return float((unlabelled > threshold).mean())
