"""Windows cover a context, answers are found in them, and spans of tokens are spans of text, whatever the tokenizer."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from stages.encoding import windows
from stages.encoding.characters import OUTSIDE
from tests.small_tokenizers import FAMILIES

TEXT = [
    "The café at 12,500 rue de l'Église opened on 3 May 1997; its owner, Ms O'Neil, left in 2001.",
    "线蚓鳗（学名：Moringua abbreviata）为辐鳍鱼纲鳗鲡目的其中一个种，水深3至25公尺。",
    "ｆｕｌｌ ｗｉｄｔｈ and ﬁne ligatures, 東京タワーは333メートル。 مرحبا 🙂 👍🏽",
] * 8
CONTEXTS = st.text(st.sampled_from("abt 12.,'éÉ\u00a0\u3000鳗纲的。東ーﬁｆ🙂👍🏽\u0301\u200d\n"), max_size=60)


@functools.cache
def made(family: str) -> Tokenizer:
    return FAMILIES[family](TEXT)


def encode(
    family: str, question: str, context: str, max_length: int = 16, overlap: int = 4
) -> tuple[Tokenizer, windows.Passage]:
    [passage] = windows.encode(made(family), [question], [context], max_length, overlap)
    return made(family), passage


@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=100, deadline=None)
@given(context=CONTEXTS, question=CONTEXTS, max_length=st.integers(8, 40), overlap=st.integers(0, 20))
def test_windows_cover_the_context_and_every_token_knows_its_characters(
    family: str, context: str, question: str, max_length: int, overlap: int
) -> None:
    tokenizer, passage = encode(family, question, context, max_length, overlap)
    whole = tokenizer.encode(question, context)
    if len(whole) <= max_length:
        [only] = passage.windows
        assert only.ids.tolist() == whole.ids
        assert only.type_ids.tolist() == whole.type_ids
        assert passage.question_cut == 0
    covered = np.zeros(len(passage.starts), dtype=bool)
    for window in passage.windows:
        assert len(window.ids) == len(window.type_ids) == len(window.starts) <= max_length
        inner = slice(window.at, window.at + window.count)
        assert np.array_equal(window.starts[inner], passage.starts[window.begin : window.begin + window.count])
        assert (window.starts[: window.at] == OUTSIDE).all()
        assert (window.ends[inner.stop :] == OUTSIDE).all()
        covered[window.begin : window.begin + window.count] = True
    assert covered.all()
    for start, end in zip(passage.starts, passage.ends, strict=True):
        shown = context[start:end]
        assert (start == end == OUTSIDE) or (shown and shown == shown.strip())


@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=100, deadline=None)
@given(context=CONTEXTS, data=st.data())
def test_an_answer_comes_back_exactly_or_is_said_to_be_inexact(family: str, context: str, data: st.DataObject) -> None:
    _, passage = encode(family, "bat?", context)
    start = data.draw(st.integers(0, len(context)))
    end = data.draw(st.integers(start, len(context)))
    place = passage.find(start, end)
    if place is None:
        return
    again = (int(passage.starts[place.first]), int(passage.ends[place.last]))
    assert place.exact == (again == (start, end))
    # Never less than the answer, blanks and characters without a token excepted.
    tokens = [
        i for i, (a, b) in enumerate(zip(passage.starts, passage.ends, strict=True)) if 0 <= a < end and b > start
    ]
    assert (place.first, place.last) == (tokens[0], tokens[-1])
    for window in passage.windows:
        found = window.positions(place)
        inside = window.begin <= place.first and place.last < window.begin + window.count
        assert (found is not None) == inside
        if found is not None:
            assert (int(window.starts[found[0]]), int(window.ends[found[1]])) == again


def test_an_answer_no_longer_than_the_overlap_stands_whole_in_a_window() -> None:
    context = "the opened café " * 30
    _, passage = encode("wordpiece", "opened?", context, 24, 7)
    shared = 7
    for first in range(len(passage.starts) - shared + 1):
        place = windows.Place(first, first + shared - 1, exact=True)
        assert any(window.positions(place) for window in passage.windows)


def test_a_longer_answer_may_be_lost_and_a_part_of_a_token_is_inexact() -> None:
    context = "opened " * 20 + "1997"
    _, passage = encode("wordpiece", "a?", context, 12, 2)
    everything = passage.find(0, len(context))
    assert everything is not None
    assert not any(window.positions(everything) for window in passage.windows)
    part = passage.find(1, 6)
    assert part is not None
    assert not part.exact
    assert passage.find(6, 7) is None  # a blank


def test_a_long_question_leaves_room_for_the_context_and_its_loss_is_told() -> None:
    tokenizer, passage = encode("wordpiece", "opened " * 50, "left in 2001 " * 10, 19, 2)
    asked = len(tokenizer.encode("opened " * 50, add_special_tokens=False))
    assert passage.question_cut == asked - 8
    assert all(len(window.ids) <= 19 and window.count >= 1 for window in passage.windows)
    _, brief = encode("wordpiece", "opened " * 50, "left", 19, 2)
    assert brief.question_cut == asked - (19 - 3 - len(brief.starts))


def test_lengths_are_those_of_pairs_without_cuts() -> None:
    tokenizer = made("byte_level")
    assert windows.lengths(tokenizer, ["left?"], [TEXT[1]]).tolist() == [len(tokenizer.encode("left?", TEXT[1]))]


def test_windows_begin_evenly() -> None:
    assert windows.begins(10, 10, 5) == [0]
    assert windows.begins(11, 10, 5) == windows.begins(11, 10, 9) == [0, 5]
    assert windows.begins(21, 10, 2) == [0, 8, 16]
    assert windows.begins(0, 10, 2) == [0]
