"""Places of a text after cleaning: what stood at a place still stands there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.corpora import moving
from stages.corpora.cleaning import clean_text

ODD = st.text(st.sampled_from("ae\u0301\u0308 \t\n\u2028\u200b\x07\ufeff北가\u1100\u1161x"), max_size=12)


def clean(text: str) -> str:
    return clean_text(text, "NFC")


@pytest.mark.parametrize(
    ("text", "marked", "expected"),
    [
        ("  in\u200b Pari\u0301s\n\nnow", "Pari\u0301s", "París"),
        ("a\tb\x07 c", "b\x07", "b"),
        ("\ufeff北京", "北京", "北京"),
        ("on\r\nFriday \n", "Friday", "Friday"),
    ],
)
def test_spans_keep_their_words(text: str, marked: str, expected: str) -> None:
    start = text.index(marked)
    found = moving.places(text, clean, [start, start + len(marked)])
    after, begin, end = clean(text), found[start], found[start + len(marked)]
    assert after[begin:end] == expected


def test_there_is_no_place_within_what_became_one_character() -> None:
    assert moving.places("xe\u0301y", clean, [0, 1, 2, 3, 4]) == {0: 0, 1: 1, 2: None, 3: 2, 4: 3}


@given(ODD)
def test_places_stay_in_order_within_the_text_and_what_lies_between_them_is_what_was_there(text: str) -> None:
    after = clean(text)
    found = moving.places(text, clean, range(len(text) + 1))
    places = [place for place in (found[i] for i in range(len(text) + 1)) if place is not None]
    assert places == sorted(places)
    assert found[0] == 0
    assert found[len(text)] == len(after)
    for i in range(len(text)):
        begin, end = found[i], found[i + 1]
        if begin is not None and end is not None and text[i].isalpha():
            assert after[begin:end] == text[i]


@given(ODD)
def test_a_clean_text_keeps_its_places(text: str) -> None:
    text = clean(text)
    assert moving.places(text, clean, range(len(text) + 1)) == {i: i for i in range(len(text) + 1)}
