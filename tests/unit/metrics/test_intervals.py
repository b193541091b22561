"""The bootstrap against the normal approximation, and its coverage."""

from __future__ import annotations

import numpy as np
import pytest

from stages.metrics import classification
from stages.metrics.intervals import Bootstrap


def test_the_interval_of_a_mean_is_close_to_the_normal_one() -> None:
    values = np.random.default_rng(1).normal(size=(1, 400))
    one = Bootstrap(4000).of_means(values)[0]
    half = 1.96 * values.std() / 20
    assert one.low == pytest.approx(values.mean() - half, abs=0.02)
    assert one.high == pytest.approx(values.mean() + half, abs=0.02)


def test_both_ways_to_resample_accuracy_agree() -> None:
    generator = np.random.default_rng(2)
    gold, predicted = generator.integers(0, 4, 500), generator.integers(0, 4, 500)
    predicted[:300] = gold[:300]
    bootstrap = Bootstrap(4000)
    by_cells = bootstrap.of_confusion(gold, predicted, 4, classification.from_confusion)[0]
    by_records = bootstrap.of_means((gold == predicted).astype(float)[None])[0]
    assert by_cells.value == by_records.value
    assert by_cells.low == pytest.approx(by_records.low, abs=0.006)
    assert by_cells.high == pytest.approx(by_records.high, abs=0.006)


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    generator = np.random.default_rng(3)
    covered = 0
    for seed in range(300):
        sample = (generator.random((1, 300)) < 0.8).astype(float)
        one = Bootstrap(400, seed=seed).of_means(sample)[0]
        assert one.low is not None
        assert one.high is not None
        covered += one.low <= 0.8 <= one.high
    assert 0.91 <= covered / 300 <= 0.98


def test_the_same_seed_gives_the_same_interval() -> None:
    values = np.random.default_rng(4).random((2, 50))
    assert Bootstrap(200).of_means(values) == Bootstrap(200).of_means(values)
