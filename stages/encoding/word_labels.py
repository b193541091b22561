"""Words to sub-words and back: ids in which every word knows its first piece, over windows where a sentence is too long.

A tagger decides once per word, at the word's first piece (Devlin et al. 2019, section 5.3). Words are handed to the tokenizer
one by one, each with the blank before it: so no piece can reach over two words, whatever the tokenizer, and a span of words is
always a span of pieces. A word of which the tokenizer makes nothing (BERT's throws U+FFFD away) becomes one unknown piece.

A sentence longer than the model's input becomes several windows that share about `overlap` pieces. Each word is decided in
the window that shows more on both sides of it. In training an entity is never parted between two windows as long as one of
them holds all of it; one that neither holds is taught as two and counted. Nothing is dropped: at decoding all words of the
sentence stand side by side again.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from tokenizers import Tokenizer

from stages.corpora.plain_text import shown
from stages.corpora.tag_schemes import Span, Tagset
from stages.corpora.words import Piece
from stages.encoding.ids import unknown_id

IGNORED = -100
"""Label of pieces that decide nothing."""


@dataclass(frozen=True)
class Sentence:
    """A text's pieces, before it is laid into windows.

    Attributes:
        pieces: ids of each word's pieces; empty where the tokenizer makes nothing of a word and knows no unknown piece.
    """

    pieces: list[list[int]]

    @property
    def length(self) -> int:
        """Pieces in all."""
        return sum(map(len, self.pieces))


@dataclass(frozen=True)
class Window:
    """What the model reads at once.

    Attributes:
        ids: with special tokens.
        words: words that are decided here, by their position in the sentence.
        positions: of the first piece of each of them in `ids`.
        places: position in `ids` of the first piece of every word that is shown here, by word; -1 for words without pieces.
        first: the first word that is shown here.
        whole: pieces of the words shown, before words longer than the window were cut.
    """

    ids: list[int]
    words: list[int]
    positions: list[int]
    places: list[int]
    first: int
    whole: int


@dataclass(frozen=True)
class Framing:
    """How windows are made.

    Attributes:
        before: ids of special tokens before a text.
        after: likewise behind it.
        max_length: longest window in tokens, special tokens included.
        overlap: pieces that two windows share, about; at most half of what a window holds.
    """

    before: tuple[int, ...]
    after: tuple[int, ...]
    max_length: int
    overlap: int

    @property
    def room(self) -> int:
        """Pieces that a window holds."""
        return self.max_length - len(self.before) - len(self.after)


def framing(tokenizer: Tokenizer, max_length: int, overlap: int) -> Framing:
    """Learn from the tokenizer which special tokens stand around a text."""
    probe = tokenizer.encode("a")
    special = np.array(probe.special_tokens_mask, dtype=bool)
    text = np.flatnonzero(~special)
    before, after = probe.ids[: text[0]], probe.ids[text[-1] + 1 :]
    room = max_length - len(before) - len(after)
    return Framing(tuple(before), tuple(after), max_length, min(overlap, room // 2))


def pieces(tokenizer: Tokenizer, texts: Sequence[str], words: Sequence[Sequence[Piece]]) -> list[Sentence]:
    """Encode the words of some texts, each with the blank before it and without hidden characters.

    Args:
        tokenizer: with truncation and padding off.
        texts: the sentences.
        words: of each text, in order.
    """
    slices = [
        [shown(text[before:end]) for (_, before), (_, end) in pairwise([(0, 0), *places])]
        for text, places in zip(texts, words, strict=True)
    ]
    unknown = unknown_id(tokenizer)
    missing = [] if unknown is None else [unknown]
    found = []
    encoded = tokenizer.encode_batch(slices, is_pretokenized=True, add_special_tokens=False)
    for encoding, places in zip(encoded, words, strict=True):
        parts: list[list[int]] = [[] for _ in places]
        for token, word in zip(encoding.ids, encoding.word_ids, strict=True):
            if word is not None:
                parts[word].append(token)
        found.append(Sentence([part or missing for part in parts]))
    return found


def windows(sentence: Sentence, frame: Framing) -> list[Window]:
    """Lay a sentence into windows; one that fits is one window."""
    sizes = [min(len(part), frame.room) for part in sentence.pieces]
    stretches = _stretches(sizes, frame)
    edges = [0, *(_boundary(sizes, one, other) for one, other in pairwise(stretches)), len(sizes)]
    found = []
    for (first, last), (begin, end) in zip(stretches, pairwise(edges), strict=True):
        ids, places = [*frame.before], []
        for word in range(first, last):
            places.append(len(ids) if sizes[word] else -1)
            ids += sentence.pieces[word][: frame.room]
        words = [word for word in range(begin, end) if sizes[word]]
        positions = [places[word - first] for word in words]
        whole = sum(map(len, sentence.pieces[first:last]))
        found.append(Window([*ids, *frame.after], words, positions, places, first, whole))
    return found


def labels(spread: Sequence[Window], spans: Sequence[Span], tagset: Tagset) -> tuple[list[list[int]], int]:
    """Tag ids for training, for each piece of each window.

    Args:
        spread: windows of one sentence.
        spans: of its words.
        tagset: the tags.

    Returns:
        `IGNORED` or a tag id for each of a window's ids, and how many spans no window held as a whole.
    """
    bounds = [0]
    parted = 0
    for one, other in pairwise(spread):
        at = other.words[0] if other.words else other.first
        shown = one.first + len(one.places)
        for start, end, _ in spans:
            if start < at < end:
                if end <= shown:
                    at = end
                elif start >= other.first:
                    at = start
                else:
                    parted += 1
                break
        bounds.append(max(at, bounds[-1]))
    bounds.append(spread[-1].first + len(spread[-1].places))
    rows = []
    for window, (begin, end) in zip(spread, pairwise(bounds), strict=True):
        kept = [word for word in range(begin, end) if window.places[word - window.first] >= 0]
        inside = [(bisect_left(kept, start), bisect_left(kept, stop), name) for start, stop, name in spans]
        tags = tagset.encode([span for span in inside if span[0] < span[1]], len(kept))
        row = [IGNORED] * len(window.ids)
        for word, tag in zip(kept, tags.tolist(), strict=True):
            row[window.places[word - window.first]] = tag
        rows.append(row)
    return rows, parted


def to_words(spans: Sequence[Span], words: Sequence[Piece]) -> tuple[list[Span], int]:
    """Spans of characters as spans of words, and how many begin or end within a word and so cannot be one."""
    starts = {start: i for i, (start, _) in enumerate(words)}
    ends = {end: i + 1 for i, (_, end) in enumerate(words)}
    found = [(starts[s], ends[e], name) for s, e, name in spans if s in starts and e in ends]
    return found, len(spans) - len(found)


def _stretches(sizes: Sequence[int], frame: Framing) -> list[tuple[int, int]]:
    """First word and word after the last of each window."""
    found: list[tuple[int, int]] = []
    first = 0
    while True:
        last, used = first, 0
        while last < len(sizes) and used + sizes[last] <= frame.room:
            used += sizes[last]
            last += 1
        found.append((first, last))
        if last == len(sizes):
            return found
        begin, shared = last, 0
        # The next window has to get further than this one, or a text of long words would never end.
        while begin - 1 > first and shared + sizes[begin - 1] <= min(frame.overlap, frame.room - sizes[last]):
            begin -= 1
            shared += sizes[begin]
        first = begin


def _boundary(sizes: Sequence[int], one: tuple[int, int], other: tuple[int, int]) -> int:
    """The first word that the later one of two windows decides: the middle of what they share."""
    shared = sizes[other[0] : one[1]]
    half, used = sum(shared) / 2, 0
    for i, size in enumerate(shared):
        if used >= half:
            return other[0] + i
        used += size
    return one[1]
