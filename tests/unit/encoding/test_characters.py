"""Tokens know their characters, accents that the tokenizer threw away included."""

from __future__ import annotations

import unicodedata

from stages.encoding import base_model, tokenizer
from stages.encoding.characters import characters
from stages.params.model import ModelParams

WORDS = tokenizer.load(base_model.locate(ModelParams(), verify=False))


def pieces(text: str) -> list[str]:
    starts, ends = characters(WORDS.encode(text, add_special_tokens=False), text)
    return [text[start:end] for start, end in zip(starts, ends, strict=True) if end > 0]


def test_an_accent_belongs_to_the_letter_before_it() -> None:
    text = unicodedata.normalize("NFD", "trinkt café heute")
    assert unicodedata.normalize("NFD", "café") in pieces(text)
    assert pieces("trinkt café heute") == [unicodedata.normalize("NFC", piece) for piece in pieces(text)]


def test_chinese_characters_and_blanks_are_not_touched() -> None:
    assert pieces("我 想 退货。") == ["我", "想", "退", "货", "。"]
