"""Words in the characters of a text: joined from a corpus' own tokens, or cut out of a text.

Joining puts one blank between tokens and none between two characters of scripts without blanks (Chinese, Japanese, Thai, Lao,
Burmese, Khmer) or full-width ones, so that a text reads as people write it. A sentence with such characters, or blanks as
tokens, whose every token is one character is character-level data (`i`, `P`, `a`, `d` for `iPad`), joined without any blank.

Cutting takes each such character for a word, runs of letters and digits with their marks (Indic vowel signs, accents) as
words, and every other visible character as one of its own. It needs no model and no language, and serves wherever nobody gave
tokens: texts with marked spans, and texts that come to a release.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache

from stages.corpora.scripts import WITHOUT_BLANKS

UNSPACED = f"\u3000-\u303f\uff00-\uffef{WITHOUT_BLANKS}"
"""Characters between which nobody writes a blank: those scripts, Chinese and Japanese punctuation, full-width forms."""
_UNSPACED = re.compile(f"[{UNSPACED}]")
_SINGLE = re.compile(rf"[{UNSPACED}\s]")
"""What tokens of character-level data have among them: such characters, or the blanks themselves (Korean)."""
Piece = tuple[int, int]
"""First character, character after the last."""


def join(tokens: Sequence[str]) -> tuple[str, list[Piece]]:
    """One text of a sentence's tokens, none of them empty, and where each token stands in it."""
    by_character = all(len(token) == 1 for token in tokens) and any(map(_SINGLE.match, tokens))
    parts: list[str] = []
    places: list[Piece] = []
    at = 0
    for i, token in enumerate(tokens):
        if i and not by_character and not (_UNSPACED.match(tokens[i - 1][-1]) and _UNSPACED.match(token)):
            parts.append(" ")
            at += 1
        parts.append(token)
        places.append((at, at + len(token)))
        at += len(token)
    return "".join(parts), places


def cut(text: str) -> list[Piece]:
    """The words of a text; between them are only blanks."""
    return [found.span() for found in _pattern().finditer(text)]


def unpunctuated(text: str, instead: str = "") -> str:
    """A text without punctuation and symbols, and what is tied to them; letters, digits and their marks stay, and blanks."""
    return _symbols().sub(instead, text)


@cache
def marks() -> str:
    r"""Combining marks for use within a class of a regular expression, built once per process (0.1 s).

    Python's `\w` lacks them, and `re` knows no Unicode categories.
    """
    codes = (*range(0x300, 0x20000), *range(0xE0100, 0xE01F0))
    return "".join(re.escape(chr(code)) for code in codes if unicodedata.category(chr(code)) in {"Mn", "Mc", "Me"})


@cache
def _symbols() -> re.Pattern[str]:
    tied = f"{marks()}\u200c\u200d"
    return re.compile(f"(?:[^\\w\\s{tied}]|_)[{tied}]*")


@cache
def _pattern() -> re.Pattern[str]:
    letter = f"(?:(?![{WITHOUT_BLANKS}])[^\\W_]|[{marks()}\u200c\u200d])"
    # An emoji takes its skin tone and whatever a joiner ties to it along.
    symbol = f"\\S(?:[{marks()}\U0001f3fb-\U0001f3ff]|\u200d\\S)*"
    return re.compile(f"[{WITHOUT_BLANKS}][{marks()}]*|{letter}+|{symbol}")
