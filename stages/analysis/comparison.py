"""The tuned model beside its baselines, on the same records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from stages.analysis.baselines import Predictions, TfidfBaseline, majority
from stages.metrics import classification, significance
from stages.metrics.intervals import Bootstrap, Estimate

Estimates = dict[str, Estimate]
KEPT = ("accuracy", "macro_f1")


@dataclass(frozen=True)
class Comparison:
    """Baselines on a split.

    Attributes:
        scores: estimates of headline figures by baseline.
        gain: of the tuned model's first headline figure over the strong baseline's, paired over records.
        tests: p-values of the hypothesis that both are equally good, by name of the test.
        right: whether TF-IDF was right `(records,)`; None where right and wrong are no question.
        strong: name of the baseline that gains are measured against.
    """

    scores: dict[str, Estimates]
    gain: Estimate
    tests: dict[str, float]
    right: np.ndarray | None
    strong: str = "tfidf"


def fit(train: pa.Table, validation: pa.Table, labels: list[str], seed: int) -> TfidfBaseline:
    """Fit the TF-IDF baseline on prepared records (columns text and label)."""
    return TfidfBaseline(
        train["text"].to_pylist(),
        ids_of(train, labels),
        (validation["text"].to_pylist(), ids_of(validation, labels)),
        len(labels),
        seed,
    )


def ids_of(records: pa.Table, labels: list[str]) -> np.ndarray:
    """Class ids of records `(records,)`."""
    position = {label: i for i, label in enumerate(labels)}
    return np.array([position[label] for label in records["label"].to_pylist()], dtype=np.int64)


def compare(
    tfidf: TfidfBaseline, train: np.ndarray, split: pa.Table, right: np.ndarray, labels: list[str], bootstrap: Bootstrap
) -> Comparison:
    """Both baselines on a split, and how much the tuned model gains over TF-IDF.

    Args:
        tfidf: fitted.
        train: class ids of train.
        split: prepared records with text and label.
        right: whether the tuned model was right `(records,)`.
        labels: class names.
        bootstrap: how intervals are made.
    """
    gold = ids_of(split, labels)
    said = {
        "majority": majority(train, len(gold), len(labels)),
        "tfidf": tfidf.predict(split["text"].to_pylist()),
    }
    scores = {name: _score(one, gold, len(labels), bootstrap) for name, one in said.items()}
    theirs = said["tfidf"].predicted == gold
    gain = bootstrap.of_means((right.astype(float) - theirs)[None])[0]
    return Comparison(scores, gain, {"mcnemar_p": significance.mcnemar(right, theirs)}, theirs)


def _score(said: Predictions, gold: np.ndarray, classes: int, bootstrap: Bootstrap) -> dict[str, Any]:
    estimates = bootstrap.of_confusion(gold, said.predicted, classes, classification.from_confusion)
    named = dict(zip(classification.FROM_CONFUSION, estimates, strict=True))
    return {name: named[name] for name in KEPT}
