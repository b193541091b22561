"""Words left out, with the blanks around them: a model that reads the rest has to rely on more than one word.

As in "easy data augmentation" (Wei & Zou 2019) at least one word goes, however short the text, and one always stays. A Chinese
or Japanese character is a word. What the text says can go with a word ("not"); a low rate keeps that rare.
"""

from __future__ import annotations

from collections.abc import Callable

from stages.corpora.dice import Dice, share
from stages.corpora.editing import Edit, Passage, without
from stages.corpora.words import Piece
from stages.params.augmentation import Augmentation


def make(settings: Augmentation, clean: Callable[[str], str]) -> Callable[[Passage, Dice, int], list[Edit]]:  # noqa: ARG001
    """See `stages.corpora.augmentation`."""
    rate = settings.word_dropout.rate

    def edits(passage: Passage, dice: Dice, version: int) -> list[Edit]:  # noqa: ARG001
        free = passage.free
        most = len(free) if passage.marked else len(free) - 1
        gone = dice.some(free, min(share(rate, len(free)), most))
        return [without(passage, first, last) for first, last in _runs(passage, gone)]

    return edits


def _runs(passage: Passage, numbers: list[int]) -> list[tuple[Piece, Piece]]:
    """First and last word of each run of neighbouring words: each run goes at once, with the blanks within it."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return [(passage.words[first], passage.words[last]) for first, last in runs]
