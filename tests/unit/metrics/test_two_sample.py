"""Two-sample statistics against slow definitions; false alarms on equal samples, and planted shifts in their order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from stages.metrics import linear, two_sample


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30), st.lists(st.integers(0, 5), min_size=1, max_size=30))
def test_auc_is_scikit_learns(left: list[int], right: list[int]) -> None:
    gold = [0] * len(left) + [1] * len(right)
    assert two_sample.auc(np.array(left), np.array(right)) == pytest.approx(roc_auc_score(gold, left + right))


def slow_mmd(x: np.ndarray, y: np.ndarray) -> float:
    both = np.concatenate([x, y])
    squared = np.array([[((a - b) ** 2).sum() for b in both] for a in both])
    width = np.median(squared[np.triu_indices(len(both), 1)])
    kernel, n = np.exp(-squared / width), len(x)
    within = sum(kernel[i, j] for i in range(n) for j in range(n) if i != j)
    within += sum(kernel[n + i, n + j] for i in range(n) for j in range(n) if i != j)
    return float(within / (n * (n - 1)) - 2 * kernel[:n, n:].sum() / n**2)


def test_mmd_by_its_definition() -> None:
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(20, 3)), generator.normal(0.7, 1, size=(20, 3))
    found = two_sample.mmd(x, y, 100, 1)
    assert found.squared == pytest.approx(slow_mmd(x, y), rel=1e-9)
    assert found.p == pytest.approx(1 / 101)
    same = two_sample.mmd(x, generator.normal(size=(20, 3)), 100, 1)
    assert same.p > 0.05


def test_distances_by_their_definition() -> None:
    generator = np.random.default_rng(1)
    x, y = generator.normal(size=(12, 4)), generator.normal(size=(9, 4))
    slow = [np.mean(sorted(np.linalg.norm(a - b) for b in y)[:3]) for a in x]
    np.testing.assert_allclose(two_sample.nearest_distances(x, y, 3), slow)
    own = [np.mean(sorted(np.linalg.norm(a - b) for j, b in enumerate(x) if j != i)[:2]) for i, a in enumerate(x)]
    np.testing.assert_allclose(two_sample.nearest_distances(x, x, 2, own=True), own, atol=1e-7)
    assert two_sample.nearest_distances(x, y[:2], 5).shape == (12,)


def test_equal_samples_raise_a_false_alarm_at_most_once_in_twenty() -> None:
    alarms, tests = np.zeros(2), 200
    for draw in range(tests):
        points = np.random.default_rng(draw).normal(size=(160, 16))
        alarms[0] += two_sample.classifier_test(points[:80], points[80:], 99, draw).p < 0.05
        alarms[1] += two_sample.mmd(points[:80], points[80:], 99, draw).p < 0.05
    assert (alarms / tests <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / tests)).all()


def test_the_classifier_test_by_the_book() -> None:
    """Out-of-fold scores of scikit-learn's ridge at the strength that its own generalised cross-validation takes."""
    generator = np.random.default_rng(4)
    x, y = generator.normal(size=(60, 5)), generator.normal(0.6, 1, size=(60, 5))
    found = two_sample.classifier_test(x, y, 60, 3)
    points, sides = np.concatenate([x, y]), np.repeat([0.0, 1.0], 60)
    dice = np.random.default_rng(3)
    for _ in range(60):
        dice.permutation(sides)
    fold = dice.permutation(np.arange(120) % 5)
    areas, pairs = [], []
    for i in range(5):
        held = fold == i
        scale = StandardScaler().fit(points[~held])
        best, score = np.inf, np.empty(0)
        inside, n = scale.transform(points[~held]), int((~held).sum())
        for strength in linear.STRENGTHS:
            model = Ridge(alpha=strength * n).fit(inside, sides[~held])
            hat = inside @ np.linalg.inv(inside.T @ inside + strength * n * np.eye(5)) @ inside.T
            residual = ((sides[~held] - model.predict(inside)) ** 2).sum()
            error = residual / (n - np.trace(hat) - 1) ** 2
            if error < best:
                best, score = error, model.predict(scale.transform(points[held]))
        areas.append(roc_auc_score(sides[held], score))
        pairs.append(sides[held].sum() * (1 - sides[held]).sum())
    assert found.auc == pytest.approx(np.average(areas, weights=pairs), abs=1e-9)
    assert found.p == 1 / 61
    assert found.low < found.auc < found.high


def test_planted_shares_of_foreign_records_are_ranked() -> None:
    generator = np.random.default_rng(3)
    train, foreign = generator.normal(size=(300, 20)), generator.normal(1.0, 1.0, size=(300, 20))
    areas, p = [], []
    for share in (0.0, 0.05, 0.2, 0.5):
        split = generator.normal(size=(300, 20))
        split[: int(300 * share)] = foreign[: int(300 * share)]
        found = two_sample.classifier_test(train, split, 200, 1)
        assert found.low <= found.auc <= found.high
        assert found.scores.shape == (300,)
        areas.append(found.auc)
        p.append(found.p)
    assert areas == sorted(areas)
    assert p[0] > 0.05
    assert p[-1] == 1 / 201
