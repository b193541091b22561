"""A text with two entities in it, as token ids with a marker before and behind each (Soares et al. 2019, "entity markers").

The text is encoded as it is, and markers are put between its tokens: the tokens are those that the base model knows, and
what the text itself holds can never be taken for a marker's place. An entity that begins or ends inside a token gets its
marker outside of it.

Markers are signs of the base model's own vocabulary, so that the tuned encoder keeps the base model's shape: its weights can
be compared and interpolated with the base model's, and its tokenizer stays the same file (see
docs/decisions/0009-entity-markers-from-the-vocabulary.md).

A text that is too long is cut to a window with the two entities in its middle. Where they stand too far apart for that, each
gets half of the row, and what stood between is left out; an entity longer than its half loses its end, never its markers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from tokenizers import Tokenizer

from stages.encoding.characters import characters, touching
from stages.errors import ModelError

Span = tuple[int, int]
"""First character, and the one after the last."""
MARKERS = 4
"""Of one text."""
PUNCTUATION = ("@", "#")
"""Around head and tail (Zhou & Chen 2022, "entity marker (punct)")."""


@dataclass(frozen=True)
class Markers:
    """Token ids of the markers: (before, behind) the head, and the tail."""

    head: tuple[int, int]
    tail: tuple[int, int]


@dataclass(frozen=True)
class Marked:
    """One text with its two entities.

    Attributes:
        ids: token ids, special tokens and markers included `(length,)`, int32.
        head: position of the marker before the head.
        tail: position of the marker before the tail.
        full_length: tokens before any cut, special tokens and markers included.
        apart: whether the entities did not fit into one window, so that what is between them is missing.
        shortened: whether an entity lost its end.
        blurred: entities whose markers stand elsewhere than their characters say, since they begin or end inside a token or
            have no token.
    """

    ids: np.ndarray
    head: int
    tail: int
    full_length: int
    apart: bool
    shortened: bool
    blurred: int


def choose(tokenizer: Tokenizer) -> Markers:
    """The ids that serve as markers.

    Raises:
        ModelError: the vocabulary has no tokens for them.
    """
    head, tail = (tokenizer.token_to_id(sign) for sign in PUNCTUATION)
    if head is None or tail is None:
        signs = " and ".join(PUNCTUATION)
        raise ModelError(f"model.base: its vocabulary lacks {signs}, which mark entities. Choose another base model.")
    return Markers((head, head), (tail, tail))


def encode(
    tokenizer: Tokenizer,
    texts: Sequence[str],
    heads: Sequence[Span],
    tails: Sequence[Span],
    max_length: int,
    markers: Markers,
) -> Iterator[Marked]:
    """Encode texts one after another.

    Args:
        tokenizer: with truncation and padding off.
        texts: one per record.
        heads: the head's characters in each.
        tails: the tail's.
        max_length: in tokens, special tokens and markers included; at least 8.
        markers: as `choose` gives them.
    """
    before, behind = _template(tokenizer)
    room = max_length - len(before) - len(behind)
    for text, row, head, tail in zip(
        texts, tokenizer.encode_batch(list(texts), add_special_tokens=False), heads, tails, strict=True
    ):
        starts, ends = characters(row, text)
        gaps = [_gaps(starts, ends, span) for span in (head, tail)]
        ids, places = _insert(np.array(row.ids, dtype=np.int32), [gap[:2] for gap in gaps], markers)
        kept, apart, shortened = _window(len(ids), places, room)
        position = {int(old): new + len(before) for new, old in enumerate(kept)}
        yield Marked(
            ids=np.concatenate([before, ids[kept], behind]),
            head=position[places[0][0]],
            tail=position[places[1][0]],
            full_length=len(ids) + len(before) + len(behind),
            apart=apart,
            shortened=shortened,
            blurred=sum(not exact for _, _, exact in gaps),
        )


def _template(tokenizer: Tokenizer) -> tuple[np.ndarray, np.ndarray]:
    """Special tokens before and behind a single text."""
    row = tokenizer.encode("a")
    inner = [i for i, sequence in enumerate(row.sequence_ids) if sequence is not None]
    ids = np.array(row.ids, dtype=np.int32)
    return ids[: inner[0]], ids[inner[-1] + 1 :]


def _gaps(starts: np.ndarray, ends: np.ndarray, span: Span) -> tuple[int, int, bool]:
    """Before which token an entity begins, before which it has ended, and whether these are its very characters."""
    found = touching(starts, ends, *span)
    if found is None:  # the tokenizer dropped all of it: both markers stand where it stood
        gap = int(np.flatnonzero(ends > span[0])[0]) if (ends > span[0]).any() else len(ends)
        return gap, gap, False
    first, last = found
    return first, last + 1, int(starts[first]) == span[0] and int(ends[last]) == span[1]


def _insert(ids: np.ndarray, gaps: list[tuple[int, int]], markers: Markers) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Put four markers between tokens.

    Returns:
        The ids, and for head and tail the positions of their two markers.
    """
    events = []
    for which, ((begin, end), pair) in enumerate(zip(gaps, (markers.head, markers.tail), strict=True)):
        size = end - begin
        # In one gap: what ends there, the inner one first; what is empty; what begins there, the outer one first.
        first = (begin, 2, -size, which) if size else (begin, 1, which, 0)
        second = (end, 0, size, -which) if size else (begin, 1, which, 1)
        events += [(first, which, 0, pair[0]), (second, which, 1, pair[1])]
    places = [[0, 0], [0, 0]]
    for count, (key, which, side, _) in enumerate(sorted(events)):
        places[which][side] = key[0] + count
    ordered = sorted(events)
    return (
        np.insert(ids, [key[0] for key, *_ in ordered], [marker for *_, marker in ordered]).astype(np.int32),
        [(head, tail) for head, tail in places],
    )


def _window(length: int, places: list[tuple[int, int]], room: int) -> tuple[np.ndarray, bool, bool]:
    """Which of a text's positions are kept.

    Returns:
        The positions in order `(kept,)`, whether the entities stand in two separate parts, and whether one was shortened.
    """
    if length <= room:
        return np.arange(length), False, False
    low, high = min(first for first, _ in places), max(last for _, last in places) + 1
    if high - low <= room:
        return _centred(low, high, room, length), False, False
    parts, shortened = [], False
    for (first, last), size in zip(sorted(places), (room // 2, room - room // 2), strict=True):
        if last + 1 - first <= size:
            parts.append(_centred(first, last + 1, size, length))
        else:
            shortened = True
            parts.append(np.array([*range(first, first + size - 1), last]))
    return np.unique(np.concatenate(parts)), True, shortened


def _centred(low: int, high: int, size: int, length: int) -> np.ndarray:
    """`size` positions with `low` to `high` (exclusive) in their middle, as far as the text's ends allow."""
    begin = min(max(0, low - (size - (high - low)) // 2), length - size)
    return np.arange(begin, begin + size)
