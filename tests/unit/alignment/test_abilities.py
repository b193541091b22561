"""Tests made from text have the right answers, in English and Chinese, and only a reader that knows words passes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from stages.alignment import abilities
from tests.unit.alignment.readers_made_up import MadeUp


@pytest.fixture(scope="module")
def sentences(project: Path) -> list[str]:
    return (project / "data/raw/helpdesk/general.txt").read_text(encoding="utf-8").splitlines()


def test_plain_text_gives_four_tests(sentences: list[str]) -> None:
    found = abilities.of_text("general", sentences, 1)
    names = [one.name.split(": ")[1] for one in found]
    assert names == ["which halves belong together", "sentence length", "word content", "word order"]
    assert [one.access for one in found] == [True] + [False] * (len(found) - 1)
    for one in found:
        credit = one.right(MadeUp())
        assert credit.shape == (one.records,)
        assert ((credit >= 0) & (credit <= 1)).all()


def test_a_reader_of_words_knows_them_and_noise_does_not(sentences: list[str]) -> None:
    content = next(one for one in abilities.of_text("g", sentences, 1) if "content" in one.name)
    knows, forgot = content.right(MadeUp()).mean(), content.right(MadeUp(forgets=1.0)).mean()
    assert knows > forgot + 0.1


def test_few_sentences_give_no_tests() -> None:
    assert abilities.of_text("short", ["one two three four five six seven eight nine"] * 20, 1) == []
    assert abilities.of_labelled("short", ["a", "b"], ["x", "y"], 1) == []


def test_a_swap_exchanges_two_neighbouring_words(sentences: list[str]) -> None:
    texts, labels = abilities._shifted(sentences, 3)
    assert 0.3 < labels.mean() < 0.7
    for before, after, label in zip(sentences, texts, labels, strict=True):
        assert sorted(abilities.pieces(before)) == sorted(abilities.pieces(after))
        different = [a != b for a, b in zip(abilities.pieces(before), abilities.pieces(after), strict=True)]
        assert sum(different) == (2 if label else 0)
    assert abilities._shifted(sentences, 3)[0] == texts


def test_halves_are_whole_and_chinese_is_cut_by_characters() -> None:
    halves = abilities._halves("今天天气很好我们去公园")
    assert halves is not None
    assert "".join(halves) == "今天天气很好我们去公园"
    assert abs(len(halves[0]) - len(halves[1])) <= 1
    assert abilities._halves("too short") is None


@given(st.text(max_size=40))
def test_label_names_become_phrases(label: str) -> None:
    said = abilities.words_of_label(label)
    assert "_" not in said
    assert said == said.strip().lower()


def test_label_names_in_three_spellings() -> None:
    assert {abilities.words_of_label(name) for name in ("change_payment", "changePayment", "Change-Payment")} == {
        "change payment"
    }
    assert abilities.words_of_label("更改付款") == "更改付款"


def test_similarity_of_pairs_is_spearmans() -> None:
    generator = np.random.default_rng(1)
    words = [f"w{i}" for i in range(40)]
    first = [" ".join(generator.choice(words, 6)) for _ in range(200)]
    shared = generator.integers(0, 7, 200)
    second = [
        " ".join([*text.split()[:k], *generator.choice(words, 6 - k)]) for text, k in zip(first, shared, strict=True)
    ]
    one = abilities.of_pairs("p", first, second, shared.astype(float))[0]
    reader = MadeUp()
    a, b = reader.vectors(first), reader.vectors(second)
    cosine = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    assert one.right(reader).mean() == pytest.approx(spearmanr(cosine, shared).statistic, abs=2e-3)
    assert one.access
    assert abilities.of_pairs("p", first[:5], second[:5], shared[:5].astype(float)) == []


def test_labelled_sets_are_read_three_ways() -> None:
    kinds = {
        "sports": "football match goal team",
        "cooking": "boil pan salt oven",
        "travel": "train ticket hotel flight",
    }
    generator = np.random.default_rng(0)
    texts, labels = [], []
    for label, words in kinds.items():
        for _ in range(50):
            texts.append(" ".join([label, *generator.choice(words.split(), 4), f"n{generator.integers(1000)}"]))
            labels.append(label)
    found = abilities.of_labelled("set", texts, labels, 1)
    assert [one.access for one in found] == [True, True, False]
    for one in found:
        assert one.right(MadeUp()).mean() > 0.9
        assert one.right(MadeUp(forgets=1.0)).mean() < 0.6
