"""Markers stand around both entities, and the window around both of them, whatever the text and the tokenizer."""

from __future__ import annotations

import functools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from stages.encoding import entity_markers
from stages.encoding.entity_markers import Marked, Markers, Span
from stages.errors import ModelError
from tests.small_tokenizers import FAMILIES

TEXT = ["The school master teaches the lesson with a stick, @home #1.", "刘六本名刘宠，河北霸州文安县人 🙂。"] * 8
MARKERS = Markers((9001, 9002), (9003, 9004))
CONTENTS = st.text(st.sampled_from("abt 12.,é\u3000刘六。🙂\u0301\u200d\n"), min_size=2, max_size=50)


@functools.cache
def made(family: str) -> Tokenizer:
    return FAMILIES[family](TEXT)


def mark(text: str, head: Span, tail: Span, max_length: int = 64, family: str = "wordpiece") -> Marked:
    [found] = entity_markers.encode(made(family), [text], [head], [tail], max_length, MARKERS)
    return found


def spelt(found: Marked) -> str:
    names = {9001: "<", 9002: ">", 9003: "{", 9004: "}"}
    return " ".join(names.get(i) or str(made("wordpiece").id_to_token(i)) for i in found.ids.tolist())


def span(text: str, part: str) -> Span:
    return text.index(part), text.index(part) + len(part)


@pytest.mark.parametrize(
    ("head", "tail", "expected"),
    [
        ("master", "lesson", "[CLS] the school < master > teaches the { lesson } with a stick , @ home # 1 . [SEP]"),
        ("lesson", "master", "[CLS] the school { master } teaches the < lesson > with a stick , @ home # 1 . [SEP]"),
        ("school", "master", "[CLS] the < school > { master } teaches the lesson with a stick , @ home # 1 . [SEP]"),
        (
            "school master",
            "school",
            "[CLS] the < { school } master > teaches the lesson with a stick , @ home # 1 . [SEP]",
        ),
        (
            "master",
            "school master",
            "[CLS] the { school < master > } teaches the lesson with a stick , @ home # 1 . [SEP]",
        ),
        (
            "The school",
            "school master",
            "[CLS] < the { school > master } teaches the lesson with a stick , @ home # 1 . [SEP]",
        ),
    ],
)
def test_each_entity_stands_between_its_markers(head: str, tail: str, expected: str) -> None:
    found = mark(TEXT[0], span(TEXT[0], head), span(TEXT[0], tail))
    assert spelt(found) == expected
    assert (found.blurred, found.apart, found.shortened) == (0, False, False)
    assert (found.ids[found.head], found.ids[found.tail]) == (9001, 9003)


def test_chinese_entities_are_characters() -> None:
    found = mark(TEXT[1], span(TEXT[1], "刘六"), span(TEXT[1], "刘宠"))
    assert spelt(found).startswith("[CLS] < 刘 六 > 本 名 { 刘 宠 } ， 河 北")


def test_an_entity_inside_a_token_is_marked_around_it_and_counted() -> None:
    text = "teaches the lesson"
    found = mark(text, span(text, "each"), span(text, "lesson"))
    assert spelt(found) == "[CLS] < teaches > the { lesson } [SEP]"
    assert found.blurred == 1
    blank = mark(text, (7, 8), span(text, "lesson"))
    assert spelt(blank) == "[CLS] teaches < > the { lesson } [SEP]"
    assert blank.blurred == 1


def test_the_window_has_both_entities_in_its_middle() -> None:
    text = "the " * 30 + "master teaches lesson" + " stick" * 30
    found = mark(text, span(text, "master"), span(text, "lesson"), 17)
    assert spelt(found) == "[CLS]" + " the" * 4 + " < master > teaches { lesson }" + " stick" * 4 + " [SEP]"
    assert found.full_length == 30 + 3 + 30 + 4 + 2
    early = mark("master lesson" + " stick" * 30, (0, 6), (7, 13), 10)
    assert spelt(early) == "[CLS] < master > { lesson } stick stick [SEP]"


def test_entities_too_far_apart_get_half_the_row_each() -> None:
    text = "a master" + " the" * 40 + " lesson a"
    found = mark(text, span(text, "master"), span(text, "lesson"), 14)
    assert spelt(found) == "[CLS] a < master > the the the the { lesson } a [SEP]"
    assert (found.apart, found.shortened) == (True, False)
    long = mark("lesson " * 20 + "stick", (0, 7 * 20 - 1), (7 * 20, 7 * 20 + 5), 14)
    assert spelt(long) == "[CLS] < lesson lesson lesson lesson lesson lesson > { stick } [SEP]"
    assert (long.apart, long.shortened) == (True, True)


@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=150, deadline=None)
@given(text=CONTENTS, data=st.data(), max_length=st.integers(8, 40))
def test_markers_are_always_there_and_nothing_else_changes(family: str, text: str, data: Any, max_length: int) -> None:
    spans = st.tuples(st.integers(0, len(text)), st.integers(0, len(text))).filter(lambda one: one[0] < one[1])
    head, tail = data.draw(spans), data.draw(spans)
    found = mark(text, head, tail, max_length, family)
    ids = found.ids.tolist()
    assert len(ids) <= max_length
    assert [ids.count(marker) for marker in (9001, 9002, 9003, 9004)] == [1, 1, 1, 1]
    assert (ids[found.head], ids[found.tail]) == (9001, 9003)
    assert ids.index(9001) < ids.index(9002)
    assert ids.index(9003) < ids.index(9004)
    whole = made(family).encode(text).ids
    assert found.full_length == len(whole) + 4
    kept = [i for i in ids if i < 9000]
    rest = iter(whole)
    assert all(i in rest for i in kept)  # a subsequence
    if found.full_length <= max_length:
        assert kept == whole


def test_a_vocabulary_without_signs_to_mark_with_is_refused() -> None:
    assert entity_markers.choose(made("wordpiece")).head[0] == made("wordpiece").token_to_id("@")
    with pytest.raises(ModelError, match="lacks @ and #"):
        entity_markers.choose(FAMILIES["wordpiece"](["abc"]))
