"""Ridge probes against scikit-learn; neighbours and folds by definition."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import RidgeClassifier
from sklearn.neighbors import KNeighborsClassifier

from stages.metrics import linear


def clouds(n: int, classes: int, dimensions: int, distance: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, classes, n)
    centres = generator.normal(size=(classes, dimensions)) * distance
    return centres[labels] + generator.normal(size=(n, dimensions)), labels


def test_the_weights_are_ridges_at_the_chosen_strength() -> None:
    x, y = clouds(200, 4, 12, 1.0, 0)
    x = x * np.linspace(0.1, 5, 12) + 3
    probe = linear.Ridge(x, y, 4)
    standard = (x - x.mean(0)) / x.std(0)
    oracle = RidgeClassifier(alpha=probe.strength * len(x)).fit(standard, y)
    np.testing.assert_allclose(2 * probe.scores(x) - 1, oracle.decision_function(standard), atol=1e-8)
    assert (probe.predict(x) == oracle.predict(standard)).all()


def test_the_strength_follows_the_noise() -> None:
    x, y = clouds(300, 2, 40, 1.0, 1)
    noise = np.random.default_rng(2).integers(0, 2, 300)
    assert linear.Ridge(x, noise, 2).strength > linear.Ridge(x, y, 2).strength


def test_more_dimensions_than_records_and_constant_features_are_no_trouble() -> None:
    x, y = clouds(30, 3, 100, 2.0, 3)
    x[:, 5] = 7.0
    probe = linear.Ridge(x, y, 3)
    assert np.isfinite(probe.weights).all()
    held, gold = clouds(30, 3, 100, 2.0, 3)
    held[:, 5] = 7.0
    assert (probe.predict(held) == gold).mean() > 0.9


def test_fewer_records_than_dimensions_give_ridges_weights_too() -> None:
    x, y = clouds(40, 3, 90, 1.0, 7)
    probe = linear.Ridge(x, y, 3)
    standard = (x - x.mean(0)) / x.std(0)
    oracle = RidgeClassifier(alpha=probe.strength * len(x)).fit(standard, y)
    np.testing.assert_allclose(2 * probe.scores(x) - 1, oracle.decision_function(standard), atol=1e-8)


def test_cross_prediction_learns_structure_and_not_noise() -> None:
    x, y = clouds(400, 2, 10, 1.5, 4)
    noise = np.random.default_rng(5).integers(0, 2, 400)
    assert (linear.cross_predicted(x, y, 2, 0) == y).mean() > 0.9
    assert abs((linear.cross_predicted(x, noise, 2, 0) == noise).mean() - 0.5) < 0.1


@settings(max_examples=50)
@given(st.lists(st.integers(0, 4), min_size=5, max_size=80), st.integers(2, 5))
def test_folds_spread_every_class(labels: list[int], count: int) -> None:
    y = np.array(labels)
    found = linear.folds(y, count, 1)
    assert set(found) <= set(range(count))
    for label in set(labels):
        sizes = np.bincount(found[y == label], minlength=count)
        assert sizes.max() - sizes.min() <= 1
    assert (linear.folds(y, count, 1) == found).all()


def test_neighbours_vote_without_themselves() -> None:
    x, y = clouds(150, 3, 8, 1.0, 6)
    found = linear.nearest_class(x, y, 1)
    for i in range(0, 150, 17):
        rest = np.arange(150) != i
        oracle = KNeighborsClassifier(1, metric="cosine").fit(x[rest], y[rest])
        assert found[i] == oracle.predict(x[i : i + 1])[0]


def test_most_neighbours_win_and_of_as_many_the_nearest() -> None:
    angles = np.deg2rad([0, 5, 20, 25, 90])
    x = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    y = np.array([0, 1, 2, 2, 3])
    assert linear.nearest_class(x, y, 1)[0] == 1
    assert linear.nearest_class(x, y, 3)[0] == 2, "two of three"
    assert linear.nearest_class(x, y, 2)[0] == 1, "one of each: the nearer"


def test_a_zero_vector_stays_zero() -> None:
    assert (linear.normalised(np.zeros((2, 3))) == 0).all()
    np.testing.assert_allclose(np.linalg.norm(linear.normalised(np.arange(1.0, 7).reshape(2, 3)), axis=1), 1)
