"""Labels of words on sub-words: every word is decided once, and what windows teach decodes to the spans they came from."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers

from stages.corpora import words
from stages.corpora.tag_schemes import Span, Tagset, spans_of
from stages.encoding import base_model, tokenizer, word_labels
from stages.encoding.word_labels import IGNORED, Framing, Sentence, Window
from stages.params.model import ModelParams

TYPES = ("LOC", "PER")


@cache
def bert() -> Tokenizer:
    return tokenizer.load(base_model.locate(ModelParams(), verify=False))


@cache
def bytes_() -> Tokenizer:
    """A byte-level tokenizer without merges: every byte of a word is a piece."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE(vocab={letter: i for i, letter in enumerate(alphabet)}, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return made


def spread(text: str, spans: list[Span], length: int, overlap: int = 4) -> tuple[list[Window], list[list[int]], int]:
    places = words.cut(text)
    frame = word_labels.framing(bert(), length, overlap)
    [sentence] = word_labels.pieces(bert(), [text], [places])
    made = word_labels.windows(sentence, frame)
    inside, _ = word_labels.to_words(spans, places)
    return made, *word_labels.labels(made, inside, Tagset("BIO", TYPES))


def test_a_sentence_that_fits_is_encoded_as_the_tokenizer_alone_would() -> None:
    text = "Tokyo Tower stands in Tōkyō, not in Bielefeld."
    [window], [tags], parted = spread(text, [(0, 11, "LOC"), (36, 45, "LOC")], 64)
    assert window.ids == bert().encode(text).ids
    assert [bert().id_to_token(window.ids[i]) for i in window.positions] == [
        "tokyo", "tower", "stands", "in", "tokyo", ",", "not", "in", "bi", ".",
    ]  # fmt: skip
    assert [tags[i] for i in window.positions] == [1, 2, 0, 0, 0, 0, 0, 0, 1, 0]
    assert {tag for i, tag in enumerate(tags) if i not in window.positions} == {IGNORED}
    assert parted == 0


def test_no_piece_reaches_over_two_words_and_leading_blanks_are_kept() -> None:
    text = "New York我"
    places = words.cut(text)
    [sentence] = word_labels.pieces(bytes_(), [text], [places])
    assert ["".join(str(bytes_().id_to_token(i)) for i in part) for part in sentence.pieces] == ["New", "ĠYork", "æĪĳ"]


def test_a_word_without_pieces_becomes_an_unknown_one() -> None:
    text = "go \ufffd now"
    [sentence] = word_labels.pieces(bert(), [text], [[(0, 2), (3, 4), (5, 8)]])
    assert sentence.pieces[1] == [bert().token_to_id("[UNK]")]


def test_spans_that_cut_a_word_are_counted() -> None:
    places = words.cut("in Tokyo now")
    assert word_labels.to_words([(3, 8, "LOC"), (3, 6, "LOC"), (4, 8, "LOC")], places) == ([(1, 2, "LOC")], 2)


def test_an_entity_that_no_window_holds_is_taught_in_two_parts_and_counted() -> None:
    text = " ".join("abcdefghijkl")
    made, rows, parted = spread(text, [(0, len(text), "LOC")], 8, overlap=2)
    assert len(made) > 1
    assert parted == len(made) - 1
    assert [row[window.positions[0]] for window, row in zip(made, rows, strict=True)] == [1] * len(made)


def test_a_word_longer_than_the_window_keeps_its_first_pieces() -> None:
    frame = Framing((7,), (8,), 6, 2)
    made = word_labels.windows(Sentence([[1], [2] * 9, [3]]), frame)
    assert [window.ids for window in made] == [[7, 1, 8], [7, 2, 2, 2, 2, 8], [7, 3, 8]]
    assert [window.words for window in made] == [[0], [1], [2]]
    assert sum(window.whole for window in made) == 11


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 7), min_size=1, max_size=30),
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 6), st.sampled_from(TYPES)), max_size=6),
    st.integers(4, 12),
    st.integers(0, 12),
    st.sampled_from(["BIO", "BIOES"]),
)
def test_whatever_the_lengths_each_word_is_decided_once_and_spans_come_back(
    sizes: list[int], gaps: list[tuple[int, int, str]], length: int, overlap: int, scheme: str
) -> None:
    frame = Framing((100,), (101,), length, min(overlap, (length - 2) // 2))
    made = word_labels.windows(Sentence([[i] * size for i, size in enumerate(sizes)]), frame)
    assert [word for window in made for word in window.words] == [i for i, size in enumerate(sizes) if size]
    for window in made:
        assert len(window.ids) <= length
        assert [window.ids[i] for i in window.positions] == window.words
    spans, at = [], 0
    for gap, size, name in gaps:
        start, at = at + gap, at + gap + size
        if at <= len(sizes):
            spans.append((start, at, name))
    tagset = Tagset(scheme, TYPES)
    rows, parted = word_labels.labels(made, spans, tagset)
    taught = [
        (window.ids[i], tag)
        for window, row in zip(made, rows, strict=True)
        for i, tag in enumerate(row)
        if tag != IGNORED
    ]
    assert [word for word, _ in taught] == [i for i, size in enumerate(sizes) if size]
    if parted == 0:
        order = [word for word, _ in taught]
        left = [(sum(w < start for w in order), sum(w < end for w in order), name) for start, end, name in spans]
        found = spans_of([tagset.tags[tag] for _, tag in taught])
        assert found == [span for span in left if span[0] < span[1]]


@pytest.mark.parametrize("scheme", ["BIO", "BIOES"])
def test_what_a_window_teaches_is_always_well_formed(scheme: str) -> None:
    tagset = Tagset(scheme, TYPES)
    for overlap in range(5):
        made = word_labels.windows(Sentence([[1], [1], [1], [], *([[1]] * 19)]), Framing((), (), 10, overlap))
        rows, _ = word_labels.labels(made, [(3, 12, "PER"), (12, 13, "PER"), (14, 23, "LOC")], tagset)
        for row in rows:
            taught = np.array([tag for tag in row if tag != IGNORED], dtype=np.int64)
            assert tagset.malformed(taught, np.array([0, len(taught)])).tolist() == [0]
