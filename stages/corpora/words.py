"""Words in the characters of a text: joined from a corpus' own tokens, or cut out of a text.

Joining puts one blank between tokens and none between two characters of scripts without blanks (Chinese, Japanese, Thai, Lao,
Burmese, Khmer) or full-width ones, so that a text reads as people write it. A sentence with such characters, or blanks as
tokens, of which nine tokens in ten are one character is character-level data (`i`, `P`, `a`, `d` for `iPad`). It is joined
without blanks, but for those between a word that is one token and Latin letters or digits beside it (`New`, `York`).

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
MOSTLY = 0.1
"""Share of a sentence's tokens in character-level data that may be longer than one character."""
Piece = tuple[int, int]
"""First character, character after the last."""


def join(tokens: Sequence[str]) -> tuple[str, list[Piece]]:
    """One text of a sentence's tokens, none of them empty, and where each token stands in it."""
    by_character = _by_character(tokens)
    parts: list[str] = []
    places: list[Piece] = []
    at = 0
    for i, token in enumerate(tokens):
        if i and (_words_meet if by_character else _spaced)(tokens[i - 1], token):
            parts.append(" ")
            at += 1
        parts.append(token)
        places.append((at, at + len(token)))
        at += len(token)
    return "".join(parts), places


def _by_character(tokens: Sequence[str]) -> bool:
    """Whether the tokens of a sentence are characters, all but a few (Weibo NER has `p1`, a letter and its place in a word)."""
    if not any(len(token) == 1 and _SINGLE.match(token) for token in tokens):
        return False
    several = sum(len(token) > 1 for token in tokens)
    # Only where it matters is it asked whether what is longer than a code point is one character to the eye.
    if several > MOSTLY * len(tokens):
        several = sum(_cluster().fullmatch(token) is None for token in tokens)
    return several <= MOSTLY * len(tokens)


def _spaced(one: str, other: str) -> bool:
    """Whether people write a blank between two words."""
    return not (_UNSPACED.match(one[-1]) and _UNSPACED.match(other))


def _words_meet(one: str, other: str) -> bool:
    """Whether one of two tokens of character-level data is a word, with a letter or digit of its script on the other side."""
    several = (len(one) > 1 and one.isalpha()) or (len(other) > 1 and other.isalpha())
    return several and (one[-1] + other[0]).isalnum() and not (_UNSPACED.match(one[-1]) or _UNSPACED.match(other))


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
    return re.compile(f"[{WITHOUT_BLANKS}][{marks()}]*|{letter}+|{_tied()}")


def _tied() -> str:
    """A character with its marks; an emoji takes its skin tone and whatever a joiner ties to it along."""
    return f"\\S(?:[{marks()}\U0001f3fb-\U0001f3ff]|\u200d\\S)*"


@cache
def _cluster() -> re.Pattern[str]:
    """What is one character to the eye, beyond marks also flags, and what is left of an emoji that a tool cut in two."""
    flag = "[\U0001f1e6-\U0001f1ff]{2}|\U0001f3f4[\U000e0020-\U000e007f]+"
    return re.compile(f"\\s|{flag}|\ufffd+|{_tied()}")
