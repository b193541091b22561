"""Exact match and F1: by hand, by a slow program of their definitions, and by their algebra."""

from __future__ import annotations

import re
import string

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.metrics import question_answering as metrics
from stages.metrics.intervals import Bootstrap

ANSWERS = st.text(st.sampled_from("ab the An1 3.,-'!?，。《》我的在京「ー…Éñ\u200b"), max_size=12)


@pytest.mark.parametrize(
    ("prediction", "references", "exact", "f1"),
    [
        ("the Denver Broncos", ["Denver Broncos"], 1, 1),
        ("Broncos", ["Denver Broncos", "Broncos of Denver"], 0, 2 / 3),
        ("a cat and a dog", ["cat dog"], 0, 2 * 2 / (3 + 2)),  # cat, and, dog; articles do not count
        ("dog dog", ["dog"], 0, 2 / 3),  # repeated words count as often as both have them
        ("U.S.", ["US"], 1, 1),
        ("", ["x"], 0, 0),
        ("x", [], 0, 0),
        ("", [], 1, 1),
        ("北京市", ["北京"], 0, 4 / 5),
        ("《红楼梦》", ["红楼梦"], 1, 1),
        ("京北", ["北京"], 0, 1 / 2),  # order counts: the longest common stretch is one character
        ("1997年7月1日", ["1997年"], 0, 2 * 2 / (6 + 2)),
        ("1997", ["1997年", "97"], 0, 2 / 3),
        ("人口为346", ["346"], 0, 2 / 5),  # a Chinese prediction makes the record Chinese
        ("BERT 模型", ["bert模型"], 0, 1),  # exact match keeps the blank, as CMRC's script does
        ("3.5公里", ["3.5公里。"], 1, 1),
        ("长3.5公里", ["3.5"], 0, 2 / 5),  # 长, 3.5, 公, 里
        ("版本A1.1", ["1"], 0, 2 / 6),  # 版, 本, a1, a full stop, 1: no number within a word
    ],
)
def test_by_hand(prediction: str, references: list[str], exact: float, f1: float) -> None:
    assert metrics.exact_match(prediction, references) == exact
    assert metrics.f1(prediction, references) == pytest.approx(f1)


def slow_tokens(text: str, *, chinese: bool) -> list[str]:
    """Tokens, character by character."""
    if not chinese:
        kept = "".join(" " if char.isspace() else char for char in text.lower() if char not in string.punctuation)
        words = []
        for word in kept.split(" "):
            # An article is one between word boundaries, also inside what blanks delimit.
            words += re.sub(r"\b(a|an|the)\b", " ", word).split()
        return words
    dropped = set("-:_*^/\\~`+=，。：？！“”；’《》·、「」（）－～『』")
    tokens: list[str] = []
    run = ""
    for char in [*(one for one in text.lower().strip() if one not in dropped), " "]:
        if "\u4e00" <= char <= "\u9fff" or "\u3040" <= char <= "\u30ff" or char.isspace():
            tokens += re.findall(r"\d+(?:[.,]\d+)+|\w+|[^\w\s]", run)
            run = ""
            tokens += [] if char.isspace() else [char]
        else:
            run += char
    return tokens


def slow_f1(a: list[str], b: list[str], *, chinese: bool) -> float:
    """Overlap by enumeration: of all stretches in Chinese, of words struck off one by one in English."""
    if not a and not b:
        return 1.0
    if chinese:
        stretches = [a[i:j] for i in range(len(a)) for j in range(i + 1, len(a) + 1)]
        common = max((len(one) for one in stretches for k in range(len(b)) if b[k : k + len(one)] == one), default=0)
    else:
        left, common = list(b), 0
        for word in a:
            if word in left:
                left.remove(word)
                common += 1
    if common == 0:
        return 0.0
    precision, recall = common / len(a), common / len(b)
    return 2 * precision * recall / (precision + recall)


@settings(max_examples=400, deadline=None)
@given(ANSWERS, st.lists(ANSWERS, min_size=1, max_size=3))
def test_a_slow_program_says_the_same(prediction: str, references: list[str]) -> None:
    chinese = any("\u3040" <= char <= "\u9fff" for text in (prediction, *references) for char in text)
    said = slow_tokens(prediction, chinese=chinese)
    expected = max(slow_f1(said, slow_tokens(one, chinese=chinese), chinese=chinese) for one in references)
    assert metrics.f1(prediction, references) == pytest.approx(expected)


@settings(max_examples=300, deadline=None)
@given(ANSWERS, ANSWERS)
def test_f1_is_symmetric_a_share_and_one_where_the_match_is_exact(one: str, other: str) -> None:
    value = metrics.f1(one, [other])
    assert value == metrics.f1(other, [one])
    assert 0 <= value <= 1
    if metrics.exact_match(one, [other]):
        assert value == 1
    assert metrics.exact_match(one, [one]) == 1


@settings(deadline=None)
@given(ANSWERS, st.lists(ANSWERS, min_size=1, max_size=3))
def test_a_further_reference_of_the_same_script_never_costs(prediction: str, references: list[str]) -> None:
    more = [*references, prediction]
    assert metrics.f1(prediction, more) == metrics.exact_match(prediction, more) == 1


def test_answerable_and_unanswerable_records_are_reported_apart() -> None:
    found = metrics.evaluate(["cat", "", "dog", ""], [["cat"], [], [], ["x"]], Bootstrap(100))
    values = {name: one.value for name, one in found.items()}
    assert values == {
        "exact_match": 0.5,
        "f1": 0.5,
        "answerable_exact_match": 0.5,
        "answerable_f1": 0.5,
        "no_answer_accuracy": 0.5,
    }
    assert {name: one.n for name, one in found.items()}["no_answer_accuracy"] == 2


def test_an_article_alone_says_something() -> None:
    found = metrics.evaluate(["The", "a.", "", "x"], [[], [], [], ["x"]], Bootstrap(100))
    assert found["no_answer_accuracy"].value == pytest.approx(1 / 3)
    assert found["exact_match"].value == found["f1"].value == 1  # as SQuAD's script counts


def test_without_unanswerable_records_nothing_is_reported_apart() -> None:
    assert set(metrics.evaluate(["cat"], [["cat"]], Bootstrap(100))) == {"exact_match", "f1"}


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(-3, 3), st.sampled_from([0, 0.5, 1]), st.sampled_from([0, 1])), min_size=1, max_size=9
    )
)
def test_the_threshold_is_the_best_of_all(records: list[tuple[int, float, int]]) -> None:
    margins, answered, silent = np.array(records, dtype=float).T
    chosen = metrics.choose_threshold(margins, answered, silent)

    def score(threshold: float) -> float:
        return float(np.where(margins > threshold, silent, answered).mean())

    every = [score(threshold) for threshold in np.arange(-4.5, 5, 0.5)]
    assert chosen.f1 == pytest.approx(max(every))
    assert score(chosen.value) == pytest.approx(chosen.f1)
