"""Neighbouring words in the other order, as people who type fast write them (Wei & Zou 2019 swap any two words).

Only words beside each other change places, so that a text stays nearly what it was; what stands between them stays there. A
Chinese or Japanese character is a word.
"""

from __future__ import annotations

from collections.abc import Callable

from stages.corpora.dice import Dice, share
from stages.corpora.editing import Edit, Passage
from stages.params.augmentation import Augmentation


def make(settings: Augmentation, clean: Callable[[str], str]) -> Callable[[Passage, Dice, int], list[Edit]]:  # noqa: ARG001
    """See `stages.corpora.augmentation`."""
    rate = settings.word_swap.rate

    def edits(passage: Passage, dice: Dice, version: int) -> list[Edit]:  # noqa: ARG001
        free = set(passage.free)
        pairs = [i for i in passage.free if i + 1 in free and _differ(passage, i)]
        wanted, taken, found = share(rate, len(free)), set[int](), list[Edit]()
        for i in dice.shuffled(pairs):
            if len(taken) < 2 * wanted and not taken & {i, i + 1}:
                taken |= {i, i + 1}
                one, other = passage.words[i], passage.words[i + 1]
                found += [Edit(*one, passage.said(other), whole=True), Edit(*other, passage.said(one), whole=True)]
        return found

    return edits


def _differ(passage: Passage, number: int) -> bool:
    one, other = (passage.said(passage.words[i]) for i in (number, number + 1))
    return one.casefold() != other.casefold()
