"""Debiased CKA: 1 for the same up to rotation and scale, 0 on average for unrelated features, equal to its slow definition."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from stages.metrics.similarity import debiased_cka


def slow_hsic(k: np.ndarray, m: np.ndarray) -> float:
    """Unbiased HSIC as a U-statistic over all ordered quadruples (Song et al. 2012, eq. 4)."""
    n = len(k)
    first = np.mean([k[i, j] * m[i, j] for i, j in permutations(range(n), 2)])
    second = np.mean([k[i, j] * m[p, q] for i, j, p, q in permutations(range(n), 4)])
    third = np.mean([k[i, j] * m[i, q] for i, j, q in permutations(range(n), 3)])
    return float(first + second - 2 * third)


def test_by_the_slow_definition() -> None:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(8, 3))
    y = x @ generator.normal(size=(3, 4)) + generator.normal(size=(8, 4)) + 5
    k, m = x @ x.T, y @ y.T
    expected = slow_hsic(k, m) / np.sqrt(slow_hsic(k, k) * slow_hsic(m, m))
    assert debiased_cka(x, y) == pytest.approx(expected, rel=1e-9)


def test_rotation_scale_and_shift_change_nothing() -> None:
    generator = np.random.default_rng(1)
    x = generator.normal(size=(60, 10))
    rotation, _ = np.linalg.qr(generator.normal(size=(10, 10)))
    assert debiased_cka(x, 3 * x @ rotation + 2) == pytest.approx(1.0, abs=1e-9)


def test_unrelated_features_are_at_zero_on_average() -> None:
    generator = np.random.default_rng(2)
    found = [debiased_cka(generator.normal(size=(50, 40)), generator.normal(size=(50, 40))) for _ in range(60)]
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(60) + 0.005


def test_constant_features_are_like_nothing() -> None:
    assert debiased_cka(np.ones((10, 3)), np.random.default_rng(3).normal(size=(10, 3))) == 0.0
