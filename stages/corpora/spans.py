"""Spans of characters: what raw records call them, whether they lie in their text, and where cleaning moves them.

Characters are code points, as Python and JSON count them; the end is exclusive. Cleaning composes accents, removes controls
and shortens runs of line breaks, so that what stands behind moves. A span is carried over by cleaning what stands before it,
and its own cleaned text has to stand there; if it does not (cleaning merged it with its neighbour), it is lost, and whoever
carries it says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from stages.corpora.values import Refused

Span = tuple[int, int]
"""First character, and the one after the last."""
Mend = Callable[[str], str]
STARTS, ENDS = ("start", "begin", "from"), ("end", "stop", "to")
"""What data sets call the two."""
FARTHEST = 2**31
"""Places are stored in 32 bits; no text is that long."""
STOP = "|"
"""Stands where a text was cut, so that cleaning does not take blanks at the cut for the text's ends."""


def parse(value: Any) -> dict[str, int] | Refused | None:
    """A span as an object with start and end, or as a pair.

    Returns:
        start and end; `Refused` with the reason; None where it is absent.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, Mapping):
        found = [next((value[name] for name in names if name in value), None) for names in (STARTS, ENDS)]
    else:
        found = list(value) if isinstance(value, list | tuple) else []
    whole = [one for one in found if isinstance(one, int) and not isinstance(one, bool) and abs(one) < FARTHEST]
    if len(found) != 2 or len(whole) != 2:
        return Refused(f"expected a span with whole numbers start and end below 2^31, found {str(value)[:60]}")
    return {"start": whole[0], "end": whole[1]}


def outside(span: Span, length: int) -> str | None:
    """What is wrong with a span in a text of so many characters; None where nothing is."""
    start, end = span
    if 0 <= start < end <= length:
        return None
    if start >= end:
        return f"the span {start} to {end} is empty (the end is exclusive)"
    return f"the span {start} to {end} lies outside the text of {length:,} characters"


def bare(text: str, span: Span) -> Span:
    """A span without blanks at its ends; it may become empty."""
    start, end = span
    part = text[start:end]
    begin = start + len(part) - len(part.lstrip())
    return begin, max(begin, begin + len(part.strip()))


def nearest(text: str, part: str, place: int) -> int | None:
    """Where a text holds a part, as near to a place as possible, the earlier one of two; None where it does not."""
    before = text.rfind(part, 0, max(0, place) + len(part))
    behind = text.find(part, max(0, place))
    found = [one for one in (before, behind) if one >= 0]
    return min(found, key=lambda one: (abs(one - place), one)) if found else None


def carried(text: str, cleaned: str, span: Span, clean: Mend) -> Span | None:
    """Where a span lies once its text is cleaned; None where cleaning left nothing of it that could be found.

    Args:
        text: as it was.
        cleaned: `clean(text)`.
        span: within `text`.
        clean: what cleaning does to a text.
    """
    if text == cleaned:
        return span
    part = clean(text[slice(*bare(text, span))])
    place = len(clean(text[: bare(text, span)[0]] + STOP)) - len(STOP)
    # A blank behind something invisible: cleaning takes both from the part, and only the latter from the text.
    place += len(cleaned[place:]) - len(cleaned[place:].lstrip())
    if not part or not cleaned.startswith(part, place):
        return None
    return place, place + len(part)
