"""Where places of a text stand after the text was cleaned.

A place moves to the end of what stands before it, cleaned alone: control characters that go, line breaks that become one
blank and letters that take their accents in shorten the text before a place, and nothing after it matters. Where a place lies
within what cleaning makes one character (between a letter and its accent), there is no such place any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

_END = "x"
"""Stands behind the cleaned part, so that blanks at its end are kept and no accent reaches over it."""


def places(text: str, clean: Callable[[str], str], wanted: Iterable[int]) -> dict[int, int | None]:
    """New places of old ones; None for those that are gone.

    Args:
        text: as it was.
        clean: what was done to it; idempotent, and a blank at either end of its result is removed.
        wanted: places, from 0 to the length of the text.
    """
    after = clean(text)
    found: dict[int, int | None] = {}
    for place in set(wanted):
        before = clean(text[:place] + _END).removesuffix(_END)
        stripped = before.rstrip() if len(before) > len(after) else before
        found[place] = len(stripped) if after.startswith(stripped) else None
    return found
