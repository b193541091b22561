"""Slips on a QWERTY keyboard: which keys lie beside a key, and what a slip makes of a character.

Other layouts have other neighbours, and scripts that are not typed key by key have none: there, a slip only drops or doubles.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

ROWS = ("1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm")
SLIPS = ("replace", "drop", "double")


def neighbours(char: str) -> str:
    """Keys beside a key, in its row and the rows above and below."""
    for r, row in enumerate(ROWS):
        if char in row:
            at = row.index(char)
            found = row[max(at - 1, 0) : at] + row[at + 1 : at + 2]
            for other in ROWS[max(r - 1, 0) : r] + ROWS[r + 1 : r + 2]:
                found += other[at : at + 1]
            return found
    return ""


def slipped(char: str, choose: Callable[[Sequence[str]], str]) -> str:
    """What stands in the place of a character after a slip: a neighbour, nothing, or it twice.

    Args:
        char: one character.
        choose: by chance, one of several.
    """
    near = neighbours(char.lower())
    kind = choose(SLIPS if near else SLIPS[1:])
    return {"replace": choose(near) if near else "", "drop": "", "double": char * 2}[kind]
