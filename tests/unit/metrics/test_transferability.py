"""LogME against scikit-learn's evidence, H-score against projections; both prefer features that know the classes."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import BayesianRidge

from stages.metrics import transferability
from tests.unit.metrics.test_linear import clouds


def test_log_me_is_the_evidence_of_bayesian_regression() -> None:
    x, y = clouds(150, 3, 8, 1.0, 0)
    expected = []
    for label in range(3):
        model = BayesianRidge(
            max_iter=1000,
            tol=1e-10,
            alpha_1=0,
            alpha_2=0,
            lambda_1=0,
            lambda_2=0,
            fit_intercept=False,
            compute_score=True,
        ).fit(x, (y == label).astype(float))
        expected.append(model.scores_[-1] / 150)
    assert transferability.log_me(x, y, 3) == pytest.approx(np.mean(expected), rel=1e-4)


def test_a_class_that_the_sample_lacks_changes_nothing() -> None:
    x, y = clouds(120, 4, 30, 1.0, 5)
    assert transferability.log_me(x, y, 6) == transferability.log_me(x, y, 4)


def test_h_score_is_the_overlap_of_features_and_classes() -> None:
    x, y = clouds(120, 4, 6, 1.0, 1)
    centred = x - x.mean(0)
    classes = np.eye(4)[y] - np.eye(4)[y].mean(0)
    both = np.trace(centred @ np.linalg.pinv(centred) @ classes @ np.linalg.pinv(classes))
    assert transferability.h_score(x, y, 4) == pytest.approx(both, rel=1e-8)


@pytest.mark.parametrize("dimensions", [10, 200])
def test_features_that_know_the_classes_rank_first(dimensions: int) -> None:
    knows, y = clouds(120, 3, dimensions, 1.0, 2)
    noise = np.random.default_rng(3).normal(size=knows.shape)
    assert transferability.log_me(knows, y, 3) > transferability.log_me(noise, y, 3)
    if dimensions < 120:
        assert transferability.h_score(knows, y, 3) > transferability.h_score(noise, y, 3)
