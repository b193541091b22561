"""Spans are read from whatever data sets call them, checked, and carried through cleaning."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.corpora import spans
from stages.corpora.cleaning import clean_text
from stages.corpora.values import Refused

TEXT = st.text(st.sampled_from("ab e\u0301\u00e9\t\n\r \u200b\u00ad\u3000线。🙂\ufeff"), max_size=30)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"start": 1, "end": 3, "text": "x"}, {"start": 1, "end": 3}),
        ({"begin": 1, "stop": 3}, {"start": 1, "end": 3}),
        ([1, 3], {"start": 1, "end": 3}),
        ((1, 3), {"start": 1, "end": 3}),
        (None, None),
        (float("nan"), None),
    ],
)
def test_spans_are_read(value: Any, found: Any) -> None:
    assert spans.parse(value) == found


@pytest.mark.parametrize(
    "value", ["1-3", 3, [1], [1, 2, 3], [1.5, 2], [True, 2], {"start": 1}, {"start": "1", "end": "3"}]
)
def test_what_is_no_span_is_refused(value: Any) -> None:
    assert isinstance(spans.parse(value), Refused)


def test_spans_outside_their_text_are_told() -> None:
    assert spans.outside((0, 3), 3) is None
    assert "outside the text of 3 characters" in str(spans.outside((0, 4), 3))
    assert "outside" in str(spans.outside((-1, 2), 3))
    assert "is empty" in str(spans.outside((2, 2), 3))


def test_the_nearest_occurrence_is_found() -> None:
    assert spans.nearest("aXaXa", "X", 0) == 1
    assert spans.nearest("aXaXa", "X", 2) == 1
    assert spans.nearest("aXaXa", "X", 4) == 3
    assert spans.nearest("aXaXa", "X", -1) == 1
    assert spans.nearest("aXaXa", "X", 99) == 3
    assert spans.nearest("aXaXa", "Y", 0) is None


@settings(max_examples=400, deadline=None)
@given(TEXT, st.data())
def test_a_carried_span_holds_the_same_text_cleaned(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))

    def clean(one: str) -> str:
        return clean_text(one, "NFC")

    found = spans.carried(text, clean(text), (start, end), clean)
    part = text[start:end]
    if found is None:
        # Only what is invisible, or grown together with a neighbour, has no place.
        before, behind = clean(text[:start] + "|"), clean("|" + text[end:])
        assert (
            not clean(part) or clean(before[:-1] + clean(part) + behind[1:]) != before[:-1] + clean(part) + behind[1:]
        )
    elif text == clean(text):
        assert found == (start, end)
    else:
        assert clean(text)[slice(*found)] == clean(part)


def test_cleaning_moves_spans() -> None:
    text = "\ufeffcafe\u0301\t\tat  home\u200b"
    cleaned = clean_text(text, "NFC")
    place = text.index("home")
    assert spans.carried(text, cleaned, (place, place + 4), lambda one: clean_text(one, "NFC")) == (
        cleaned.index("home"),
        len(cleaned),
    )
    assert spans.carried("e\u0301x", "éx", (0, 1), lambda one: clean_text(one, "NFC")) is None
