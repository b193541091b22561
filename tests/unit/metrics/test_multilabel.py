"""Figures of several labels per record are scikit-learn's; thresholds are the best there are; intervals cover."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import (
    average_precision_score,
    f1_score,
    hamming_loss,
    log_loss,
    precision_recall_fscore_support,
)

from stages.metrics import multilabel
from stages.metrics.intervals import Bootstrap

GENERATOR = np.random.default_rng(4)
LABELS = ["a", "b", "c", "never"]


def made_up(records: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gold, predictions and probabilities that have to do with each other; the last label never occurs."""
    gold = GENERATOR.random((records, 4)) < np.array([0.5, 0.2, 0.05, 0.0])
    probabilities = np.clip(0.5 * gold + 0.6 * GENERATOR.random((records, 4)), 0.001, 0.999).round(2)
    return gold, probabilities > 0.55, probabilities


def test_averages_are_scikit_learns() -> None:
    gold, said, probabilities = made_up()
    found, details = multilabel.evaluate(gold, said, probabilities, LABELS, Bootstrap(200, 0.95, 1))
    for name in ("macro", "micro"):
        assert found[f"{name}_f1"].value == pytest.approx(f1_score(gold, said, average=name, zero_division=0))
    assert found["samples_f1"].value == pytest.approx(f1_score(gold, said, average="samples", zero_division=1))
    assert found["subset_accuracy"].value == pytest.approx((gold == said).all(axis=1).mean())
    assert found["hamming_loss"].value == pytest.approx(hamming_loss(gold, said))
    by_label = [average_precision_score(gold[:, i], probabilities[:, i]) for i in range(3)]
    assert found["map"].value == pytest.approx(np.mean(by_label))
    each = [log_loss(gold[:, i], probabilities[:, i], labels=[False, True]) for i in range(4)]
    assert found["log_loss"].value == pytest.approx(np.mean(each))
    rows = details["per_label"]
    assert [row["f1"] for row in rows] == pytest.approx(f1_score(gold, said, average=None, zero_division=0).tolist())
    assert [row["average_precision"] for row in rows[:3]] == pytest.approx(by_label)
    assert rows[3]["average_precision"] is None


def test_intervals_are_those_of_resampled_records() -> None:
    gold, said, probabilities = made_up(120)
    found, _ = multilabel.evaluate(gold, said, probabilities, LABELS, Bootstrap(400, 0.9, 3))
    draws = []
    for block in Bootstrap(400, 0.9, 3).weights(120):
        for row in block:
            drawn = np.repeat(np.arange(120), row)
            draws.append(f1_score(gold[drawn], said[drawn], average="macro", zero_division=0))
    low, high = np.quantile(draws, [0.05, 0.95])
    assert (found["macro_f1"].low, found["macro_f1"].high) == pytest.approx((low, high))


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 12)), min_size=1, max_size=30))
def test_no_threshold_is_better_than_the_best(records: list[tuple[bool, int]]) -> None:
    gold, scores = np.array([one for one, _ in records]), np.array([score / 13 for _, score in records])
    found = multilabel.best_threshold(gold, scores)

    def f1(threshold: float) -> float:
        said = scores > threshold
        return float(2 * (gold & said).sum() / max(gold.sum() + said.sum(), 1))

    if not gold.any():
        assert found == 0.5
    else:
        assert f1(found) == max(f1(one) for one in [0.0, *scores])
        assert np.abs(scores - found).min() > 0.03  # half-way between two scores, so that decisions hold against noise


def test_a_record_without_labels_is_right_when_none_is_predicted() -> None:
    gold = np.array([[False, False], [False, False], [True, False]])
    said = np.array([[False, False], [True, False], [True, True]])
    assert multilabel.samples_f1(gold, said).tolist() == pytest.approx([1.0, 0.0, 2 / 3])
    assert multilabel.mean_average_precision(gold[:2], said[:2].astype(float)) == 0


def test_rare_labels_that_a_resample_misses_do_not_pull_the_interval_down() -> None:
    gold = np.repeat(np.eye(40, dtype=bool), 2, axis=0)
    found, _ = multilabel.evaluate(gold, gold, gold.astype(float), [""] * 40, Bootstrap(200, 0.95, 1))
    assert (found["macro_f1"].value, found["macro_f1"].low, found["macro_f1"].high) == (1.0, 1.0, 1.0)
    beside = np.hstack([gold, np.zeros((80, 10), dtype=bool)])
    found, _ = multilabel.evaluate(beside, beside, beside.astype(float), [""] * 50, Bootstrap(200, 0.95, 1))
    one = found["macro_f1"]
    assert (one.value, one.low, one.high) == pytest.approx((0.8, 0.8, 0.8))


def test_figures_of_each_label_equal_sklearns() -> None:
    generator = np.random.default_rng(2)
    gold, said = generator.random((60, 4)) < 0.3, generator.random((60, 4)) < [0.1, 0.3, 0.5, 0.0]
    _, details = multilabel.evaluate(gold, said, said.astype(float), list("abcd"), Bootstrap(50))
    expected = precision_recall_fscore_support(gold, said, zero_division=0)
    for name, values in zip(("precision", "recall", "f1", "support"), expected, strict=True):
        assert [row[name] for row in details["per_label"]] == pytest.approx(values.tolist()), name


def test_a_wrong_label_that_the_model_is_sure_of_costs_no_more_than_float32_can_tell() -> None:
    gold = np.array([[False, True]])
    sure = np.array([[1.0, 1e-20]], dtype=np.float32)
    assert multilabel.log_losses(gold, sure)[0] == pytest.approx((24 * np.log(2) + 20 * np.log(10)) / 2, rel=1e-6)
