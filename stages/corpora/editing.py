"""Small replacements in a text, and where words and marked spans stand afterwards.

An edit replaces some characters by others. Edits never touch each other nor a marked span, so that a span keeps its characters
and only moves. Where an edit would glue two words together that were none (a word between Chinese characters that becomes
Latin, for example), a blank is put in.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from stages.corpora import words
from stages.corpora.words import Piece

_BLANKS = re.compile(r"\s*")


@dataclass(frozen=True)
class Passage:
    """A text that may be changed in places.

    Attributes:
        text: cleaned.
        words: pieces of it, in order.
        marked: spans whose characters have to stay as they are.
    """

    text: str
    words: Sequence[Piece]
    marked: Sequence[Piece] = ()

    def said(self, word: Piece) -> str:
        """The characters of a word."""
        return self.text[slice(*word)]

    def is_free(self, piece: Piece) -> bool:
        """Whether no marked span has a character in common with a piece."""
        return not any(start < piece[1] and piece[0] < end for start, end in self.marked)

    @cached_property
    def free(self) -> list[int]:
        """Numbers of the words that may be changed: those with a letter or digit at their begin, outside marked spans."""
        return [i for i, word in enumerate(self.words) if self.text[word[0]].isalnum() and self.is_free(word)]


@dataclass(frozen=True)
class Edit:
    """Some characters of a text, and what takes their place.

    Attributes:
        start: first character.
        end: the one after the last; an edit takes the place of at least one.
        text: instead of them; may be empty.
        whole: whether the new text is one word, whatever a text of its kind would be cut into.
    """

    start: int
    end: int
    text: str
    whole: bool = False


@dataclass(frozen=True)
class Edited:
    """A text after edits.

    Attributes:
        text: the new one.
        edits: in order, not touching each other's characters.
        begins: where the new text of each edit begins, behind a blank that was put in.
        shifts: by how much what stands behind each edit has moved.
    """

    text: str
    edits: Sequence[Edit]
    begins: Sequence[int]
    shifts: Sequence[int]

    def place(self, at: int) -> int:
        """Where a place of the old text is now; it must not lie within an edit."""
        before = bisect.bisect_right([one.end for one in self.edits], at)
        return at + (self.shifts[before - 1] if before else 0)

    def span(self, old: Piece) -> Piece:
        """Where a span is now that no edit touches."""
        return self.place(old[0]), self.place(old[1])

    def words(self, old: Sequence[Piece]) -> list[Piece]:
        """Words of the new text: old ones where they are now, and those that edits brought.

        Args:
            old: in order; an edit lies within one of them, or holds all that it touches, with blanks around.
        """
        found = [self._grown(word) for word in old if not self._replaced(word)]
        for edit, begin in zip(self.edits, self.begins, strict=True):
            if any(edit.start <= start and end <= edit.end for start, end in old) and edit.text:
                pieces = [(0, len(edit.text))] if edit.whole else words.cut(edit.text)
                found += [(begin + start, begin + end) for start, end in pieces]
        return sorted(found)

    def _replaced(self, word: Piece) -> bool:
        return any(edit.start <= word[0] and word[1] <= edit.end for edit in self.edits)

    def _grown(self, word: Piece) -> Piece:
        """A word with what an edit made of its begin, middle or end."""
        start, end = self.place(word[0]), self.place(word[1])
        for edit, begin in zip(self.edits, self.begins, strict=True):
            if edit.start == word[0]:
                start = begin
            if edit.end == word[1]:
                end = begin + len(edit.text)
        return start, end


def apply(text: str, edits: Sequence[Edit]) -> Edited:
    """Carry out edits that do not overlap, in any order."""
    ordered = sorted(edits, key=lambda one: one.start)
    parts: list[str] = []
    begins: list[int] = []
    shifts: list[int] = []
    at = length = 0
    for i, edit in enumerate(ordered):
        following = ordered[i + 1].start if i + 1 < len(ordered) else len(text)
        kept, rest = text[at : edit.start], text[edit.end : following]
        parts.append(kept)
        length += len(kept)
        before = _last(parts)
        new = edit.text
        if new and _glues(before, new[0]) and not _inside(text, edit.start):
            parts.append(" ")
            length += 1
        begins.append(length)
        if _glues(new[-1] if new else before, rest[:1]) and not _inside(text, edit.end):
            new += " "
        parts.append(new)
        length += len(new)
        at = edit.end
        shifts.append(length - at)
    return Edited("".join([*parts, text[at:]]), ordered, begins, shifts)


def without(passage: Passage, first: Piece, last: Piece) -> Edit:
    """Leave out the words from one to another, with the blanks that would be left over."""
    text, start, end = passage.text, first[0], last[1]
    before = len(text[:start].rstrip())
    blanks = _BLANKS.match(text, end)
    after = blanks.end() if blanks else end
    if after > end and (before < start or start == 0):
        piece = (start, after)
    elif before < start:
        piece = (before, end)
    else:
        piece = (start, end)
    return Edit(*(piece if passage.is_free(piece) else (start, end)), "")


def _last(parts: Sequence[str]) -> str:
    """The last character so far."""
    return next((part[-1] for part in reversed(parts) if part), "")


def _inside(text: str, at: int) -> bool:
    """Whether a place lies within a word."""
    return 0 < at < len(text) and _glues(text[at - 1], text[at])


def _glues(one: str, other: str) -> bool:
    """Whether two characters beside each other are of one word."""
    return bool(one and other) and not (one + other).isspace() and words.cut(one + other) == [(0, 2)]
