"""What one gets without fine-tuning where a text may have any number of labels: train's own most frequent ones, and TF-IDF.

TF-IDF has one logistic regression per label (one-vs-rest) on the features of `stages.analysis.baselines`, and a threshold per
label from validation, like the model that it is held against.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from stages.analysis.baselines import LARGEST, features_of
from stages.metrics.multilabel import best_threshold

STRENGTH = 10.0
"""Inverse regularisation of each label's regression; on short texts the best one is near."""
FEW = 5
"""Records of a rare label that a sample holds at least, as far as there are so many."""


def majority(train: np.ndarray, records: int) -> np.ndarray:
    """Always the labels that more than half of train's records have, or the most frequent one if there are none.

    Args:
        train: whether a record has a label `(n, labels)`.
        records: of the split to predict.

    Returns:
        `(records, labels)`, boolean.
    """
    shares = train.mean(axis=0)
    chosen = shares > 0.5
    if not chosen.any():
        chosen[int(shares.argmax())] = True
    return np.tile(chosen, (records, 1))


def sample(gold: np.ndarray, size: int, seed: int) -> np.ndarray:
    """Some of train's records by chance, and of each label that has fewer than `FEW` among them up to so many more.

    Args:
        gold: whether a record has a label `(records, labels)`.
        size: records drawn by chance.
        seed: of the draw.

    Returns:
        Their positions in order `(at least size,)`.
    """
    order = np.random.default_rng(seed).permutation(len(gold))
    chosen, left = order[:size], order[size:]
    more = [
        left[gold[left, label]][: FEW - count] for label, count in enumerate(gold[chosen].sum(axis=0)) if count < FEW
    ]
    return np.unique(np.concatenate([chosen, *more]))


class LabelBaseline:
    """TF-IDF and a logistic regression per label.

    Args:
        texts: of train.
        gold: whether they have a label `(records, labels)`.
        validation: texts and gold that thresholds are chosen by.
        seed: of the sample that is used above `LARGEST` records, which no label misses.
    """

    def __init__(
        self, texts: Sequence[str], gold: np.ndarray, validation: tuple[Sequence[str], np.ndarray], seed: int
    ) -> None:
        chosen = np.arange(len(texts))
        if len(texts) > LARGEST:
            chosen = sample(gold, LARGEST, seed)
        self.features, matrix = features_of([texts[int(i)] for i in chosen])
        self.models = [_fit(matrix, gold[chosen, label]) for label in range(gold.shape[1])]
        held = self.probabilities(validation[0])
        self.thresholds = np.array([best_threshold(validation[1][:, i], held[:, i]) for i in range(gold.shape[1])])

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """Of each label `(texts, labels)`."""
        matrix = self.features.transform(texts)
        return np.stack([_probability(model, matrix) for model in self.models], axis=1)

    def predict(self, texts: Sequence[str]) -> np.ndarray:
        """Whether each text gets each label `(texts, labels)`."""
        return self.probabilities(texts) > self.thresholds


def _fit(matrix: Any, gold: np.ndarray) -> Any:
    """A regression; or the one answer that train gives."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    if gold.all() or not gold.any():
        return float(gold.any())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return LogisticRegression(C=STRENGTH, solver="liblinear", max_iter=50, tol=1e-2).fit(matrix, gold)


def _probability(model: Any, matrix: Any) -> np.ndarray:
    if isinstance(model, float):
        return np.full(matrix.shape[0], model)
    found: np.ndarray = model.predict_proba(matrix)[:, 1]
    return found
