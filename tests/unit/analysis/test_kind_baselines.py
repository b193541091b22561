"""Baselines of the kinds that have not one label per record: they read texts, and beat what reads nothing."""

from __future__ import annotations

import numpy as np
import pytest

from stages.analysis.label_baselines import LabelBaseline, majority
from stages.analysis.reports.multilabel import gain
from stages.analysis.similarity_baselines import CosineBaseline
from stages.metrics.intervals import Bootstrap
from stages.metrics.multilabel import macro_and_micro_f1
from stages.metrics.regression import correlations

WORDS = {"joy": "wonderful day", "fear": "dark woods", "退货": "我想退货"}


def comments(count: int, seed: int) -> tuple[list[str], np.ndarray]:
    generator = np.random.default_rng(seed)
    gold = generator.random((count, 3)) < 0.4
    texts = [
        " ".join([f"number {i}", *(w for w, g in zip(WORDS.values(), row, strict=True) if g)])
        for i, row in enumerate(gold)
    ]
    return texts, gold


def test_tfidf_finds_each_label_by_its_words() -> None:
    (train, known), (held, gold) = comments(200, 0), comments(80, 1)
    model = LabelBaseline(train, known, (held, gold), 0)
    texts, truth = comments(60, 2)
    assert macro_and_micro_f1(truth, model.predict(texts))["macro_f1"] > 0.95
    assert LabelBaseline(train, np.zeros_like(known), (held, gold), 0).probabilities(texts).max() == 0


def test_the_majority_gives_what_most_records_have() -> None:
    train = np.array([[1, 0, 0], [1, 1, 0], [1, 0, 0]], dtype=bool)
    assert majority(train, 2).tolist() == [[True, False, False]] * 2
    assert majority(np.eye(3, dtype=bool), 1).tolist() == [[True, False, False]]


def test_the_gain_is_the_difference_of_macro_f1() -> None:
    _, gold = comments(100, 4)
    worse = gold.copy()
    worse[:30] = ~worse[:30]
    found = gain(gold, gold, worse, Bootstrap(200, 0.95, 1))
    assert found.value == pytest.approx(1 - macro_and_micro_f1(gold, worse)["macro_f1"])
    assert found.low is not None
    assert 0 < found.low < found.value


def test_cosines_follow_shared_words_on_the_scores_scale() -> None:
    words = ["one", "two", "three", "four", "five", "six", "seven", "eight"]
    pairs = [(" ".join(words), " ".join([*words[:k], *(f"x{i}{k}" for i in range(8 - k))])) for k in range(9)] * 6
    scores = np.array([k * 5 / 8 for k in range(9)] * 6)
    split = ([one for one, _ in pairs], [other for _, other in pairs])
    model = CosineBaseline(split, scores)
    found = model.predict(split)
    assert correlations(scores, found)["spearman"] > 0.99
    assert abs(float(found.mean() - scores.mean())) < 1e-6
