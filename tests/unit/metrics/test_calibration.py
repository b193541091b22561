"""Calibration measures against scikit-learn and sums done by hand."""

from __future__ import annotations

import numpy as np
import pytest

from stages.metrics import calibration


def test_brier_is_the_squared_distance_to_the_gold_corner() -> None:
    probabilities = np.array([[0.7, 0.2, 0.1], [0.0, 1.0, 0.0]])
    gold = np.array([0, 2])
    corners = np.eye(3)[gold]
    assert calibration.brier_scores(probabilities, gold) == pytest.approx(((probabilities - corners) ** 2).sum(1))


def test_log_loss_survives_a_probability_of_zero() -> None:
    losses = calibration.log_losses(np.array([[0.0, 1.0]]), np.array([0]))
    assert np.isfinite(losses).all()


def test_ece_by_hand() -> None:
    confidence, right = np.array([0.6, 0.6, 0.9, 0.9]), np.array([True, False, True, True])
    table = calibration.reliability(confidence, right, 2)
    assert [(one.count, one.accuracy) for one in table] == [(2, 0.5), (2, 1.0)]
    assert calibration.expected_calibration_error(table) == pytest.approx(0.5 * 0.1 + 0.5 * 0.1)


def test_more_bins_than_records_give_a_bin_to_each() -> None:
    assert len(calibration.reliability(np.array([0.5, 0.7]), np.array([True, False]), 15)) == 2
