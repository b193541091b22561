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


def test_ece_by_the_slow_definition() -> None:
    generator = np.random.default_rng(7)
    confidence = generator.uniform(0.3, 1, 103)
    right = generator.random(103) < confidence
    order = sorted(range(103), key=lambda i: confidence[i])
    sizes = [103 // 10 + (i < 103 % 10) for i in range(10)]
    total, start = 0.0, 0
    for size in sizes:
        part = order[start : start + size]
        total += abs(sum(right[i] for i in part) - sum(confidence[i] for i in part))
        start += size
    found = calibration.expected_calibration_error(calibration.reliability(confidence, right, 10))
    assert found == pytest.approx(total / 103)


def test_more_bins_than_records_give_a_bin_to_each() -> None:
    assert len(calibration.reliability(np.array([0.5, 0.7]), np.array([True, False]), 15)) == 2


@pytest.mark.parametrize("planted", [0.5, 1.0, 2.5])
def test_a_planted_temperature_is_recovered(planted: float) -> None:
    generator = np.random.default_rng(0)
    logits = generator.normal(0, 2, size=(6000, 5))
    true = calibration.rescaled(logits, planted)
    gold = (true.cumsum(axis=1) > generator.random((6000, 1))).argmax(axis=1)
    assert calibration.temperature(logits, gold) == pytest.approx(planted, rel=0.07)


def test_a_calibrated_model_lies_in_the_null_band_and_an_overconfident_one_above() -> None:
    inside, tests = 0, 200
    for draw in range(tests):
        generator = np.random.default_rng(draw)
        confidence = generator.beta(5, 2, 400)
        right = generator.random(400) < confidence
        low, high = calibration.null_band(confidence, 10, 300, 0.95, draw)
        inside += low <= calibration.expected_calibration_error(calibration.reliability(confidence, right, 10)) <= high
    assert inside / tests > 0.90
    sure = np.minimum(confidence + 0.15, 1.0)
    assert calibration.expected_calibration_error(calibration.reliability(sure, right, 10)) > high


def test_rescaling_by_one_is_softmax_and_logarithms_undo_it() -> None:
    generator = np.random.default_rng(1)
    probabilities = generator.dirichlet(np.ones(4), 50)
    np.testing.assert_allclose(
        calibration.rescaled(calibration.logarithms(probabilities), 1.0), probabilities, rtol=1e-9
    )
    flatter = calibration.rescaled(calibration.logarithms(probabilities), 3.0)
    assert (flatter.argmax(1) == probabilities.argmax(1)).all()
    assert (flatter.max(1) <= probabilities.max(1) + 1e-12).all()


def test_without_a_mistake_nothing_says_how_sure_is_too_sure() -> None:
    logits = np.array([[2.0, 0.0], [0.0, 1.0], [3.0, 1.0]])
    assert calibration.temperature(logits, np.array([0, 1, 0])) == 1.0
    assert calibration.temperature(logits, np.array([0, 1, 1])) > 1.0
