"""MinHash against comparing every text with every other."""

from __future__ import annotations

import logging
import random

import numpy as np
import pyarrow as pa
import pytest

from stages.corpora import near_duplicates
from stages.corpora.duplicates import normal_form

THRESHOLDS = [0.5, 0.6, 0.7, 0.8, 0.9, 1.0]


def corpus(count: int = 300) -> list[str]:
    """Sentences of made-up words, most of them with a few variants of one or two changed characters."""
    random.seed(5)
    words = ["".join(random.choices("abcdeilmnorstu", k=random.randint(2, 9))) for _ in range(200)]
    texts: list[str] = []
    while len(texts) < count:
        base = " ".join(random.choices(words, k=random.randint(1, 14)))
        for _ in range(random.randint(0, 3)):
            at = random.randrange(len(base))
            texts.append(base[:at] + random.choice("xyz") + base[at + 1 :])
        texts.append(base)
    return texts[:count]


def brute_force(texts: list[str], labels: np.ndarray, threshold: float) -> np.ndarray:
    sets = [near_duplicates.shingle_set(normal_form(text)) for text in texts]
    return np.array([
        any(labels[i] == labels[j] and len(sets[i] & sets[j]) / len(sets[i] | sets[j]) >= threshold for i in range(j))
        for j in range(len(texts))
    ])  # fmt: skip


@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_finds_what_brute_force_finds(threshold: float) -> None:
    texts = corpus()
    labels = np.arange(len(texts)) // 100
    found = near_duplicates.near_repeats(pa.chunked_array([texts[:70], texts[70:]]), labels, threshold)
    expected = brute_force(texts, labels, threshold)
    assert not (found & ~expected).any(), "each is checked, so none is reported wrongly"
    assert (found & expected).sum() >= 0.97 * expected.sum()
    if threshold < 1:
        assert expected.sum() > 10, "the test means something"


@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_banding_misses_no_more_than_promised(threshold: float) -> None:
    bands, rows = near_duplicates.banding(threshold)
    assert (1 - threshold**rows) ** bands <= near_duplicates.MISSED
    assert bands * rows <= 200, "what a text costs stays bounded"


def test_labels_keep_texts_apart() -> None:
    texts = pa.chunked_array([["a parcel that did not arrive", "a parcel that did not arrive!"]])
    assert near_duplicates.near_repeats(texts, np.array([0, 0]), 0.9).tolist() == [False, True]
    assert near_duplicates.near_repeats(texts, np.array([0, 1]), 0.9).tolist() == [False, False]


def test_short_texts_are_their_own_shingle() -> None:
    texts = pa.chunked_array([["hi", "hi!", "ho", "卡", "卡。"]])
    assert near_duplicates.near_repeats(texts, np.zeros(5, dtype=int), 0.9).tolist() == [
        False,
        True,
        False,
        False,
        True,
    ]


def test_no_texts() -> None:
    nothing = pa.chunked_array([], pa.string())
    assert near_duplicates.near_repeats(nothing, np.zeros(0, dtype=int), 0.9).tolist() == []


def test_a_corpus_of_templates_is_compared_up_to_a_limit(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(near_duplicates, "COMPARISONS", 20)
    texts = pa.chunked_array([[f"please cancel the contract with number {i:06} today" for i in range(200)]])
    with caplog.at_level(logging.INFO):
        near_duplicates.near_repeats(texts, np.zeros(200, dtype=int), 0.9)
    assert "more than 20 pairs of texts are alike; the rest is not compared" in caplog.text


def test_texts_of_any_length_are_cut_into_parts_that_bound_memory() -> None:
    lengths = np.array([10, 600_000, 500_000, 3_000_000, 5, *[60] * 5000])
    parts = list(near_duplicates._parts(lengths))
    assert [part.start for part in parts] == [0, *(part.stop for part in parts[:-1])]
    assert parts[-1].stop == len(lengths)
    for part in parts:
        size = part.stop - part.start
        assert size == 1 or (size <= near_duplicates.CHUNK and lengths[part].sum() <= near_duplicates.CHARACTERS)
