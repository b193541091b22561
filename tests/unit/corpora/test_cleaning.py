"""Texts as the model should see them."""

from __future__ import annotations

import unicodedata
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.corpora import cleaning

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("  two\t\tblanks\r\nand lines  ", "two blanks and lines"),
        ("be\x07ll\x00 \x7f", "bell"),
        ("zero\u200bwidth\ufeff so\u00adft", "zerowidth soft"),
        ("\u202eoverride\u202c \u2066isolate\u2069", "override isolate"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("👩\u200d👧", "👩\u200d👧"),
        ("שלום\u200f!", "שלום\u200f!"),
        ("cafe\u0301", "café"),
        ("ﬁne １２", "ﬁne １２"),
    ],
)
def test_what_changes_and_what_stays(raw: str, clean: str) -> None:
    assert cleaning.clean_text(raw, "NFC") == clean


def test_the_form_is_a_choice() -> None:
    assert cleaning.clean_text("ﬁne １２", "NFKC") == "fine 12"
    assert cleaning.clean_text("cafe\u0301", None) == "cafe\u0301"
    assert cleaning.clean_label("cafe\u0301", None) == "café", "two forms of one label would look alike"


@given(TEXT, st.sampled_from(["NFC", "NFKC", None]))
def test_cleaning_twice_changes_nothing(text: str, form: Literal["NFC", "NFKC"] | None) -> None:
    once = cleaning.clean_text(text, form)
    assert cleaning.clean_text(once, form) == once
    assert once == once.strip()
    assert not any(unicodedata.category(char) == "Cc" for char in once)


@pytest.mark.parametrize("text", ["", " \u3000\u00a0", "\u200b\u200d\ufeff", "\u0301", "\u3164\u2800", "\ufe0f"])
def test_nothing_to_see(text: str) -> None:
    assert not cleaning.has_content(text)


@pytest.mark.parametrize("text", ["a", "?", "👍", "我", "\u200ba", "كـ", "¿"])
def test_something_to_see(text: str) -> None:
    assert cleaning.has_content(text)
