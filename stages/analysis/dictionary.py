"""What one gets without a model: every name that train has, found again wherever it stands.

The baseline of the CoNLL-2003 shared task (Tjong Kim Sang & De Meulder 2003), a little kinder: a name has the type that it most
often has in train, and counts only if it is marked in at least half of the places where train has it (`May` is more often a
month than a person). Matching is by words without regard to case, from left to right, the longest first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from stages.corpora.tag_schemes import Span
from stages.corpora.words import Piece

MARKED = 0.5
"""Least share of a name's places in train where it is marked."""
Words = tuple[str, ...]


class Dictionary:
    """Names of train with their types.

    Args:
        texts: of train.
        words: of each text, in characters.
        spans: that are marked in it, in characters.
    """

    def __init__(self, texts: Sequence[str], words: Sequence[Sequence[Piece]], spans: Sequence[Sequence[Span]]) -> None:
        types: dict[Words, Counter[str]] = {}
        for text, places, marked in zip(texts, words, spans, strict=True):
            for start, end, kind in marked:
                name = _folded(text, [place for place in places if start <= place[0] and place[1] <= end])
                if name:
                    types.setdefault(name, Counter())[kind] += 1
        self.longest = max(map(len, types), default=0)
        seen = Counter(
            name for text, places in zip(texts, words, strict=True) for _, name in self._stretches(text, places, types)
        )
        self.types = {
            name: min(counts, key=lambda kind: (-counts[kind], kind))
            for name, counts in types.items()
            if counts.total() >= MARKED * seen[name]
        }

    def find(self, text: str, places: Sequence[Piece]) -> list[Span]:
        """The spans of a text that are names of train."""
        found: list[Span] = []
        taken = 0
        for first, name in self._stretches(text, places, self.types):
            if first >= taken:
                taken = first + len(name)
                found.append((places[first][0], places[taken - 1][1], self.types[name]))
        return found

    def _stretches(self, text: str, places: Sequence[Piece], known: Iterable[Words]) -> Iterator[tuple[int, Words]]:
        """Where known names stand, by first word, the longest first."""
        folded = _folded(text, places)
        for first in range(len(folded)):
            for size in range(min(self.longest, len(folded) - first), 0, -1):
                name = folded[first : first + size]
                if name in known:
                    yield first, name


def _folded(text: str, places: Sequence[Piece]) -> Words:
    return tuple(text[start:end].casefold() for start, end in places)
