"""A head fitted on features decides as scikit-learn's regression does, and its strength follows the data."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch import nn

from stages.training import head_start


def clouds(n: int, classes: int, distance: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    centres = np.random.default_rng(99).normal(size=(classes, 12)) * distance
    return (3 + 5 * (centres[labels] + generator.normal(size=(n, 12)))).astype(np.float32), labels


def shares(logits: np.ndarray) -> np.ndarray:
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("classes", [2, 5])
def test_the_folded_head_gives_the_regressions_probabilities(classes: int) -> None:
    x, y = clouds(300, classes, 0.8, 0)
    found = head_start.fit(x, y, classes, 1, balanced=False)
    scale = StandardScaler().fit(x)
    model = LogisticRegression(C=found.strength, max_iter=2000, tol=1e-8).fit(scale.transform(x), y)
    held, _ = clouds(100, classes, 0.8, 1)
    ours = shares(held.astype(np.float64) @ found.weight.T + found.bias)
    np.testing.assert_allclose(ours, model.predict_proba(scale.transform(held)), atol=0.02)


def test_noise_gets_a_softer_head_than_structure() -> None:
    x, y = clouds(400, 4, 2.0, 2)
    noise = np.random.default_rng(3).integers(0, 4, 400)
    assert head_start.fit(x, noise, 4, 0, balanced=False).strength < head_start.fit(x, y, 4, 0, balanced=False).strength


def test_the_chosen_strength_is_the_softest_within_a_standard_error_of_the_best() -> None:
    spread = np.tile([-1.0, 1.0], 50)
    means = {0.001: 1.3, 0.01: 1.09, 0.1: 1.0, 1.0: 1.05}
    assert head_start.softest({one: mean + spread for one, mean in means.items()}) == 0.01
    assert head_start.softest({one: mean + spread / 100 for one, mean in means.items()}) == 0.1


def test_losses_are_those_of_a_calibrated_head_whatever_its_strength() -> None:
    x, y = clouds(900, 3, 0.7, 4)
    losses = head_start.fit(x, y, 3, 0, balanced=False).losses
    assert set(losses) == set(head_start.STRENGTHS)
    # A soft head gives nearly uniform shares, whose own loss would be log 3; its direction is as good.
    assert max(losses.values()) < 0.8 * np.log(3)
    assert max(losses.values()) < 1.1 * min(losses.values())


def test_a_class_without_records_is_never_chosen_and_weights_land_in_the_head() -> None:
    x, y = clouds(200, 3, 2.0, 5)
    y = np.where(y == 2, 3, y)
    found = head_start.fit(x, y, 4, 0, balanced=True)
    assert 2 not in (x @ found.weight.T + found.bias).argmax(axis=1)
    head = nn.Linear(12, 4)
    head_start.put(head, found)
    assert np.array_equal(head.weight.detach().numpy(), found.weight)
    assert np.array_equal(head.bias.detach().numpy(), found.bias)


def test_nor_is_it_where_two_classes_are_left_and_one_is_rare() -> None:
    x = np.random.default_rng(7).normal(size=(390, 4)).astype(np.float32)
    common = (np.arange(390) % 13 != 0).astype(int)
    found = head_start.fit(x, common, 3, 0, balanced=False)
    # The two share one intercept out, so that half of it is less than it less one.
    assert found.bias[1] - found.bias[0] > 2
    assert set((x @ found.weight.T + found.bias).argmax(axis=1)) == {1}


def test_balanced_weights_lift_the_rare_class() -> None:
    x, y = clouds(600, 2, 0.3, 6)
    keep = (y == 0) | (np.arange(600) < 60)
    x, y = x[keep], y[keep]
    plain, lifted = (head_start.fit(x, y, 2, 0, balanced=one) for one in (False, True))
    rare = [float(((x @ one.weight.T + one.bias).argmax(axis=1) == 1).mean()) for one in (plain, lifted)]
    assert rare[1] > rare[0]
