"""Which characters of a text each token stands for, whatever the tokenizer.

Tokenizers tell offsets in code points, but count differently: byte-level and SentencePiece vocabularies put the blank before a
word into its token, BERT's leaves it out. Blanks are taken off here, so that a span of tokens is a span of text that begins
and ends with something to see. Two tokens that share the bytes of a character both stand for that character. Accents that a
normaliser threw away (BERT's drops combining marks) belong to the letter before them.
"""

from __future__ import annotations

import unicodedata

import numpy as np
from tokenizers import Encoding

OUTSIDE = -1
"""Character position of tokens that stand for nothing that can be seen."""
MARKS = frozenset({"Mn", "Mc", "Me"})
"""Unicode's categories of combining marks."""
_BLANKS = np.array([code for code in range(0x3001) if chr(code).isspace()], dtype=np.uint32)


def characters(encoding: Encoding, text: str) -> tuple[np.ndarray, np.ndarray]:
    """First character of each token and the one after its last `(tokens,)`, int32, without blanks at either end.

    Tokens of blanks alone, and tokens that stand for no character, are `OUTSIDE`.
    """
    offsets = np.array(encoding.offsets, dtype=np.int32).reshape(-1, 2)
    blank = np.isin(np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32), _BLANKS)
    places = np.arange(len(text) + 1)
    shown = np.concatenate([~blank, [True]])
    # For each position the next one that shows something, and the end of the last one before it that did.
    following = np.minimum.accumulate(np.where(shown, places, len(text))[::-1])[::-1]
    preceding = np.concatenate([[0], np.maximum.accumulate(np.where(~blank, places[1:], 0))])
    starts, ends = following[offsets[:, 0]].astype(np.int32), preceding[offsets[:, 1]].astype(np.int32)
    ends = _with_marks(text, starts, ends)
    nothing = starts >= ends
    starts[nothing] = ends[nothing] = OUTSIDE
    return starts, ends


def _with_marks(text: str, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Ends moved behind the combining marks that follow and that no token begins with."""
    if text.isascii():
        return ends
    begun = set(starts.tolist())
    moved = ends.copy()
    for i, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
        while start < end < len(text) and end not in begun and unicodedata.category(text[end]) in MARKS:
            end += 1
        moved[i] = end
    return moved


def touching(starts: np.ndarray, ends: np.ndarray, start: int, end: int) -> tuple[int, int] | None:
    """The first and the last token that stand for a part of characters `start` to `end` (exclusive); None if none does.

    Args:
        starts: first character of each token, as `characters` gives them `(tokens,)`.
        ends: character after its last one `(tokens,)`.
        start: of the span.
        end: of the span.
    """
    found = np.flatnonzero((starts < end) & (ends > start))
    return (int(found[0]), int(found[-1])) if len(found) else None
