"""Tests made from text have the right answers, in English and Chinese, and only a reader that knows words passes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr
from transformers import BertModel

from stages.alignment import abilities
from stages.alignment.readers import Reader
from stages.encoding import tokenizer
from tests import tiny
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
    assert abilities.spearman_by_record(cosine, shared).mean() == pytest.approx(spearmanr(cosine, shared).statistic)
    assert one.access
    assert abilities.of_pairs("p", first[:5], second[:5], shared[:5].astype(float)) == []


def test_what_a_record_is_worth_to_spearmans_is_what_it_loses_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(abilities, "BLOCK", 7)
    generator = np.random.default_rng(2)
    x = generator.integers(0, 6, 30).astype(float)
    y = np.round(x + generator.normal(size=30), 1)
    found = abilities.spearman_by_record(x, y)
    without = np.array([spearmanr(np.delete(x, i), np.delete(y, i)).statistic for i in range(30)])
    np.testing.assert_allclose(found, spearmanr(x, y).statistic + 29 * (without.mean() - without), atol=1e-12)
    assert (abilities.spearman_by_record(x, np.ones(30)) == 0).all()


@pytest.mark.parametrize("noise", [0.2, 0.7])
def test_spearmans_interval_is_as_wide_as_samples_differ(noise: float) -> None:
    generator = np.random.default_rng(3)

    def drawn() -> tuple[np.ndarray, np.ndarray]:
        x = generator.normal(size=200)
        return x, x + noise * generator.normal(size=200)

    spread = np.std([spearmanr(*drawn()).statistic for _ in range(300)])
    said = np.mean([abilities.spearman_by_record(*drawn()).std() / np.sqrt(200) for _ in range(30)])
    assert said == pytest.approx(spread, rel=0.15)


def test_a_text_that_was_always_an_example_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(abilities, "DRAWS", 1)
    labels = ["sports"] * 120 + ["cooking"] * 6
    texts = [f"{label} word{i}" for i, label in enumerate(labels)]
    few_shot = next(one for one in abilities.of_labelled("set", texts, labels, 0) if "5-shot" in one.name)
    assert few_shot.right(MadeUp()).tolist() == [1.0] * (126 - 10)
    assert len(few_shot.right(MadeUp(forgets=0.5))) == 126 - 10


def test_labelled_sets_are_read_four_ways() -> None:
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
    assert [one.name.split(": ")[1] for one in found] == [
        "zero-shot by label names",
        "5-shot centroids",
        "nearest neighbours",
        "refitted probe",
    ]
    assert [one.access for one in found] == [True, True, True, False]
    for one in found:
        assert one.right(MadeUp()).mean() > 0.9
        assert one.right(MadeUp(forgets=1.0)).mean() < 0.6


def test_relations_of_pairs_are_found_by_a_probe() -> None:
    generator = np.random.default_rng(0)
    words = [f"w{i}" for i in range(60)]
    first = [" ".join(generator.choice(words, 5, replace=False)) for _ in range(240)]
    second = [text if i % 2 else " ".join(generator.choice(words, 5)) for i, text in enumerate(first)]
    labels = ["same" if i % 2 else "other" for i in range(240)]
    one = abilities.of_relations("pairs", first, second, labels, 1)[0]
    assert not one.access
    assert one.right(MadeUp()).mean() > 0.9
    assert abilities.of_relations("pairs", first[:20], second[:20], labels[:20], 1) == []


def test_tags_of_words_are_found_by_a_probe_and_counted_by_sentence() -> None:
    generator = np.random.default_rng(0)
    places, things = [f"city{i}" for i in range(12)], [f"word{i}" for i in range(40)]
    sentences = [[*generator.choice(things, 4).tolist(), str(generator.choice(places))] for _ in range(200)]
    tags = [["O"] * 4 + ["LOC"] for _ in sentences]
    one = abilities.of_tagged("names", sentences, tags, 1)[0]
    credit = one.right(MadeUp())
    assert credit.shape == (200,)
    assert credit.mean() > 0.95
    # Vectors that are the same for all words leave nothing but the most frequent tag.
    blank = MadeUp()
    object.__setattr__(blank, "word_vectors", lambda said: np.ones((sum(map(len, said)), 4)))
    assert one.right(blank) == pytest.approx(0.8)
    assert abilities.of_tagged("names", sentences[:9], tags[:9], 1) == []


def test_a_words_vector_is_the_mean_of_its_own_sub_words(tmp_path: Path) -> None:
    folder = tiny.base(tmp_path / "base")
    encoder = BertModel.from_pretrained(folder, add_pooling_layer=False).eval()
    words = tokenizer.load(folder)
    reader = Reader(encoder, words, "mean", 16, 0)
    sentence = ["unbelievably", "我", "late"]
    encoded = words.encode(" ".join(sentence))
    with torch.no_grad():
        states = encoder(input_ids=torch.tensor([encoded.ids])).last_hidden_state[0].numpy()
    own = [i for i, (a, b) in enumerate(encoded.offsets) if 0 <= a < b <= len("unbelievably")]
    assert len(own) > 1
    found = reader.word_vectors([sentence, ["word"] * 40])
    assert found.shape == (43, 32)
    np.testing.assert_allclose(found[0], states[own].mean(0), atol=1e-6)
    # Words beyond the model's length get their sentence's mean.
    np.testing.assert_allclose(found[-1], found[-2])


def test_layers_are_read_once_and_end_in_the_vectors(tmp_path: Path) -> None:
    folder = tiny.base(tmp_path / "base")
    encoder = BertModel.from_pretrained(folder, add_pooling_layer=False).eval()
    reader = Reader(encoder, tokenizer.load(folder), "mean", 16, 0)
    texts = ["where is my parcel", "退货", "where is my parcel"]
    first = reader.layers(texts)
    assert first.shape == (3, 3, 32)
    np.testing.assert_array_equal(first[-1], reader.vectors(texts))
    np.testing.assert_allclose(first, reader.states(texts).layers, atol=1e-6)
    encoder.forward = None
    np.testing.assert_array_equal(reader.layers(texts[:2]), first[:, :2])
