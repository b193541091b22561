"""Baselines on problems whose answer is known; the gain over them is paired."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb, sqrt

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import accuracy_score, f1_score

from stages.analysis import baselines, comparison
from stages.analysis.baselines import TfidfBaseline, learned_from, majority
from stages.metrics.intervals import Bootstrap

ENGLISH = (
    ("the parcel is late", "where is my parcel", "the courier lost a parcel", "parcel not delivered yet"),
    ("the invoice is wrong", "send me the invoice", "this invoice was paid", "an invoice came twice"),
)
CHINESE = (
    ("我想退货", "请问怎么退货", "这件商品要退货", "退货需要多久"),
    ("发票开错了", "请把发票寄给我", "发票什么时候到", "我没有收到发票"),
)
BOOTSTRAP = Bootstrap(2000, 0.95, 3)


def fitted(groups: Sequence[Sequence[str]], classes: int | None = None) -> TfidfBaseline:
    texts = [text for group in groups for text in group]
    labels = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    return TfidfBaseline(texts, labels, (texts, labels), classes or len(groups), seed=1)


def records(texts: Sequence[str], labels: Sequence[str]) -> pa.Table:
    return pa.table({"text": list(texts), "label": list(labels)})


def held_out(wrong: int, right: int) -> pa.Table:
    """Parcels of which TF-IDF is right about the last ones only, since the first ones carry the other label."""
    return records(["my parcel please"] * (wrong + right), ["invoice"] * wrong + ["parcel"] * right)


def english() -> TfidfBaseline:
    train = records([*ENGLISH[0], *ENGLISH[1]], ["parcel"] * 4 + ["invoice"] * 4)
    return comparison.fit(train, train, ["invoice", "parcel"], seed=1)


def test_the_majority_is_the_most_frequent_class_with_its_frequencies() -> None:
    said = majority(np.array([2, 0, 2, 1, 2, 0, 2, 1]), records=3, classes=4)
    assert said.predicted.tolist() == [2, 2, 2]
    assert said.probabilities.tolist() == [[0.25, 0.25, 0.5, 0.0]] * 3


def test_of_several_most_frequent_classes_the_first_is_taken() -> None:
    assert majority(np.array([3, 1, 3, 1, 0]), records=2, classes=4).predicted.tolist() == [1, 1]


def test_the_majority_of_three_equal_classes_still_sums_to_one() -> None:
    probabilities = majority(np.arange(3), records=5, classes=3).probabilities
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-12)


@pytest.mark.parametrize(
    ("groups", "first", "second"),
    [
        (
            ENGLISH,
            ("has my parcel left", "one parcel broke", "is that a parcel", "parcel for my neighbour"),
            ("please correct that invoice", "I lost an invoice", "why two invoices", "invoice for last month"),
        ),
        (
            CHINESE,
            ("可以帮我办理退货吗", "尺码不对能退货吗", "退货的地址", "帮忙退货"),
            ("麻烦重新开一张发票", "发票抬头写什么", "补一张发票", "电子发票在哪里"),
        ),
    ],
    ids=["English", "Chinese"],
)
def test_tfidf_learns_from_the_word_that_tells_classes_apart(
    groups: Sequence[Sequence[str]], first: Sequence[str], second: Sequence[str]
) -> None:
    said = fitted(groups).predict([*first, *second])
    assert said.predicted.tolist() == [0] * 4 + [1] * 4
    np.testing.assert_allclose(said.probabilities.sum(axis=1), 1, rtol=1e-6)


def test_scripts_without_spaces_are_read_by_their_characters() -> None:
    """An unseen Chinese sentence is one unseen word: the word features alone know nothing of it."""
    names = fitted(CHINESE).features.get_feature_names_out()
    assert "characters__退货" in names
    assert "words__退货" not in names


def test_the_strength_is_the_one_that_is_right_more_often_on_validation(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []

    class Says:
        def __init__(self, strength: float) -> None:
            self.strength = strength

        def predict(self, held: object) -> np.ndarray:
            return np.array([1, 1]) if self.strength == 30.0 else np.array([0, 1])

    def fit(matrix: object, labels: np.ndarray, strength: float) -> Says:
        asked.append(strength)
        return Says(strength)

    monkeypatch.setattr(baselines, "_fit", fit)
    for gold, chosen in (([1, 1], 30.0), ([0, 1], 3.0), ([0, 0], 3.0)):
        one = TfidfBaseline(["red one", "blue one"], np.array([0, 1]), (["a", "b"], np.array(gold)), 2, seed=1)
        assert one.strength == chosen
        assert one.model.strength == chosen
    assert asked == [3.0, 30.0] * 3


def test_a_class_that_the_sample_missed_is_added_and_an_unknown_one_gets_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(baselines, "LARGEST", 40)
    texts = [f"{word} {i}" for word in ("red", "blue") for i in range(100)] + ["green thing"]
    labels = np.array([0] * 100 + [2] * 100 + [1])
    one = TfidfBaseline(texts, labels, (texts, labels), classes=4, seed=5)
    assert one.model.classes_.tolist() == [0, 1, 2]
    said = one.predict(["red 1", "green thing", "blue 2"])
    assert said.probabilities.shape == (3, 4)
    assert not said.probabilities[:, 3].any()
    np.testing.assert_allclose(said.probabilities.sum(axis=1), 1, rtol=1e-6)
    assert said.predicted.tolist() == [0, 1, 2]


def test_the_sample_depends_on_its_seed_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baselines, "LARGEST", 20)
    texts = [f"{('red', 'blue')[i % 2]} number{i}" for i in range(200)]
    labels = np.arange(200) % 2

    def words(seed: int) -> set[str]:
        one = TfidfBaseline(texts, labels, (texts, labels), 2, seed)
        return {name for name in one.features.get_feature_names_out() if name.startswith("words__number")}

    assert len(words(1)) == 20
    assert words(1) == words(1)
    assert words(1) != words(2)


def test_ids_are_positions_among_the_labels() -> None:
    found = comparison.ids_of(records("xyz", ["b", "a", "c"]), ["a", "b", "c"])
    assert found.tolist() == [1, 0, 2]
    assert found.dtype == np.int64


def test_baselines_are_scored_as_scikit_learn_does() -> None:
    split = held_out(wrong=30, right=70)
    gold = np.array([0] * 30 + [1] * 70)
    found = comparison.compare(
        english(), np.array([0, 1, 1]), split, np.ones(100, dtype=bool), ["invoice", "parcel"], BOOTSTRAP
    )
    assert set(found.scores) == {"majority", "tfidf"}
    assert found.right is not None
    assert found.right.tolist() == [False] * 30 + [True] * 70
    for said in found.scores.values():
        assert set(said) == {"accuracy", "macro_f1"}
        assert said["accuracy"].value == pytest.approx(accuracy_score(gold, np.ones(100)))
        assert said["macro_f1"].value == pytest.approx(f1_score(gold, np.ones(100), average="macro"))
        assert said["accuracy"].n == 100


def test_the_majority_comes_from_train_and_not_from_the_split() -> None:
    split, right = held_out(wrong=10, right=30), np.ones(40, dtype=bool)
    by_train = [
        comparison.compare(english(), np.array(train), split, right, ["invoice", "parcel"], BOOTSTRAP)
        for train in ([0, 0, 1], [0, 1, 1])
    ]
    assert [one.scores["majority"]["accuracy"].value for one in by_train] == [0.25, 0.75]


def test_the_gain_is_the_paired_difference() -> None:
    split = held_out(wrong=80, right=120)
    theirs = np.array([False] * 80 + [True] * 120)
    right = theirs.copy()
    right[:30], right[-10:] = True, False
    found = comparison.compare(english(), np.array([0, 1]), split, right, ["invoice", "parcel"], BOOTSTRAP)
    difference = right.astype(float) - theirs
    assert found.gain.value == pytest.approx(0.1)
    assert found.gain.value == pytest.approx(right.mean() - found.scores["tfidf"]["accuracy"].value)
    half = 1.96 * difference.std() / sqrt(200)
    assert found.gain.low == pytest.approx(0.1 - half, abs=0.01)
    assert found.gain.high == pytest.approx(0.1 + half, abs=0.01)
    p = 2 * sum(comb(40, k) for k in range(11)) / 2**40
    assert found.tests["mcnemar_p"] == pytest.approx(p, rel=1e-9)


def test_two_models_that_err_on_the_same_records_differ_by_nothing() -> None:
    right = np.array([False] * 20 + [True] * 20)
    found = comparison.compare(english(), np.array([0, 1]), held_out(20, 20), right, ["invoice", "parcel"], BOOTSTRAP)
    assert (found.gain.value, found.gain.low, found.gain.high) == (0, 0, 0)
    assert found.tests["mcnemar_p"] == 1


def test_a_class_that_a_sample_would_miss_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baselines, "LARGEST", 20)
    texts = [f"common words number {i}" for i in range(100)] + ["something rare"]
    labels = np.array([0] * 100 + [1])
    fitted = baselines.TfidfBaseline(texts, labels, (texts[:5], labels[:5]), 2, 1)
    assert fitted.predict(["something rare"]).probabilities.shape == (1, 2)


def test_texts_without_a_word_are_no_trouble() -> None:
    texts, labels = ["😀😀", "🎉🎉🎉"] * 10, np.array([0, 1] * 10)
    fitted = baselines.TfidfBaseline(texts, labels, (texts[:4], labels[:4]), 2, 1)
    assert fitted.predict(["😀😀", "🎉🎉"]).predicted.tolist() == [0, 1]


def test_no_class_is_left_out_of_a_sample() -> None:
    labels = np.array([0] * 2000 + [1] * 2 + [2] * 500)
    taken = learned_from(labels, 100, 3)
    assert set(labels[taken]) == {0, 1, 2}
    assert 100 <= taken.sum() <= 101
    assert learned_from(labels, 5000, 3).all()


def test_with_many_classes_the_most_frequent_features_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"parcel number{i} is late" for i in range(50)]
    whole, _ = baselines.features_of(texts)
    monkeypatch.setattr(baselines, "WEIGHTS", 400)
    few, matrix = baselines.features_of(texts, 10)
    assert matrix.shape == (50, 40)
    assert set(few.get_feature_names_out()) < set(whole.get_feature_names_out())
    assert "words__parcel" in few.get_feature_names_out()
