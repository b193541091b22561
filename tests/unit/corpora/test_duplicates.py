"""What counts as the same text, against plain Python."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.corpora import duplicates

PAIRS = st.lists(st.tuples(st.integers(0, 5), st.integers(-1, 2)), max_size=30)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Where is my card?", "where is my card"),
        ("Hi,there!!", "hi there"),
        ("don't", "DON’T"),
        ("STRASSE", "straße"),
        ("ｆｕｌｌ　ｗｉｄｔｈ", "full width"),
        ("我的卡，在哪里？", "我的卡 在哪里"),
        ("ok 👍", "OK👍!"),
        ("５ ％ off", "5% OFF"),
        ("it costs 5€.", "It costs: 5 €"),
        ("call 555-1234", "Call 555 1234"),
        ("from 2020-2021", "from 2020–2021"),
        ("well-being", "well being"),
        ("it is −5 outside", "It is -5, outside!"),
        ("``yes''", '"yes"'),
        ("❤\ufe0f", "❤"),
        ("👍!", "👍"),
    ],
)
def test_the_same_but_for_case_and_punctuation(one: str, other: str) -> None:
    assert duplicates.normal_form(one) == duplicates.normal_form(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("👍", "👎"),
        ("कि", "की"),
        ("กา", "กิ"),
        ("?", "!"),
        ("3.5", "35"),
        ("a", "á"),
        ("ok 👍", "ok"),
        ("ok 👍", "ok 👎"),
        ("C++", "C#"),
        ("C++", "C"),
        ("C#", "C"),
        ("-5", "5"),
        ("it is -5", "it is 5"),
        ("(-5)", "(5)"),
        ("−5", "5"),
        ("$5", "€5"),
        ("5%", "5"),
        ("x < y", "x = y"),
        ("*31#", "31"),
        ("R&D", "R D"),
    ],
)
def test_not_the_same(one: str, other: str) -> None:
    assert duplicates.normal_form(one) != duplicates.normal_form(other)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_case_makes_no_difference(text: str) -> None:
    form = duplicates.normal_form(text)
    assert duplicates.normal_form(form) == form
    assert duplicates.normal_form(text.casefold()) == form
    if form != text:
        assert form == form.strip()


def test_places_are_counted_in_the_normal_form_without_its_blanks() -> None:
    for text, other in (("At -5, C++ froze.", "at −5 c ++ froze"), ("from 3-5, C++ froze.", "From 3 5 C ++ froze")):
        places = []
        for one in (text, other):
            begin = one.lower().index("froze")
            places.append(duplicates.form_places(one, [begin, begin + len("froze")]))
            form = duplicates.normal_form(one).replace(" ", "")
            assert form[slice(*places[-1])] == "froze"
        assert places[0] == places[1]


@given(PAIRS)
def test_repeats_are_all_but_the_first(pairs: list[tuple[int, int]]) -> None:
    keys, labels = columns(pairs)
    expected = [pair in pairs[:i] for i, pair in enumerate(pairs)]
    assert duplicates.repeats(keys, labels).tolist() == expected


@given(PAIRS)
def test_conflicts_are_all_records_of_a_text_with_several_labels(pairs: list[tuple[int, int]]) -> None:
    keys, labels = columns(pairs)
    expected = [any(k == key and l != label for k, l in pairs) for key, label in pairs]  # noqa: E741
    assert duplicates.conflicts(keys, labels).tolist() == expected


def columns(pairs: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([k for k, _ in pairs], dtype=np.uint64), np.array([label for _, label in pairs], dtype=np.int64)


@pytest.mark.parametrize(("one", "other"), [("好的～", "好的"), ("そうです〜", "そうです"), ("ok~", "OK")])
def test_a_wave_at_the_end_of_a_sentence_says_nothing(one: str, other: str) -> None:
    assert duplicates.normal_form(one) == duplicates.normal_form(other)


@pytest.mark.parametrize(("one", "other"), [("-$5", "$5"), ("-.5", ".5"), ("-€ 5", "- €5x")])
def test_a_minus_leads_amounts_and_fractions_too(one: str, other: str) -> None:
    assert duplicates.normal_form(one) != duplicates.normal_form(other)
