"""Correlations are scipy's, also of resampled records with their ties."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from stages.metrics import regression
from stages.metrics.intervals import Bootstrap

GENERATOR = np.random.default_rng(9)


@pytest.mark.parametrize("decimals", [0, 1, 6])
def test_correlations_are_scipys(decimals: int) -> None:
    gold = GENERATOR.normal(size=80).round(decimals)
    said = (gold + GENERATOR.normal(size=80)).round(decimals)
    found = regression.correlations(gold, said)
    assert found["spearman"] == pytest.approx(stats.spearmanr(gold, said).statistic)
    assert found["pearson"] == pytest.approx(stats.pearsonr(gold, said).statistic)


def test_weights_mean_repeated_records() -> None:
    gold, said = GENERATOR.normal(size=30).round(1), GENERATOR.normal(size=30).round(1)
    weights = next(Bootstrap(8, 0.95, 2).weights(30))
    rank, plain = regression.spearman(gold, said, weights), regression.pearson(gold, said, weights)
    for row, one, other in zip(weights, rank, plain, strict=True):
        drawn = np.repeat(np.arange(30), row)
        assert one == pytest.approx(stats.spearmanr(gold[drawn], said[drawn]).statistic)
        assert other == pytest.approx(stats.pearsonr(gold[drawn], said[drawn]).statistic)


def test_what_does_not_vary_correlates_with_nothing() -> None:
    gold = np.arange(20.0)
    assert regression.correlations(gold, np.full(20, 2.3)) == {"spearman": 0.0, "pearson": 0.0}


def test_errors_by_hand_and_intervals_around_the_value() -> None:
    gold, said = np.array([0.0, 1.0, 2.0, 5.0] * 10), np.array([0.5, 1.0, 1.0, 5.0] * 10)
    found, details = regression.evaluate(gold, said, Bootstrap(300, 0.95, 1))
    assert found["mse"].value == pytest.approx((0.25 + 1) / 4)
    assert found["mae"].value == pytest.approx(1.5 / 4)
    assert found["bias"].value == pytest.approx(-0.5 / 4)
    for one in found.values():
        assert one.low is not None
        assert one.high is not None
        assert one.low <= one.value <= one.high
    assert sum(row["records"] for row in details["by_score"]) == 40
    assert details["by_score"][0]["mae"] == pytest.approx(0.5)
