"""Baselines of the kinds that have not one label per record: they read texts, and beat what reads nothing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import numpy as np
import pyarrow as pa
import pytest

from stages.analysis import label_baselines
from stages.analysis.label_baselines import FEW, LabelBaseline, majority, sample
from stages.analysis.reports import regression
from stages.analysis.reports.multilabel import gain
from stages.analysis.reports.protocol import Evaluated
from stages.analysis.similarity_baselines import CosineBaseline
from stages.metrics.intervals import Bootstrap
from stages.metrics.multilabel import macro_and_micro_f1
from stages.metrics.regression import correlations
from stages.params.evaluation import EvaluationParams

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


def test_a_sample_holds_some_records_of_every_label() -> None:
    gold = np.zeros((3000, 4), dtype=bool)
    gold[:, 0] = np.random.default_rng(0).random(3000) < 0.5
    gold[[7, 1500], 1] = True
    gold[1000:1020, 2] = True
    for seed in range(5):
        chosen = sample(gold, 100, seed)
        drawn = np.random.default_rng(seed).permutation(3000)[:100]
        assert set(drawn) <= set(chosen)
        assert len(chosen) <= 100 + 2 + FEW
        assert chosen.tolist() == sorted(set(chosen.tolist())) == sample(gold, 100, seed).tolist()
        assert gold[chosen, 1].sum() == 2
        assert gold[chosen, 2].sum() >= FEW
        assert gold[chosen, 3].sum() == 0


def test_tfidf_knows_a_rare_label_of_a_large_train_split(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_baselines, "LARGEST", 60)
    (train, known), validation = comments(600, 0), comments(80, 1)
    rare = np.zeros((600, 1), dtype=bool)
    rare[[3, 300, 444]] = True
    texts = [f"{text} zanzibar" if own else text for text, own in zip(train, rare[:, 0], strict=True)]
    held = [*validation[0], "a zanzibar"]
    gold = np.vstack([np.hstack([validation[1], np.zeros((80, 1), dtype=bool)]), [[False, False, False, True]]])
    model = LabelBaseline(texts, np.hstack([known, rare]), (held, gold), 0)
    found = model.probabilities(["off to zanzibar", "number 3"])[:, 3]
    assert found[0] > 2 * found[1] > 0


def test_the_sample_of_pairs_follows_the_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    given = SimpleNamespace(
        params=EvaluationParams(seed=77),
        judged=[],
        prepared=lambda _: pa.table({"text": ["a"], "text_b": ["b"], "score": [1.0]}),
    )
    seeds: list[object] = []
    monkeypatch.setattr(regression, "CosineBaseline", lambda _pairs, _scores, *seed: seeds.extend(seed))
    regression.RegressionReport().baselines(cast("Evaluated", given))
    assert seeds == [77]


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
