"""A head that knows the task before the encoder moves: linear probing, then fine-tuning (LP-FT, Kumar et al. 2022).

A fresh head sends random gradients into the encoder, which distort what the base model knew until the head has caught up. A
head fitted on frozen features costs one reading of train and a convex fit, and gives the encoder little reason to move.

A head that fits train by heart is no help: its train loss is near nothing, so the encoder gets no gradient to learn from, and
the run ends overconfident and less accurate than one that began with noise. The strength is therefore the smallest one whose
cross-validated log-loss is within one standard error of the best (Breiman et al. 1984). Losses are compared at each
strength's own best temperature, since a soft head is only less sure of itself, not wrong more often.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.special import logsumexp
from torch import nn

from stages.encoding.ragged import dense
from stages.metrics.linear import folds
from stages.metrics.solving import by_one_thread
from stages.tasks.protocol import Task
from stages.training.batching import Rows
from stages.training.prediction import outputs_of

STRENGTHS = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
"""Candidates for C, scikit-learn's inverse strength, on standardised features."""
TEMPERATURES = (-4.0, 6.0)
"""Logarithms between which the best factor of the scores is looked for."""
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
        losses: cross-validated log-loss by candidate, at its best temperature.
    """

    weight: np.ndarray
    bias: np.ndarray
    strength: float
    losses: dict[float, float]

    def outputs(self, read: np.ndarray) -> np.ndarray:
        """What the head says of features: `(records, classes)`, or `(records,)` where it has one output."""
        said = read @ self.weight.T + self.bias
        return said[:, 0] if said.shape[1] == 1 else said


class _Features(nn.Module):
    """A model whose output is what its head reads."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model: Any = model

    def forward(self, **batch: torch.Tensor) -> torch.Tensor:
        return self.model.features(**batch)


def features(model: nn.Module, rows: Rows, task: Task, pad_id: int, batch_size: int, *, bf16: bool) -> np.ndarray:
    """What the head reads of all rows `(records, hidden)`; see `outputs_of`."""
    return dense(outputs_of(_Features(model), rows, task, pad_id, batch_size, bf16=bf16, by_token=False))


@by_one_thread
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
    by_record = _losses(x, labels, seed, balanced=balanced)
    strength = softest(by_record)
    model = _solved(_regression(balanced=balanced), x, labels, strength)
    weight = np.zeros((classes, read.shape[1]), dtype=np.float32)
    coefficients, intercepts = _per_class(model)
    bias = np.full(classes, float(intercepts.min()) - 1.0, dtype=np.float32)
    weight[model.classes_] = coefficients / spread
    bias[model.classes_] = intercepts - (coefficients / spread) @ mean
    return HeadStart(weight, bias, strength, {one: float(losses.mean()) for one, losses in by_record.items()})


def softest(losses: Mapping[float, np.ndarray]) -> float:
    """The smallest strength within one standard error of the best.

    Args:
        losses: of each record `(records,)`, by strength.
    """
    best = min(losses, key=lambda one: (losses[one].mean(), one))
    reach = losses[best].mean() + losses[best].std() / np.sqrt(len(losses[best]))
    return min(one for one in losses if losses[one].mean() <= reach)


def put(head: nn.Linear, start: HeadStart) -> None:
    """Give a head the weights that were fitted."""
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(start.weight))
        head.bias.copy_(torch.from_numpy(start.bias))


def _losses(x: np.ndarray, labels: np.ndarray, seed: int, *, balanced: bool) -> dict[float, np.ndarray]:
    """Log-loss of each record by a head that was not fitted on it; classes that a fold's fit has not seen are left out."""
    some = np.random.default_rng(seed).permutation(len(x))[:CHOOSING]
    x, labels = x[some], labels[some]
    fold = folds(labels, FOLDS, seed)
    scores: dict[float, list[tuple[np.ndarray, np.ndarray]]] = {strength: [] for strength in STRENGTHS}
    for held in range(FOLDS):
        known, asked = fold != held, (fold == held) & np.isin(labels, labels[fold != held])
        if len(np.unique(labels[known])) < 2 or not asked.any():
            continue
        model = _regression(balanced=balanced)
        for strength in STRENGTHS:
            _solved(model, x[known], labels[known], strength)
            coefficients, intercepts = _per_class(model)
            scores[strength].append(
                (x[asked] @ coefficients.T + intercepts, np.searchsorted(model.classes_, labels[asked]))
            )
    return {strength: _at_best_temperature(parts) for strength, parts in scores.items()}


def _at_best_temperature(parts: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Log-loss of each record when all scores are multiplied by the one factor that makes their mean smallest.

    Args:
        parts: scores `(records, classes)` and right columns `(records,)` of each fold, whose classes may differ.
    """
    from scipy.optimize import minimize_scalar

    def losses(logarithm: float) -> np.ndarray:
        found = []
        for scores, right in parts:
            scaled = scores * np.exp(logarithm)
            found.append(logsumexp(scaled, axis=1) - scaled[np.arange(len(right)), right])
        return np.concatenate(found) if found else np.zeros(1)

    best = minimize_scalar(lambda one: float(losses(one).mean()), bounds=TEMPERATURES, method="bounded")
    return losses(float(best.x))


def _regression(*, balanced: bool) -> Any:
    """A regression that begins where its last fit ended: from one strength to the next that is half of the way."""
    from sklearn.linear_model import LogisticRegression

    weights = "balanced" if balanced else None
    return LogisticRegression(max_iter=200, tol=1e-3, class_weight=weights, warm_start=True)


def _solved(model: Any, x: np.ndarray, labels: np.ndarray, strength: float) -> Any:
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        # The last digits of a convex optimum do not matter to what starts from it.
        warnings.simplefilter("ignore", ConvergenceWarning)
        # Few records of many classes are classes all the same.
        warnings.filterwarnings("ignore", message="The number of unique classes")
        return model.set_params(C=strength).fit(x, labels)


def _per_class(model: Any) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients and intercepts of each class; two classes come as one difference, which is shared out."""
    if len(model.classes_) == 2:
        return np.concatenate([-model.coef_, model.coef_]) / 2, np.concatenate(
            [-model.intercept_, model.intercept_]
        ) / 2
    return model.coef_, model.intercept_
