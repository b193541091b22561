"""The official SemEval-2010 Task 8 score, by hand, by the official scorer's own output, and by another library."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as oracle

from stages.metrics.intervals import Bootstrap
from stages.metrics.relation import HEADLINE, Relations, undirected

SHORT = ("Cause-Effect", "Component-Whole", "Content-Container", "Entity-Destination", "Entity-Origin")
LONG = ("Instrument-Agency", "Member-Collection", "Message-Topic", "Product-Producer")
NINETEEN = [f"{name}({way})" for name in SHORT + LONG for way in ("e1,e2", "e2,e1")] + ["Other"]
# Counts that the official script (version 1.2) printed for one system on the task's 2,717 test sentences.
PRINTED = """
101 14 0 1 0 0 1 0 0 0 1 2 0 1 2 0 0 0 11
7 162 0 0 0 0 0 0 11 0 0 0 0 2 0 0 0 3 9
0 1 102 17 4 4 3 1 2 1 0 2 3 6 3 0 0 2 11
0 1 24 85 0 1 2 0 0 1 0 5 0 2 2 2 0 2 23
0 0 1 1 130 7 6 1 3 0 0 0 0 1 0 0 0 1 2
0 0 0 4 1 26 1 0 2 1 0 0 0 1 0 0 0 0 3
0 0 1 0 13 3 255 3 1 1 0 1 0 0 2 0 0 3 8
0 0 0 0 0 0 0 1 0 0 0 0 0 0 0 0 0 0 0
2 1 0 0 0 0 7 0 163 6 0 1 0 4 2 0 6 0 19
1 0 1 0 1 1 0 0 7 27 0 1 0 0 0 0 0 1 7
0 0 1 0 0 1 0 0 0 0 4 3 1 0 1 0 0 1 10
1 1 3 8 0 0 1 0 2 1 4 76 0 1 3 2 0 6 25
0 0 2 0 0 0 1 0 2 0 0 1 15 3 0 1 1 0 6
0 0 6 3 1 0 0 0 1 0 1 0 9 161 2 1 0 5 11
0 0 1 6 0 1 3 0 0 0 0 2 0 2 148 17 2 7 21
0 0 0 0 0 0 0 0 0 0 0 1 0 0 8 31 2 3 6
1 6 1 2 0 0 1 1 5 0 0 0 0 3 1 2 61 13 11
0 0 1 4 0 0 3 0 2 2 0 8 0 2 2 3 8 71 17
3 12 15 34 22 3 28 2 36 7 2 18 4 37 31 7 10 20 163
"""


def found(labels: list[str], counts: np.ndarray, other: str | None = "Other") -> dict[str, float]:
    return dict(zip(HEADLINE, Relations(labels, other).metrics()(counts).tolist(), strict=True))


def test_the_official_script_says_the_same() -> None:
    counts = np.array([[int(cell) for cell in line.split()] for line in PRINTED.split("\n") if line])
    assert counts.sum() == 2717
    values = found(NINETEEN, counts)
    assert values["macro_f1"] == pytest.approx(0.6910, abs=5e-5)
    assert values["undirected_macro_f1"] == pytest.approx(0.7547, abs=5e-5)
    assert values["directed_macro_f1"] == pytest.approx(0.6120, abs=5e-5)
    assert values["micro_f1"] == pytest.approx(0.7013, abs=5e-5)
    assert values["accuracy"] == pytest.approx(0.6559, abs=5e-5)
    [cause] = [row for row in Relations(NINETEEN, "Other").table(counts) if row["relation"] == "Cause-Effect"]
    assert (cause["support"], cause["predicted"], cause["wrong_direction"]) == (328, 314, 21)
    assert cause["precision"] == pytest.approx(0.8376, abs=5e-5)


def test_a_wrong_direction_costs_precision_and_recall() -> None:
    labels = ["A(e1,e2)", "A(e2,e1)", "B(e1,e2)", "Other"]
    # A: 3 right, 1 turned, 1 called Other; B: 2 right; Other: 1 right, 1 called B.
    counts = np.array([[2, 1, 0, 1], [0, 1, 0, 0], [0, 0, 2, 0], [0, 0, 1, 1]])
    values = found(labels, counts)
    # Official: A has P = 3/4, R = 3/5, F1 = 2/3; B has P = 2/3, R = 1, F1 = 4/5.
    assert values["macro_f1"] == pytest.approx((2 / 3 + 4 / 5) / 2)
    # Without direction A has P = 4/4, R = 4/5, F1 = 8/9.
    assert values["undirected_macro_f1"] == pytest.approx((8 / 9 + 4 / 5) / 2)
    # Other: P = 1/2, R = 1/2.
    assert values["macro_f1_with_other"] == pytest.approx((2 / 3 + 4 / 5 + 1 / 2) / 3)
    assert values["micro_f1"] == pytest.approx(2 * 5 / (7 + 7))
    assert values["accuracy"] == pytest.approx(6 / 9)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=50))
def test_labels_without_direction_give_the_usual_macro_f1(pairs: list[tuple[int, int]]) -> None:
    gold, predicted = np.array(pairs).T
    counts = np.zeros((4, 4), dtype=int)
    np.add.at(counts, (gold, predicted), 1)
    values = found(["founded", "lives_in", "no_relation", "works_for"], counts, "no_relation")
    present = sorted(({*gold.tolist()} | {*predicted.tolist()}) - {2})
    usual = oracle.f1_score(gold, predicted, average="macro", labels=present, zero_division=0) if present else 0.0
    assert values["macro_f1"] == pytest.approx(usual)
    assert values["macro_f1"] == values["undirected_macro_f1"] == values["directed_macro_f1"]


def test_without_a_class_for_no_relation_all_classes_count() -> None:
    values = found(["a", "b"], np.array([[1, 1], [0, 2]]), None)
    assert values["macro_f1"] == values["macro_f1_with_other"] == pytest.approx((2 / 3 + 4 / 5) / 2)


def test_resampled_counts_are_measured_at_once() -> None:
    generator = np.random.default_rng(0)
    gold, predicted = generator.integers(0, 19, (2, 300))
    estimates = Bootstrap(200).of_confusion(gold, predicted, 19, Relations(NINETEEN, "Other").metrics())
    for one in estimates:
        assert one.low is not None
        assert one.high is not None
        assert one.low <= one.value <= one.high


def test_a_direction_is_read_from_the_end_of_a_name() -> None:
    assert undirected("Cause-Effect(e2,e1)") == undirected("Cause-Effect (e1, e2)") == "Cause-Effect"
    assert undirected("located (in)") == "located (in)"
