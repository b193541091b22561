"""Metrics against scikit-learn, also where classes are absent."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as oracle

from stages.metrics import classification
from stages.metrics.intervals import Bootstrap


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=60))
def test_metrics_equal_sklearn(pairs: list[tuple[int, int]]) -> None:
    gold, predicted = np.array(pairs).T
    values = classification.from_confusion(classification.confusion(gold, predicted, 5))
    found = dict(zip(classification.FROM_CONFUSION, values, strict=True))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert found["accuracy"] == pytest.approx(oracle.accuracy_score(gold, predicted))
        assert found["balanced_accuracy"] == pytest.approx(oracle.balanced_accuracy_score(gold, predicted))
        assert found["macro_f1"] == pytest.approx(oracle.f1_score(gold, predicted, average="macro"))
        assert found["weighted_f1"] == pytest.approx(oracle.f1_score(gold, predicted, average="weighted"))
        assert found["mcc"] == pytest.approx(oracle.matthews_corrcoef(gold, predicted), abs=1e-9)


def test_as_many_guesses_as_classes_are_no_figure() -> None:
    gold = np.array([0, 1, 1])
    headline, _ = classification.evaluate(gold, gold, np.eye(2)[gold], ["a", "b"], Bootstrap(50), top_k=2, bins=2)
    assert "top2_accuracy" not in headline


def test_top_k_counts_ties_against_gold() -> None:
    probabilities = np.array([[0.4, 0.4, 0.2], [0.5, 0.3, 0.2]])
    assert classification.in_top(probabilities, np.array([0, 1]), 1).tolist() == [False, False]
    assert classification.in_top(probabilities, np.array([0, 1]), 2).tolist() == [True, True]


def test_evaluate_gives_intervals_around_every_headline_value_but_ece() -> None:
    generator = np.random.default_rng(0)
    probabilities = generator.dirichlet(np.ones(3), size=200)
    gold = generator.integers(0, 3, 200)
    predicted = probabilities.argmax(axis=1)
    headline, details = classification.evaluate(
        gold, predicted, probabilities, ["a", "b", "c"], Bootstrap(300), top_k=2, bins=10
    )
    assert headline["log_loss"].value == pytest.approx(oracle.log_loss(gold, probabilities))
    assert headline["top2_accuracy"].value == pytest.approx(oracle.top_k_accuracy_score(gold, probabilities, k=2))
    for name, one in headline.items():
        assert one.n == 200
        if name != "ece":
            assert one.low is not None
            assert one.high is not None
            assert one.low <= one.value <= one.high
    assert [row["support"] for row in details["per_class"]] == np.bincount(gold).tolist()


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=60))
def test_figures_of_each_class_equal_sklearns(pairs: list[tuple[int, int]]) -> None:
    gold, predicted = np.array(pairs).T
    rows = classification.per_class(classification.confusion(gold, predicted, 5), list("abcde"))
    expected = oracle.precision_recall_fscore_support(gold, predicted, labels=range(5), zero_division=0)
    for name, values in zip(("precision", "recall", "f1", "support"), expected, strict=True):
        assert [row[name] for row in rows] == pytest.approx(values.tolist()), name
    assert [row["predicted"] for row in rows] == np.bincount(predicted, minlength=5).tolist()


def test_confusions_say_what_was_taken_for_what() -> None:
    gold, predicted = np.array([0, 0, 0, 1, 2]), np.array([1, 1, 0, 1, 0])
    _, details = classification.evaluate(
        gold, predicted, np.eye(3)[predicted], ["a", "b", "c"], Bootstrap(50), top_k=1, bins=2
    )
    assert details["confusions"] == [
        {"gold": "a", "predicted": "b", "count": 2},
        {"gold": "c", "predicted": "a", "count": 1},
    ]
