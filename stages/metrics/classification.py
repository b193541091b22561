"""Metrics of single-label classification, from gold, predictions and probabilities.

Averages over classes go over those that occur in gold or predictions, and a class without predictions has precision 0:
scikit-learn's conventions, so that figures compare with everybody else's. Balanced accuracy averages recall over the classes
in gold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from stages.metrics import calibration
from stages.metrics.intervals import Bootstrap, Estimate

FROM_CONFUSION = ("accuracy", "balanced_accuracy", "macro_f1", "micro_f1", "weighted_f1", "mcc")
"""What `from_confusion` returns, in this order."""


def confusion(gold: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Counts `(classes, classes)`, gold in rows."""
    return np.bincount(gold.astype(np.int64) * classes + predicted, minlength=classes**2).reshape(classes, classes)


def from_confusion(counts: np.ndarray) -> np.ndarray:
    """The metrics named in `FROM_CONFUSION`.

    Args:
        counts: `(..., classes, classes)`, gold in rows; each matrix holds at least one record.

    Returns:
        `(..., 6)`. MCC is the multi-class R_K (Gorodkin 2004), 0 where it is undefined.
    """
    right = np.diagonal(counts, axis1=-2, axis2=-1).astype(float)
    gold, predicted = counts.sum(-1).astype(float), counts.sum(-2).astype(float)
    n = gold.sum(-1)
    f1 = _ratio(2 * right, gold + predicted)
    present = (gold + predicted) > 0
    accuracy = right.sum(-1) / n
    recall = _ratio(right, gold)
    balanced = recall.sum(-1) / (gold > 0).sum(-1)
    covariance = right.sum(-1) * n - (gold * predicted).sum(-1)
    spread = (n**2 - (predicted**2).sum(-1)) * (n**2 - (gold**2).sum(-1))
    mcc = _ratio(covariance, np.sqrt(spread))
    macro, weighted = f1.sum(-1) / present.sum(-1), (f1 * gold).sum(-1) / n
    return np.stack([accuracy, balanced, macro, accuracy, weighted, mcc], axis=-1)


def accuracy_and_macro_f1(gold: np.ndarray, predicted: np.ndarray, classes: int) -> dict[str, float]:
    """The two metrics that training chooses by."""
    values = from_confusion(confusion(gold, predicted, classes))
    return {"accuracy": float(values[0]), "macro_f1": float(values[2])}


def per_class(counts: np.ndarray, labels: Sequence[str]) -> list[dict[str, Any]]:
    """Precision, recall, F1, support and number of predictions of each class, in the order of `labels`."""
    right, gold, predicted = np.diagonal(counts), counts.sum(1), counts.sum(0)
    precision, recall = _ratio(right, predicted), _ratio(right, gold)
    f1 = _ratio(2 * right, gold + predicted)
    return [
        {
            "label": label,
            "precision": float(precision[i]),
            "recall": float(recall[i]),
            "f1": float(f1[i]),
            "support": int(gold[i]),
            "predicted": int(predicted[i]),
        }
        for i, label in enumerate(labels)
    ]


def in_top(probabilities: np.ndarray, gold: np.ndarray, k: int) -> np.ndarray:
    """Whether gold is among the k most probable classes `(records,)`; ties count against it."""
    chosen = probabilities[np.arange(len(gold)), gold]
    # Classes that are as probable as gold come before it, gold itself excepted: a tie never helps.
    ahead = (probabilities >= chosen[:, None]).sum(axis=1) - 1
    return ahead < k


def evaluate(
    gold: np.ndarray,
    predicted: np.ndarray,
    probabilities: np.ndarray,
    labels: Sequence[str],
    bootstrap: Bootstrap,
    *,
    top_k: int,
    bins: int,
) -> tuple[dict[str, Estimate], dict[str, Any]]:
    """Everything that evaluate reports of one split.

    Args:
        gold: class ids `(records,)`.
        predicted: class ids `(records,)`.
        probabilities: `(records, classes)`, in the order of `labels`.
        labels: class names.
        bootstrap: how intervals are made.
        top_k: records count as right when gold is among so many best guesses; left out where there are no more classes.
        bins: of the calibration error.

    Returns:
        The headline with intervals, and details: per-class table, reliability table, most frequent confusions.
    """
    counts = confusion(gold, predicted, len(labels))
    estimates = bootstrap.of_confusion(gold, predicted, len(labels), from_confusion)
    headline = dict(zip(FROM_CONFUSION, estimates, strict=True))
    # Among as many guesses as there are classes gold always is.
    top = {f"top{top_k}_accuracy": in_top(probabilities, gold, top_k).astype(float)} if top_k < len(labels) else {}
    means = {
        **top,
        "log_loss": calibration.log_losses(probabilities, gold),
        "brier": calibration.brier_scores(probabilities, gold),
    }
    headline |= dict(zip(means, bootstrap.of_means(np.stack(list(means.values()))), strict=True))
    table = calibration.reliability(probabilities.max(axis=1), gold == predicted, bins)
    # A bootstrap of ECE would be biased upwards: resampling adds the very noise that ECE measures.
    headline["ece"] = Estimate(calibration.expected_calibration_error(table), None, None, len(gold))
    details = {
        "per_class": per_class(counts, labels),
        "reliability": [asdict(one) for one in table],
        "confusions": _most_confused(counts, labels),
    }
    return headline, details


def _most_confused(counts: np.ndarray, labels: Sequence[str], most: int = 30) -> list[dict[str, Any]]:
    """The pairs of classes that were mixed up most often."""
    off = counts.copy()
    np.fill_diagonal(off, 0)
    order = np.argsort(-off, axis=None, kind="stable")[:most]
    pairs = [divmod(int(cell), len(labels)) for cell in order]
    return [{"gold": labels[g], "predicted": labels[p], "count": int(off[g, p])} for g, p in pairs if off[g, p]]


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Quotient, 0 where the divisor is 0."""
    return np.divide(above, below, out=np.zeros(np.shape(below), dtype=float), where=np.asarray(below) > 0)
