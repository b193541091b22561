"""Whether the model notices messages that fit none of its classes.

Four scores, larger meaning more foreign, each held against the test split: what separates them is reported as AUROC, and as
the share of out-of-scope messages that still pass when 95 % of test has to pass (FPR95).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stages.metrics import two_sample
from stages.metrics.intervals import Bootstrap, Estimate

NEIGHBOURS = 5
KEPT = 0.95
SHRINKAGE = 1e-3


@dataclass(frozen=True)
class Detection:
    """One score.

    Attributes:
        name: of the score.
        auroc: probability that an out-of-scope message scores above one of test.
        passed: share of out-of-scope messages that pass where 95 % of test pass.
    """

    name: str
    auroc: Estimate
    passed: Estimate


def measure(scores: dict[str, tuple[np.ndarray, np.ndarray]], bootstrap: Bootstrap) -> list[Detection]:
    """Judge scores.

    Args:
        scores: by name, of test's and of out-of-scope records; larger is more foreign.
        bootstrap: how intervals are made, over both samples.
    """
    found = []
    for name, (inside, outside) in scores.items():
        limit = np.quantile(inside, KEPT)
        area = two_sample.auc(inside, outside)
        generator = np.random.default_rng(bootstrap.seed)
        draws = [
            two_sample.auc(generator.choice(inside, len(inside)), generator.choice(outside, len(outside)))
            for _ in range(min(bootstrap.resamples, 500))
        ]
        passed = bootstrap.of_means((outside <= limit)[None].astype(float))[0]
        found.append(Detection(name, Estimate(area, *bootstrap.interval(np.array(draws)), len(outside)), passed))
    return found


def confidence_scores(logits: np.ndarray) -> dict[str, np.ndarray]:
    """Scores from logits `(records, classes)`.

    One less the largest probability (Hendrycks & Gimpel 2017), and energy (Liu et al. 2020).
    """
    values = logits.astype(np.float64)
    top = values.max(axis=1)
    total = top + np.log(np.exp(values - top[:, None]).sum(axis=1))
    return {"max softmax": 1 - np.exp(top - total), "energy": -total}


def distance_scores(train: np.ndarray, labels: np.ndarray, asked: np.ndarray) -> dict[str, np.ndarray]:
    """Scores from the tuned model's vectors: mean distance to neighbours (Sun et al. 2022), Mahalanobis (Lee et al. 2018).

    Args:
        train: vectors of train `(records, dimensions)`.
        labels: their class ids.
        asked: vectors to score `(asked, dimensions)`.
    """
    near = two_sample.nearest_distances(asked, train, NEIGHBOURS)
    x = train.astype(np.float64)
    classes = np.unique(labels)
    means = np.stack([x[labels == one].mean(axis=0) for one in classes])
    centred = x - means[np.searchsorted(classes, labels)]
    covariance = centred.T @ centred / len(x)
    # Shrinkage keeps the inverse finite where there are more dimensions than records.
    average = float(np.trace(covariance)) / len(covariance) + 1e-12
    covariance = (1 - SHRINKAGE) * covariance + SHRINKAGE * average * np.eye(len(covariance))
    root = np.linalg.cholesky(np.linalg.inv(covariance))
    far = two_sample.squared_distances(asked.astype(np.float64) @ root, means @ root).min(axis=1)
    return {"nearest neighbours": near, "Mahalanobis": far}
