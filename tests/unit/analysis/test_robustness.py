"""Changes are seeded by the text, never empty, and do what their names say; scores of foreign messages by definition."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.covariance import ShrunkCovariance
from sklearn.metrics import roc_auc_score

from stages.analysis import out_of_scope, robustness
from stages.metrics.intervals import Bootstrap

BOOTSTRAP = Bootstrap(200, 0.95, 1)


@given(st.text(min_size=1, max_size=60), st.sampled_from(sorted(robustness.CHANGES)))
def test_a_change_depends_on_the_text_alone_and_leaves_something(text: str, name: str) -> None:
    once = robustness.changed([text], name)
    assert once == robustness.changed(["other", text], name)[1:]
    assert once[0]


def test_changes_do_what_they_say() -> None:
    text = "Please, send me the 2nd invoice for my new phone; it's late!"
    found = {name: robustness.changed([text], name)[0] for name in robustness.CHANGES}
    assert found["no punctuation"] == "Please send me the 2nd invoice for my new phone its late"
    assert found["a polite beginning"].endswith(text)
    assert 0 < len(text.split()) - len(found["dropped words"].split()) <= 3
    assert found["typing mistakes"] != text
    assert abs(len(found["typing mistakes"]) - len(text)) <= 4
    assert len(robustness.changed(["我想退货因为商品不合适"], "dropped words")[0]) == 9


def test_drop_and_flips_by_hand() -> None:
    texts, gold = ["Alpha one two", "beta one two", "Gamma one two", "delta one two"], np.array([1, 0, 1, 0])

    def decide(said: Sequence[str]) -> np.ndarray:
        return np.array([int(text[0].isupper()) for text in said])

    found = {one.name: one for one in robustness.measure(texts, gold, decide, BOOTSTRAP)}
    lost = found["lower case"].drop
    assert lost is not None
    assert lost.value == 0.5
    assert found["lower case"].flips.value == 0.5
    assert found["lower case"].touched == 0.5
    assert found["upper case"].flips.value == 0.5


def test_areas_and_passing_shares() -> None:
    generator = np.random.default_rng(0)
    inside, outside = generator.normal(0, 1, 300), generator.normal(1.5, 1, 200)
    one = out_of_scope.measure({"s": (inside, outside)}, BOOTSTRAP)[0]
    assert one.auroc.value == pytest.approx(roc_auc_score([0] * 300 + [1] * 200, np.concatenate([inside, outside])))
    assert one.auroc.low is not None
    assert one.auroc.high is not None
    assert one.auroc.low < one.auroc.value < one.auroc.high
    assert one.passed.value == pytest.approx((outside <= np.quantile(inside, 0.95)).mean())


def test_scores_of_confidence_by_definition() -> None:
    logits = np.array([[5.0, 0, 0], [1, 1, 1], [800, 0, 0]])
    found = out_of_scope.confidence_scores(logits)
    assert found["max softmax"][:2] == pytest.approx([1 - np.exp(5) / (np.exp(5) + 2), 2 / 3])
    assert found["energy"][:2] == pytest.approx([-np.log(np.exp(5) + 2), -1 - np.log(3)])
    assert np.isfinite(found["energy"]).all()


def test_mahalanobis_is_scikit_learns() -> None:
    generator = np.random.default_rng(1)
    labels = generator.integers(0, 3, 400)
    train = generator.normal(size=(400, 5)) @ generator.normal(size=(5, 5)) + 4 * np.eye(3, 5)[labels]
    asked = generator.normal(size=(20, 5)) * 3
    means = np.stack([train[labels == c].mean(0) for c in range(3)])
    fitted = ShrunkCovariance(assume_centered=True, shrinkage=out_of_scope.SHRINKAGE).fit(train - means[labels])
    slow = np.min([fitted.mahalanobis(asked - mean) for mean in means], axis=0)
    found = out_of_scope.distance_scores(train, labels, asked)
    np.testing.assert_allclose(found["Mahalanobis"], slow, rtol=1e-6)
    assert found["nearest neighbours"].shape == (20,)


def test_own_pairs_count_flips_and_lose_accuracy_where_labels_are_known() -> None:
    texts, others = ["aa", "ab", "ba", "bb"], ["ba", "ab", "ba", "ab"]

    def decide(said: Sequence[str]) -> np.ndarray:
        return np.array([int(text[0] == "b") for text in said])

    known = robustness.of_pairs("phone", (texts, others), np.array([0, 0, 1, 1]), decide, BOOTSTRAP)
    assert known.drop is not None
    assert (known.drop.value, known.flips.value, known.touched) == (0.5, 0.5, 0.5)
    assert robustness.of_pairs("phone", (texts, others), None, decide, BOOTSTRAP).drop is None


def test_letters_keep_their_marks_and_people_are_greeted_in_their_own_script() -> None:
    for text, bare in [("สวัสดี, ครับ!", "สวัสดี ครับ"), ("नमस्ते, मुझे।", "नमस्ते मुझे"), ("ok ❤️ done", "ok  done")]:
        assert robustness.changed([text], "no punctuation") == [bare]
    greeted = robustness.changed(["我想退货", "返品したいです", "สวัสดี", "my order"], "a polite beginning")
    assert greeted == [
        "您好，我想问一下，我想退货",
        "すみません、質問があります。返品したいです",
        "สวัสดี",
        "Hello, I have a question. my order",
    ]
