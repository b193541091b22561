"""Intervals hold the true value as often as they say, by simulation."""

from __future__ import annotations

import numpy as np
import pytest

from stages.metrics import classification
from stages.metrics.intervals import Bootstrap, Estimate

DRAWS = 400
ERROR = 2.5 * np.sqrt(0.95 * 0.05 / DRAWS)
"""What chance alone does to a coverage measured so often."""


def population(classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Shares of each (gold, predicted) cell, and the true metrics that follow from them."""
    generator = np.random.default_rng(5)
    gold = generator.dirichlet(np.full(classes, 8.0))
    wrong = generator.dirichlet(np.ones(classes), classes)
    cells = gold[:, None] * (0.2 * wrong + 0.8 * np.eye(classes))
    return cells, classification.from_confusion(cells[None] * 1e9)[0]


def holds(one: Estimate, true: float) -> bool:
    assert one.low is not None
    assert one.high is not None
    return one.low <= true <= one.high


@pytest.mark.parametrize("n", [300, 1000, 3000])
def test_accuracy_and_macro_f1(n: int) -> None:
    cells, true = population(5)
    found = np.zeros(2)
    for draw in range(DRAWS):
        sample = np.random.default_rng(draw).choice(25, n, p=cells.ravel())
        gold, predicted = np.divmod(sample, 5)
        estimates = Bootstrap(400, 0.95, draw).of_confusion(gold, predicted, 5, classification.from_confusion)
        found += holds(estimates[0], true[0]), holds(estimates[2], true[2])
    coverage = found / DRAWS
    assert (np.abs(coverage - 0.95) <= 0.02 + ERROR).all(), coverage


@pytest.mark.parametrize("n", [300, 1000, 3000])
def test_paired_differences(n: int) -> None:
    found = 0
    for draw in range(DRAWS):
        generator = np.random.default_rng(draw)
        level = generator.random(n)
        one, other = level < 0.85, np.where(generator.random(n) < 0.1, generator.random(n), level) < 0.82
        true = 0.85 - (0.9 * 0.82 + 0.1 * 0.82)
        found += holds(Bootstrap(200, 0.95, draw).of_means((one.astype(float) - other)[None])[0], true)
    assert abs(found / DRAWS - 0.95) <= 0.02 + ERROR
