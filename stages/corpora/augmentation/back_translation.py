"""Whole texts in other words, from the user's file: what came back from another language, or any other paraphrase.

Translating is not done here: it needs a second model, and its output should be looked at before a model learns from it. A text
is found by its normal form (`stages.corpora.duplicates`), so that case and punctuation do not matter.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from stages.corpora.augmentation import lists
from stages.corpora.dice import Dice
from stages.corpora.duplicates import normal_form
from stages.corpora.editing import Edit, Passage
from stages.params.augmentation import Augmentation

KEY = "data.augmentation.back_translation.file"


def make(settings: Augmentation, clean: Callable[[str], str]) -> Callable[[Passage, Dice, int], list[Edit]]:
    """See `stages.corpora.augmentation`.

    Raises:
        DataError: the file cannot be read.
    """
    known: dict[str, list[str]] = {}
    for text, others in lists.read(Path(settings.back_translation.file), KEY, ("text", "paraphrases"), clean).items():
        known.setdefault(normal_form(text), []).extend(others)

    def edits(passage: Passage, dice: Dice, version: int) -> list[Edit]:  # noqa: ARG001
        others = known.get(normal_form(passage.text), [])
        return [Edit(0, len(passage.text), others[version])] if version < len(others) else []

    return edits
