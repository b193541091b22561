"""Words and phrases of the user's list in other words (Zhang et al. 2015 took them from a thesaurus).

An entry is found word by word, whatever its case; where several begin at one word, the longest is meant. Entries of Chinese
characters are found wherever these stand beside each other. A replacement takes over a capital at the begin, and capitals
throughout. Grammar is the list's business: `phone` and `phones` are two entries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from stages.corpora import words
from stages.corpora.augmentation import lists
from stages.corpora.dice import Dice, share
from stages.corpora.editing import Edit, Passage
from stages.params.augmentation import Augmentation

KEY = "data.augmentation.synonyms.file"
Unit = tuple[str, bool]
"""A word without case, and whether a blank stands before it."""
Thesaurus = dict[str, list[tuple[list[Unit], list[str]]]]
"""By an entry's first word: its words, and alternatives; longest entries first."""


def make(settings: Augmentation, clean: Callable[[str], str]) -> Callable[[Passage, Dice, int], list[Edit]]:
    """See `stages.corpora.augmentation`.

    Raises:
        DataError: the list cannot be read.
    """
    entries = lists.read(Path(settings.synonyms.file), KEY, ("word", "synonyms"), clean)
    thesaurus, rate = ordered(entries), settings.synonyms.rate

    def edits(passage: Passage, dice: Dice, version: int) -> list[Edit]:  # noqa: ARG001
        found = list(matches(passage, thesaurus))
        if not found:
            return []
        return [
            Edit(start, end, _cased(passage.text[start:end], dice.one(others)))
            for start, end, others in dice.some(found, share(rate, len(found)))
        ]

    return edits


def ordered(entries: dict[str, list[str]]) -> Thesaurus:
    """Entries by their first word, longest first."""
    found: Thesaurus = {}
    for entry, others in entries.items():
        units = _units(entry, words.cut(entry))
        found.setdefault(units[0][0], []).append((units, others))
    return {first: sorted(known, key=lambda one: -len(one[0])) for first, known in found.items()}


def matches(passage: Passage, thesaurus: Thesaurus) -> Iterator[tuple[int, int, list[str]]]:
    """Begin, end and alternatives of what a list knows of a passage, from left to right, not overlapping."""
    units = _units(passage.text, passage.words)
    at = 0
    while at < len(units):
        found = _longest(passage, units, at, thesaurus)
        if found is None:
            at += 1
            continue
        count, others = found
        yield passage.words[at][0], passage.words[at + count - 1][1], others
        at += count


def _longest(passage: Passage, units: list[Unit], at: int, thesaurus: Thesaurus) -> tuple[int, list[str]] | None:
    """Words and alternatives of the longest entry that begins at a word and touches no marked span."""
    for wanted, others in thesaurus.get(units[at][0], ()):
        count = len(wanted)
        said = units[at : at + count]
        # What stands before the first word does not matter.
        alike = len(said) == count and said[1:] == wanted[1:]
        if alike and passage.is_free((passage.words[at][0], passage.words[at + count - 1][1])):
            return count, others
    return None


def _units(text: str, pieces: Sequence[words.Piece]) -> list[Unit]:
    ends = [0, *(end for _, end in pieces)]
    return [(text[start:end].casefold(), start > before) for (start, end), before in zip(pieces, ends, strict=False)]


def _cased(old: str, new: str) -> str:
    """A replacement in capitals where its place was, as far as that is plain."""
    if len(old) > 1 and old.isupper():
        return new.upper()
    return new[0].upper() + new[1:] if old[0].isupper() and old[1:] == old[1:].lower() else new
