"""Edits move what stands behind them, and change nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.corpora import editing, words
from stages.corpora.editing import Edit, Passage

TEXTS = st.text(st.sampled_from("ab1é 北京，.'-\u0301"), min_size=1, max_size=24)


def edits_of(text: str) -> st.SearchStrategy[list[Edit]]:
    """Edits of a text that do not overlap."""
    places = st.lists(st.integers(0, len(text)), max_size=8, unique=True).map(sorted)
    new = st.text(st.sampled_from("xy 海9"), max_size=3)

    def paired(at: list[int]) -> st.SearchStrategy[list[Edit]]:
        pairs = list(zip(at[::2], at[1::2], strict=False))
        return st.tuples(*(new for _ in pairs)).map(
            lambda made: [Edit(start, end, text) for (start, end), text in zip(pairs, made, strict=True)]
        )

    return places.flatmap(paired)


@settings(deadline=None)
@given(TEXTS.flatmap(lambda text: st.tuples(st.just(text), edits_of(text))))
def test_what_no_edit_touches_stands_where_its_place_says(case: tuple[str, list[Edit]]) -> None:
    text, edits = case
    after = editing.apply(text, edits)
    bounds = [0, *(at for one in edits for at in (one.start, one.end)), len(text)]
    for start, end in zip(bounds[::2], bounds[1::2], strict=True):
        begin, stop = after.span((start, end))
        if start < end:
            assert after.text[begin:stop] == text[start:end]
    for one, begin in zip(after.edits, after.begins, strict=True):
        assert after.text[begin : begin + len(one.text)] == one.text
    # What was put in beyond the edits are blanks.
    grown = len(after.text) - len(text) - sum(len(one.text) - (one.end - one.start) for one in edits)
    assert 0 <= grown <= 2 * len(edits)
    assert after == editing.apply(text, edits[::-1])


@pytest.mark.parametrize(
    ("text", "edit", "expected"),
    [
        ("我的手机ok吗", Edit(2, 4, "phone"), "我的phone ok吗"),
        ("ok手机", Edit(2, 4, "phone"), "ok phone"),
        ("ok我fine", Edit(2, 3, ""), "ok fine"),
        ("the phone", Edit(5, 6, ""), "the pone"),
        ("北京市", Edit(1, 2, ""), "北市"),
        ("a-b", Edit(1, 2, ""), "a b"),
    ],
)
def test_words_are_not_glued_together(text: str, edit: Edit, expected: str) -> None:
    assert editing.apply(text, [edit]).text == expected


@pytest.mark.parametrize(
    ("text", "gone", "expected"),
    [
        ("one two three", "one", "two three"),
        ("one two three", "two", "one three"),
        ("one two three", "three", "one two"),
        ("one two.", "two", "one."),
        ("'one' two", "one", "'' two"),
        ("去北京", "北", "去京"),
    ],
)
def test_a_word_goes_with_the_blank_that_would_be_left_over(text: str, gone: str, expected: str) -> None:
    piece = (text.index(gone), text.index(gone) + len(gone))
    assert editing.apply(text, [editing.without(Passage(text, [piece]), piece, piece)]).text == expected


def test_blanks_of_a_marked_span_stay() -> None:
    passage = Passage("one two three", words.cut("one two three"), [(0, 4), (7, 13)])
    assert editing.apply(passage.text, [editing.without(passage, (4, 7), (4, 7))]).text == "one  three"


def test_words_follow_the_text_also_where_nobody_would_cut_them_so() -> None:
    text = "do n't go up"
    own = [(0, 2), (3, 6), (7, 9), (10, 12)]
    after = editing.apply(text, [Edit(0, 2, "n't", whole=True), Edit(3, 6, "do", whole=True), Edit(8, 9, "oo")])
    assert after.text == "n't do goo up"
    assert [after.text[start:end] for start, end in after.words(own)] == ["n't", "do", "goo", "up"]
    after = editing.apply(text, [Edit(3, 7, ""), Edit(10, 12, "all the way")])
    assert [after.text[start:end] for start, end in after.words(own)] == ["do", "go", "all", "the", "way"]


def test_free_words_are_those_outside_marked_spans() -> None:
    text = "Ana saw New York , twice"
    passage = Passage(text, words.cut(text), [(0, 3), (8, 16)])
    assert [passage.said(passage.words[i]) for i in passage.free] == ["saw", "twice"]
