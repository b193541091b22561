"""Heads fitted beforehand agree with scikit-learn's regressions of the same strength."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler

from stages.training import head_independent, head_ridge, head_start

GENERATOR = np.random.default_rng(3)
X = (2 + 3 * GENERATOR.normal(size=(240, 8))).astype(np.float32)
WAY = GENERATOR.normal(size=(8, 3))


def test_each_label_has_a_logistic_regression_of_its_own() -> None:
    y = ((X - 2) / 3 @ WAY + GENERATOR.normal(size=(240, 3)) > np.array([0.0, 1.5, -1.0])).astype(np.float32)
    found = head_independent.fit(X, y, 3, 1, balanced=False)
    scaled = StandardScaler().fit_transform(X.astype(np.float64))
    for label in range(3):
        model = LogisticRegression(C=found.strength, tol=1e-8, max_iter=500).fit(scaled, y[:, label])
        np.testing.assert_allclose(found.outputs(X)[:, label], model.decision_function(scaled), atol=0.05)
    assert set(found.losses) == set(head_start.STRENGTHS)
    heavier = head_independent.fit(X, y, 3, 1, balanced=True)
    assert heavier.outputs(X)[:, 1].mean() > found.outputs(X)[:, 1].mean()


def test_a_label_that_nobody_has_is_improbable() -> None:
    found = head_independent.fit(X, np.zeros((240, 1), dtype=np.float32), 1, 0, balanced=False)
    assert found.outputs(X).max() < -3


def test_scores_have_a_ridge_regression() -> None:
    y = ((X - 2) / 3 @ WAY[:, 0] + 0.5 * GENERATOR.normal(size=240)).astype(np.float32)
    found = head_ridge.fit(X, y, 1, 0, balanced=False)
    scaled = StandardScaler().fit_transform(X.astype(np.float64))
    model = Ridge(alpha=1 / found.strength).fit(scaled, y)
    np.testing.assert_allclose(found.outputs(X), model.predict(scaled), rtol=1e-3, atol=1e-3)
    left_out = [
        (y[i] - Ridge(alpha=1 / 1e-2).fit(np.delete(scaled, i, 0), np.delete(y, i)).predict(scaled[i : i + 1])[0]) ** 2
        for i in range(240)
    ]
    # Standardisation and level are those of all records, which a left-out one is a 240th of.
    assert found.losses[1e-2] == pytest.approx(np.mean(left_out), rel=1e-2)
    assert found.outputs(X).shape == (240,)
