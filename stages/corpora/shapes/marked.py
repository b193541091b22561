"""Texts with marked spans, as cells of raw records say them; what cannot be read is `Refused`, with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stages.corpora import words
from stages.corpora.spans import FARTHEST
from stages.corpora.tag_schemes import UnknownTagError, spans_of
from stages.corpora.values import Refused, as_text, as_value
from stages.params.data import Columns

LABELS = ("label", "type", "entity")
"""What a span's type may be called."""


def from_tokens(role: str, value: Any, columns: Columns) -> Any:
    """A value of `text`, `words` or `spans` from a list of tokens; for `spans`, a pair of tokens and their tags."""
    tokens = value[0] if role == "spans" else value
    if tokens is None:
        return None
    if not isinstance(tokens, list) or not all(isinstance(token, str) and token for token in tokens):
        return Refused(
            f"expected a list of tokens, none of them empty, found {type(tokens).__name__} {str(tokens)[:40]!r}"
        )
    text, places = words.join(tokens)
    if role == "text":
        return text
    if role == "words":
        own = [place for place, token in zip(places, tokens, strict=True) if not token.isspace()]
        return [{"start": s, "end": e} for s, e in (own if columns.token_words else words.cut(text))]
    tags = value[1]
    if tags is None:
        return None
    if not isinstance(tags, list) or len(tags) != len(tokens):
        return Refused(f"expected a tag for each of {len(tokens)} tokens, found {str(tags)[:40]!r}")
    try:
        found = spans_of([str(tag) for tag in tags])
    except UnknownTagError as error:
        return Refused(str(error))
    return [{"start": places[s][0], "end": places[e - 1][1], "label": name} for s, e, name in found]


def from_text(role: str, value: Any) -> Any:
    """The same from a text; for `spans`, from a list of spans."""
    if role in {"text", "words"}:
        text = as_text(value)
        if role == "text" or not isinstance(text, str):
            return text if role == "text" else None
        return [{"start": s, "end": e} for s, e in words.cut(text)]
    if value is None:
        return None
    if not isinstance(value, list):
        return Refused(f"expected a list of spans, found {type(value).__name__} {str(value)[:40]!r}")
    found = [_span(one) for one in value]
    refused = next((one for one in found if isinstance(one, Refused)), None)
    return refused or sorted(found, key=lambda one: (one["start"], one["end"]))


def _span(value: Any) -> Any:
    """One span as `{"start": 0, "end": 3, "label": "PER"}`, or in a list in this order."""
    start, end, label = None, None, None
    if isinstance(value, list | tuple) and len(value) == 3:
        start, end, label = value
    elif isinstance(value, Mapping):
        start, end = value.get("start"), value.get("end")
        label = next((value[name] for name in LABELS if value.get(name) is not None), None)
    name = as_value(label)
    whole = all(isinstance(one, int) and not isinstance(one, bool) and abs(one) < FARTHEST for one in (start, end))
    if not whole or not isinstance(name, str):
        return Refused(f"expected start, end and label of a span, found {str(value)[:60]!r}")
    return {"start": start, "end": end, "label": name}
