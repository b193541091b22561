"""One file per way to change a text; the table below maps the keys of `data.augmentation` to them.

A maker takes the settings and what cleans texts, reads the user's files if it has any, and gives the function that says which
edits a version of a passage needs: none where there is nothing to change.
"""

from __future__ import annotations

from collections.abc import Callable

from stages.corpora.augmentation import back_translation, synonyms, typos, word_dropout, word_swap
from stages.corpora.dice import Dice
from stages.corpora.editing import Edit, Passage
from stages.params.augmentation import Augmentation

Clean = Callable[[str], str]
Change = Callable[[Passage, Dice, int], list[Edit]]
"""Edits of a passage, by chance, for the version of that number, from 0."""

KINDS: dict[str, Callable[[Augmentation, Clean], Change]] = {
    "word_dropout": word_dropout.make,
    "word_swap": word_swap.make,
    "typos": typos.make,
    "synonyms": synonyms.make,
    "back_translation": back_translation.make,
}
