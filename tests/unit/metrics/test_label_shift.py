"""Planted label shares are found without labels; so is the accuracy, where confidence means the same."""

from __future__ import annotations

import numpy as np
import pytest

from stages.metrics import label_shift


def test_planted_shares_are_recovered() -> None:
    generator = np.random.default_rng(0)
    classes = 6
    noise = generator.dirichlet(np.ones(classes) * 0.5, classes) * 0.3
    rates = noise / noise.sum(1, keepdims=True) * 0.3 + 0.7 * np.eye(classes)
    held = np.stack([generator.multinomial(400, row) for row in rates])
    for seed in range(5):
        planted = np.random.default_rng(seed).dirichlet(np.ones(classes))
        gold = generator.choice(classes, 5000, p=planted)
        predicted = np.array([generator.choice(classes, p=rates[one]) for one in gold])
        found = label_shift.shares(held, predicted)
        assert found.sum() == pytest.approx(1)
        assert np.corrcoef(found, planted)[0, 1] >= 0.95


def test_a_class_nobody_labelled_gets_no_share() -> None:
    confusion = np.array([[9, 1, 0], [1, 9, 0], [0, 0, 0]])
    found = label_shift.shares(confusion, np.array([0, 0, 1, 1]))
    assert found[2] == 0
    assert found.sum() == pytest.approx(1)


def test_accuracy_is_estimated_from_confidence() -> None:
    generator = np.random.default_rng(1)
    confidence = generator.uniform(0.2, 1, 4000)
    right = generator.random(4000) < confidence
    assert label_shift.expected_accuracy(confidence, right, confidence) == pytest.approx(right.mean(), abs=1e-3)
    harder = generator.uniform(0.2, 0.7, 4000)
    assert label_shift.expected_accuracy(confidence, right, harder) < right.mean() - 0.1
    assert label_shift.expected_accuracy(confidence, np.ones(4000), harder) == 1.0
