"""Which tokens of a row that is too long are kept: special tokens all of them, of the texts the first ones.

A tokenizer's own truncation is a switch on the tokenizer: a thread that turned it on would cut what another one encodes at
that moment, without a word. It also makes rows of everything that it cuts off, for two long texts of every pair of parts. Here
the row is encoded whole, once, and its tokens are chosen; ids and types are those of the switch (`longest_first`).
"""

from __future__ import annotations

import numpy as np
from tokenizers import Encoding

SPECIAL = -1
"""Stands for a text's number where a token belongs to none."""


def kept(row: Encoding, max_length: int) -> np.ndarray:
    """Positions of the tokens of a row that stay `(at most max_length,)`.

    Args:
        row: of one text or two, with special tokens.
        max_length: in tokens, special tokens included.
    """
    belongs = np.array([SPECIAL if text is None else text for text in row.sequence_ids], dtype=np.int8)
    special, *texts = (np.flatnonzero(belongs == text) for text in (SPECIAL, 0, 1))
    sizes = longest_first(len(texts[0]), len(texts[1]), max(0, max_length - len(special)))
    return np.sort(np.concatenate([special, *(text[:size] for text, size in zip(texts, sizes, strict=True))]))


def longest_first(first: int, second: int, room: int) -> tuple[int, int]:
    """How many tokens of each text stay when the longer one loses a token until both fit.

    Args:
        first: tokens of the first text.
        second: of the second one.
        room: for both. Where both have to give way and it is odd, the longer text keeps the one more.
    """
    if first + second <= room:
        return first, second
    short = min(first, second, room // 2)
    return (short, room - short) if first <= second else (room - short, short)
