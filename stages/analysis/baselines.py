"""What one gets without fine-tuning: the majority class, and TF-IDF with logistic regression.

The second one sees words (1-2) and characters (2-5, within word boundaries, so that scripts without spaces work too). Its
strength is chosen on validation. It is a strong baseline on short texts and costs seconds: whoever fine-tunes should know it.
Above `LARGEST` records of train a seeded, stratified sample is used, and with many classes fewer features, which bounds time
and memory.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stages.corpora.splitting import sample
from stages.metrics.solving import by_one_thread

LARGEST = 20_000
FEATURES = 100_000
"""Of words, and of characters; those that are most frequent in train."""
WEIGHTS = 12_000_000
"""Of features times classes; logistic regression's solver keeps 25 copies of them in float64."""
WORD = re.compile(r"(?u)\b\w+\b")
STRENGTHS = (3.0, 30.0)
"""Inverse regularisation; on short texts the better one lies between."""


@dataclass(frozen=True)
class Predictions:
    """What a baseline says of a split: class ids `(records,)` and probabilities `(records, classes)`."""

    predicted: np.ndarray
    probabilities: np.ndarray


def majority(train: np.ndarray, records: int, classes: int) -> Predictions:
    """Always the most frequent class of train (the first one of several), with train's frequencies as probabilities.

    Args:
        train: class ids of train `(n,)`.
        records: of the split to predict.
        classes: how many there are.
    """
    counts = np.bincount(train, minlength=classes)
    frequencies = counts / counts.sum()
    return Predictions(np.full(records, counts.argmax()), np.tile(frequencies, (records, 1)))


class TfidfBaseline:
    """TF-IDF and logistic regression, fitted once and asked for several splits.

    Args:
        texts: of train.
        labels: class ids of train; every class must occur.
        validation: texts and class ids that the strength is chosen by.
        classes: how many there are.
        seed: of the sample that is used above `LARGEST` records.
    """

    def __init__(
        self,
        texts: Sequence[str],
        labels: np.ndarray,
        validation: tuple[Sequence[str], np.ndarray],
        classes: int,
        seed: int,
    ) -> None:
        chosen = np.flatnonzero(learned_from(labels, LARGEST, seed))
        self.features, matrix = features_of([texts[int(i)] for i in chosen], classes)
        held, gold = self.features.transform(validation[0]), validation[1]
        self.classes = classes
        fitted = [_fit(matrix, labels[chosen], strength) for strength in STRENGTHS]
        right = [float((model.predict(held) == gold).mean()) for model in fitted]
        self.model = fitted[int(np.argmax(right))]
        self.strength = STRENGTHS[int(np.argmax(right))]

    def predict(self, texts: Sequence[str]) -> Predictions:
        """Predict texts; classes that the sample missed get probability 0."""
        found = self.model.predict_proba(self.features.transform(texts))
        probabilities = np.zeros((len(texts), self.classes))
        probabilities[:, self.model.classes_] = found
        return Predictions(probabilities.argmax(axis=1), probabilities)


def learned_from(labels: np.ndarray, most: int, seed: int) -> np.ndarray:
    """Which records of train a baseline or a probe is fitted on `(records,)`: a stratified sample, however rare a class is.

    Args:
        labels: class ids of train `(records,)`.
        most: records, but for those that their class would be left out without.
        seed: of the sample.
    """
    taken = sample(labels, most, seed)
    missed = ~np.isin(labels, labels[taken])
    first = np.unique(labels, return_index=True)[1]
    taken[first[missed[first]]] = True
    return taken


def features_of(texts: Sequence[str], classes: int = 1) -> tuple[Any, Any]:
    """TF-IDF of words and of characters, fitted on texts: what transforms others, and the texts' own matrix.

    Args:
        texts: at least one.
        classes: that are solved for at once; see `WEIGHTS`.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import FeatureUnion

    most = min(FEATURES, max(WEIGHTS // (2 * classes), 1))
    common = {"sublinear_tf": True, "max_features": most, "dtype": np.float32}
    parts = [("characters", TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), **common))]
    if any(WORD.search(text) for text in texts):
        parts.append(("words", TfidfVectorizer(ngram_range=(1, 2), token_pattern=WORD.pattern, **common)))
    features = FeatureUnion(parts)
    return features, features.fit_transform(texts)


@by_one_thread
def _fit(matrix: Any, labels: np.ndarray, strength: float) -> Any:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        # Sixty steps are enough for a baseline: the last digits of a convex optimum change no comparison.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return LogisticRegression(C=strength, max_iter=60, tol=1e-3).fit(matrix, labels)
