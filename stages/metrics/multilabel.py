"""Metrics of any number of labels per record, from which labels are gold, which were predicted, and how probable each was.

Averages are scikit-learn's: macro over all labels (one that never occurs and is never predicted has F1 0), micro over all
decisions, samples over records, where a record without gold and predicted labels is right. The mean average precision is
over the labels that occur in gold.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from stages.metrics.intervals import Bootstrap, Estimate

SMALLEST = float(np.finfo(np.float32).tiny)
ROUNDING = 2.0**-24
"""Distance from 1 to the float32 below it."""


def f1_of(right: np.ndarray, gold: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """F1 from counts, 0 where there is neither gold nor prediction; all of one shape."""
    below = np.asarray(gold + predicted, dtype=float)
    return np.divide(2.0 * right, below, out=np.zeros(below.shape), where=below > 0)


def macro_and_micro_f1(gold: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """Both F1 of boolean matrices `(records, labels)`."""
    right, own, said = (gold & predicted).sum(0), gold.sum(0), predicted.sum(0)
    return {
        "macro_f1": float(f1_of(right, own, said).mean()),
        "micro_f1": float(f1_of(right.sum(), own.sum(), said.sum())),
    }


def macro_f1_of_draws(right: np.ndarray, gold: np.ndarray, predicted: np.ndarray, never: int) -> np.ndarray:
    """Macro-F1 of resampled counts.

    A resample may happen to miss a rare label. Such a label says nothing of the model, and counting it as 0 would push the
    interval below the estimate: the mean is over labels that occur in the resample. Labels that never occur at all are 0 in
    the estimate, whose share of labels they keep.

    Args:
        right: counts `(resamples, labels)`.
        gold: likewise.
        predicted: likewise.
        never: labels that the records themselves neither have nor were given.

    Returns:
        `(resamples,)`.
    """
    occurring = ((gold + predicted) > 0).sum(axis=1)
    averaged: np.ndarray = f1_of(right, gold, predicted).sum(axis=1) / np.maximum(occurring, 1)
    return averaged * (1 - never / right.shape[1])


def samples_f1(gold: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """F1 of each record `(records,)`; 1 where it has no label and none was predicted."""
    counts = gold.sum(1) + predicted.sum(1)
    return np.where(counts > 0, f1_of((gold & predicted).sum(1), gold.sum(1), predicted.sum(1)), 1.0)


def average_precisions(gold: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Average precision of each label `(labels,)`: the step-wise area under its precision-recall curve; NaN without gold."""
    found = np.full(gold.shape[1], np.nan)
    for label in np.flatnonzero(gold.any(axis=0)):
        precision, recall = precision_recall(gold[:, label], probabilities[:, label])
        found[label] = float((np.diff(recall, prepend=0.0) * precision).sum())
    return found


def mean_average_precision(gold: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean of the average precision over the labels that occur; 0 where none does."""
    found = average_precisions(gold, probabilities)
    return float(np.nanmean(found)) if np.isfinite(found).any() else 0.0


def precision_recall(gold: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Precision and recall at each distinct score, from the highest one down `(distinct,)`.

    Args:
        gold: whether a record has the label `(records,)`; at least one has.
        scores: `(records,)`; equal scores are one step.
    """
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, [True]))
    right = np.cumsum(gold[order])[ends]
    return right / (ends + 1), right / right[-1]


def best_threshold(gold: np.ndarray, scores: np.ndarray) -> float:
    """The threshold above which predicting the label gives the best F1; 0.5 where no record has it.

    It lies half-way between two neighbouring scores, so that small differences of a graph do not change decisions. Of equally
    good ones the highest is taken.
    """
    if not gold.any():
        return 0.5
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order].astype(np.float64)
    ends = np.flatnonzero(np.append(np.diff(ranked) != 0, [True]))
    right = np.cumsum(gold[order])[ends]
    best = int(np.argmax(f1_of(right, np.full(len(ends), gold.sum()), ends + 1)))
    below = ranked[ends[best] + 1] if ends[best] + 1 < len(ranked) else 0.0
    return float((ranked[ends[best]] + below) / 2)


def log_losses(gold: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Mean binary cross-entropy of each record's labels, in nats `(records,)`."""
    # A float32 probability next to 1 is 1 to within `ROUNDING`: what is left of it is no less than that.
    likely = np.where(gold, np.maximum(probabilities, SMALLEST), np.maximum(1.0 - probabilities, ROUNDING))
    return -np.log(likely).mean(axis=1)


def evaluate(
    gold: np.ndarray, predicted: np.ndarray, probabilities: np.ndarray, labels: Sequence[str], bootstrap: Bootstrap
) -> tuple[dict[str, Estimate], dict[str, Any]]:
    """Everything that evaluate reports of one split.

    Args:
        gold: `(records, labels)`, boolean.
        predicted: likewise.
        probabilities: likewise, of each label by itself.
        labels: their names.
        bootstrap: how intervals are made.

    Returns:
        The headline with intervals, and details: a row per label.
    """
    n = len(gold)
    right, own, said = (gold & predicted).astype(float), gold.astype(float), predicted.astype(float)
    never = int((~(gold | predicted).any(axis=0)).sum())
    draws = np.concatenate(
        [_averages(block @ right, block @ own, block @ said, never) for block in bootstrap.weights(n)]
    )
    values = macro_and_micro_f1(gold, predicted)
    headline = {
        name: Estimate(values[name], *bootstrap.interval(draws[:, i]), n)
        for i, name in enumerate(("macro_f1", "micro_f1"))
    }
    means = {
        "samples_f1": samples_f1(gold, predicted),
        "subset_accuracy": (gold == predicted).all(axis=1).astype(float),
        "hamming_loss": (gold != predicted).mean(axis=1),
        "log_loss": log_losses(gold, probabilities),
    }
    headline |= dict(zip(means, bootstrap.of_means(np.stack(list(means.values()))), strict=True))
    precisions = average_precisions(gold, probabilities)
    headline["map"] = Estimate(mean_average_precision(gold, probabilities), None, None, n)
    headline["labels_per_record"] = Estimate(float(said.sum(axis=1).mean()), None, None, n)
    return headline, {"per_label": _per_label(gold, predicted, precisions, labels)}


def _averages(right: np.ndarray, gold: np.ndarray, predicted: np.ndarray, never: int) -> np.ndarray:
    """Macro and micro F1 `(resamples, 2)` of counts `(resamples, labels)`."""
    macro = macro_f1_of_draws(right, gold, predicted, never)
    return np.stack([macro, f1_of(right.sum(1), gold.sum(1), predicted.sum(1))], axis=1)


def _per_label(
    gold: np.ndarray, predicted: np.ndarray, precisions: np.ndarray, labels: Sequence[str]
) -> list[dict[str, Any]]:
    right, own, said = (gold & predicted).sum(0), gold.sum(0), predicted.sum(0)
    f1 = f1_of(right, own, said)
    return [
        {
            "label": label,
            "precision": float(right[i] / said[i]) if said[i] else 0.0,
            "recall": float(right[i] / own[i]) if own[i] else 0.0,
            "f1": float(f1[i]),
            "average_precision": float(precisions[i]) if np.isfinite(precisions[i]) else None,
            "support": int(own[i]),
            "predicted": int(said[i]),
        }
        for i, label in enumerate(labels)
    ]
