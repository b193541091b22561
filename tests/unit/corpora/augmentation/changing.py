"""Versions of one text by one kind."""

from __future__ import annotations

from typing import Any

from stages.corpora import editing, words
from stages.corpora.augmentation import KINDS
from stages.corpora.cleaning import clean_text
from stages.corpora.dice import Dice
from stages.corpora.editing import Passage
from stages.corpora.words import Piece
from stages.params.augmentation import Augmentation


def clean(text: str) -> str:
    return clean_text(text, "NFC")


def edited(kind: str, text: str, *marked: Piece, version: int = 0, seed: int = 5, **settings: Any) -> editing.Edited:
    """A text after one version of a kind with these settings."""
    change = KINDS[kind](Augmentation.model_validate({kind: settings}), clean)
    passage = Passage(text, words.cut(text), marked)
    return editing.apply(text, change(passage, Dice(seed, kind, version, text), version))


def made(kind: str, text: str, *marked: Piece, **settings: Any) -> str:
    """Its text."""
    return edited(kind, text, *marked, **settings).text
