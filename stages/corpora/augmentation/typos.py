"""Slips of the finger: a letter becomes its neighbour on a QWERTY keyboard, is left out, or comes twice.

Words of one character and digits stay as they are: a wrong number is another number. So do all letters that this keyboard has
no key for: Chinese, Arabic, accented letters and so on. A text of such letters gets no version by typos.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

from stages.corpora.dice import Dice, share
from stages.corpora.editing import Edit, Passage
from stages.corpora.keyboard import neighbours, slipped
from stages.corpora.words import Piece
from stages.params.augmentation import Augmentation


def make(settings: Augmentation, clean: Callable[[str], str]) -> Callable[[Passage, Dice, int], list[Edit]]:  # noqa: ARG001
    """See `stages.corpora.augmentation`."""
    rate = settings.typos.rate

    def edits(passage: Passage, dice: Dice, version: int) -> list[Edit]:  # noqa: ARG001
        letters = {i: found for i in passage.free if (found := _letters(passage.text, passage.words[i]))}
        if not letters:
            return []
        chosen = dice.some(list(letters), share(rate, len(letters)))
        return [_slip(passage.text, dice.one(letters[i]), dice) for i in chosen]

    return edits


def _letters(text: str, word: Piece) -> list[int]:
    """Places of the letters of a word that have a key; one that carries an accent of its own has none."""
    start, end = word
    if end - start < 2:
        return []
    return [
        at
        for at in range(start, end)
        if text[at].isalpha()
        and neighbours(text[at].lower())
        and not (at + 1 < len(text) and unicodedata.category(text[at + 1]).startswith("M"))
    ]


def _slip(text: str, at: int, dice: Dice) -> Edit:
    new = slipped(text[at], dice.one)
    return Edit(at, at + 1, new.upper() if text[at].isupper() else new)
