"""Slices: planted weakness is remarkable, chance is not; words and behaviour by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from stages.analysis import behaviour, explanation, slices
from stages.metrics.intervals import wilson


@given(st.integers(1, 400), st.data())
def test_wilson_is_scipys(n: int, data: st.DataObject) -> None:
    right = data.draw(st.integers(0, n))
    expected = binomtest(right, n).proportion_ci(0.95, method="wilson")
    found = wilson(right, n)
    assert found.low == pytest.approx(expected.low, abs=1e-6)
    assert found.high == pytest.approx(expected.high, abs=1e-6)


def test_a_planted_weakness_is_remarkable_and_chance_is_not() -> None:
    generator = np.random.default_rng(0)
    n = 600
    gold = [f"c{i % 10}" for i in range(n)]
    texts = ["x" * int(length) for length in generator.integers(5, 200, n)]
    channel = generator.choice(["web", "voice"], n).tolist()
    even = generator.random(n) < 0.8
    found = slices.measure(texts, gold, {"channel": channel}, even, 1)
    assert {one.name.split(":")[0] for one in found.slices} == {"length", "class", "channel"}
    assert not any(one.remarkable for one in found.slices)
    weak = even.copy()
    weak[[label == "c3" for label in gold]] = generator.random(60) < 0.2
    worst = slices.measure(texts, gold, {"channel": channel}, weak, 1).slices[0]
    assert worst.name == "class: c3"
    assert worst.remarkable


def test_false_alarms_over_all_slices_are_one_in_twenty() -> None:
    alarms = 0
    for draw in range(60):
        generator = np.random.default_rng(draw)
        gold = [f"c{i % 8}" for i in range(240)]
        texts = ["x" * int(length) for length in generator.integers(5, 200, 240)]
        found = slices.measure(texts, gold, {}, generator.random(240) < 0.8, draw)
        alarms += any(one.remarkable for one in found.slices)
    assert alarms / 60 <= 0.05 + 2.5 * np.sqrt(0.05 * 0.95 / 60)


@given(st.lists(st.tuples(st.sampled_from("ab你"), st.sampled_from(["x", "y", "z" * 3000])), min_size=3, max_size=40))
def test_parts_are_those_of_brute_force(rows: list[tuple[str, str]]) -> None:
    columns = {"one": [row[0] for row in rows], "other": [row[1] for row in rows]}
    expected = {
        f"{name}: {value}": [i for i, one in enumerate(values) if one == value]
        for name, values in columns.items()
        for value in sorted(set(values))
        if len(set(values)) > 1 and values.count(value) >= 3
    }
    found = slices.parts(columns, 3)
    assert list(found) == list(expected)
    assert {name: rows.tolist() for name, rows in found.items()} == expected


def test_few_records_give_no_slices() -> None:
    assert slices.measure(["a", "b"], ["x", "y"], {}, np.array([True, False]), 1).slices == []


def likely(texts: Sequence[str]) -> np.ndarray:
    """A model that looks for one word."""
    return np.array([[0.9, 0.1] if "refund" in text or "退款" in text else [0.2, 0.8] for text in texts])


def test_the_word_that_decided_is_found() -> None:
    one = explanation.explain(["please give me a refund for this phone today"], likely, 1)[0]
    assert one.decided == 0
    best = max(one.words, key=lambda pair: pair[1])
    assert best[0] == "refund"
    assert best[1] == pytest.approx(0.7)
    assert one.comprehensiveness == pytest.approx(0.7)
    assert len(one.words) == 9
    assert one.by_chance == pytest.approx(0.0), "the others are not those that decided"
    long = explanation.explain([" ".join(["please"] * 400 + ["refund"] + ["today"] * 300)], likely, 1)[0]
    assert len(long.words) == explanation.STRETCHES
    assert "refund" in max(long.words, key=lambda pair: pair[1])[0]
    assert explanation.explain(["word"], likely, 1) == []
    assert explanation._without("a bb ccc", [(2, 4)]) == "a ccc"
    assert explanation._without("a", [(0, 1)]) == " "


def test_behaviour_is_judged_by_kind() -> None:
    classes = ["negative", "neutral", "positive"]
    records: list[dict[str, Any]] = [
        {"test": "words", "type": "MFT", "examples": ["good"], "label": 2},
        {"test": "words", "type": "MFT", "examples": ["bad"], "label": "positive"},
        {"test": "names", "type": "INV", "examples": ["good Ann", "good Bob"], "label": None},
        {"test": "names", "type": "INV", "examples": ["good", "bad"], "label": None},
        {"test": "more", "type": "DIR", "examples": ["good", "bad"], "label": None},
        {"test": "lone", "type": "INV", "examples": ["good"], "label": None},
        {"test": "other", "type": "MFT", "examples": ["good"], "label": "sideways"},
        {"test": "other", "type": "MFT", "examples": ["good"], "label": True},
        {"test": "other", "type": "MFT", "examples": ["good"], "label": -1},
    ]
    cases = [one for record in records if (one := behaviour.case_of(record, classes)) is not None]
    assert len(cases) == 4
    stars = behaviour.case_of({"test": "s", "type": "MFT", "examples": ["good"], "label": 3}, ["1", "2", "3", "4", "5"])
    assert stars is not None
    assert stars.label == "3", "a class that is called so, and not the fourth"
    found = behaviour.measure(cases, classes, lambda texts: [2 if "good" in text else 0 for text in texts])
    assert [(one.test, one.passed.value, one.example) for one in found] == [
        ("names", 0.5, ["good", "bad"]),
        ("words", 0.5, ["bad"]),
    ]
    assert behaviour.measure([], classes, lambda texts: []) == []
