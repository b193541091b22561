"""A head that knows the task before the encoder moves: linear probing, then fine-tuning (LP-FT, Kumar et al. 2022).

A fresh head sends random gradients into the encoder, which distort what the base model knew until the head has caught up. A
head fitted on frozen features costs one reading of train and a convex fit, and gives the encoder little reason to move.

Its strength is chosen by cross-validated log-loss on train, not by accuracy: a head that is too hard is as accurate, but
overconfident, and tuning keeps it so.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from stages.metrics.linear import folds
from stages.tasks.protocol import Task
from stages.training.batching import Rows
from stages.training.prediction import logits_of

STRENGTHS = (0.003, 0.03, 0.3, 3.0)
"""Candidates for C, scikit-learn's inverse strength, on standardised features."""
FOLDS = 3
CHOOSING = 3000
"""Most records that choose the strength; all of them fit the head."""


@dataclass(frozen=True)
class HeadStart:
    """A linear head.

    Attributes:
        weight: `(classes, hidden)`.
        bias: `(classes,)`.
        strength: C that was chosen.
        losses: cross-validated log-loss by candidate.
    """

    weight: np.ndarray
    bias: np.ndarray
    strength: float
    losses: dict[float, float]


class _Features(nn.Module):
    """A model whose output is what its head reads."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model: Any = model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        return self.model.features(input_ids, attention_mask)


def features(model: nn.Module, rows: Rows, task: Task, pad_id: int, batch_size: int, *, bf16: bool) -> np.ndarray:
    """What the head reads of all rows `(records, hidden)`; see `logits_of`."""
    return logits_of(_Features(model), rows, task, pad_id, batch_size, bf16=bf16)


def fit(read: np.ndarray, labels: np.ndarray, classes: int, seed: int, *, balanced: bool) -> HeadStart:
    """Fit a multinomial logistic regression and fold the features' standardisation into it.

    Args:
        read: features `(records, hidden)`.
        labels: class ids `(records,)`.
        classes: how many there are; a class without records keeps a bias below all others.
        seed: of folds and sample.
        balanced: weigh classes as `training.class_weights: balanced` does.
    """
    mean, spread = read.mean(axis=0), read.std(axis=0)
    spread = np.where(spread > 1e-6, spread, 1.0)
    x = (read - mean) / spread
    losses = _losses(x, labels, seed, balanced=balanced)
    strength = min(losses, key=lambda one: (losses[one], one))
    model = _regression(x, labels, strength, balanced=balanced)
    weight = np.zeros((classes, read.shape[1]), dtype=np.float32)
    bias = np.full(classes, float(model.intercept_.min()) - 1.0, dtype=np.float32)
    coefficients, intercepts = _per_class(model)
    weight[model.classes_] = coefficients / spread
    bias[model.classes_] = intercepts - (coefficients / spread) @ mean
    return HeadStart(weight, bias, strength, losses)


def put(head: nn.Linear, start: HeadStart) -> None:
    """Give a head the weights that were fitted."""
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(start.weight))
        head.bias.copy_(torch.from_numpy(start.bias))


def _losses(x: np.ndarray, labels: np.ndarray, seed: int, *, balanced: bool) -> dict[float, float]:
    """Log-loss per record on folds that were not fitted on; a class that a fold's fit has not seen counts as chance."""
    some = np.random.default_rng(seed).permutation(len(x))[:CHOOSING]
    x, labels = x[some], labels[some]
    fold, total = folds(labels, FOLDS, seed), dict.fromkeys(STRENGTHS, 0.0)
    for held in range(FOLDS):
        known, asked = fold != held, fold == held
        if len(np.unique(labels[known])) < 2:
            continue
        for strength in STRENGTHS:
            model = _regression(x[known], labels[known], strength, balanced=balanced)
            place = {label: i for i, label in enumerate(model.classes_)}
            shares = model.predict_proba(x[asked])
            chance = 1.0 / len(place)
            right = [
                row[place[label]] if label in place else chance
                for row, label in zip(shares, labels[asked], strict=True)
            ]
            total[strength] -= float(np.log(np.maximum(right, 1e-12)).sum()) / len(x)
    return total


def _regression(x: np.ndarray, labels: np.ndarray, strength: float, *, balanced: bool) -> Any:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    weights = "balanced" if balanced else None
    with warnings.catch_warnings():
        # The last digits of a convex optimum do not matter to what starts from it.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return LogisticRegression(C=strength, max_iter=200, tol=1e-3, class_weight=weights).fit(x, labels)


def _per_class(model: Any) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients and intercepts of each class; two classes come as one difference, which is shared out."""
    if len(model.classes_) == 2:
        return np.concatenate([-model.coef_, model.coef_]) / 2, np.concatenate(
            [-model.intercept_, model.intercept_]
        ) / 2
    return model.coef_, model.intercept_
