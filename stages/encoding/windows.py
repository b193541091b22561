"""A question with as much of its context as fits, again and again until the context is through.

Each row holds the whole question and one window of the context; neighbouring windows share a part, so that an answer no
longer than that part stands whole in one of them at least. A question may take half of a row's places, or more where the
context is short, and what it has more is cut off and counted: without room for the context nothing could be answered.

Every token of the context knows which characters it stands for (`stages.encoding.characters`), so that a span of tokens is a
span of text.

The context is encoded once, and windows are cut from its arrays; the tokenizer's own template is asked once per question
where it puts special tokens. 1,000 contexts of 140 words take about 0.3 s on one core.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from tokenizers import Encoding, Tokenizer

from stages.encoding.characters import OUTSIDE, characters, touching


@dataclass(frozen=True)
class Place:
    """Where an answer stands among the context's tokens.

    Attributes:
        first: the first token that stands for a part of it.
        last: the last one.
        exact: whether these tokens stand for the answer's characters and no others.
    """

    first: int
    last: int
    exact: bool


@dataclass(frozen=True)
class Window:
    """One row of model input.

    Attributes:
        ids: token ids, special tokens included `(length,)`, int32.
        type_ids: which of the two texts a token is of, by the tokenizer's template `(length,)`, int32.
        starts: first character in the context of each token, `OUTSIDE` where it is no part of it `(length,)`, int32.
        ends: character after its last one, `OUTSIDE` likewise `(length,)`, int32.
        at: position of the first context token.
        begin: which token of the context that is.
        count: context tokens in this window.
    """

    ids: np.ndarray
    type_ids: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    at: int
    begin: int
    count: int

    def positions(self, place: Place) -> tuple[int, int] | None:
        """First and last position of an answer in this row; None where it is not whole."""
        if place.first < self.begin or place.last >= self.begin + self.count:
            return None
        return place.first - self.begin + self.at, place.last - self.begin + self.at


@dataclass(frozen=True)
class Passage:
    """One record, encoded.

    Attributes:
        windows: its rows, at least one, in the order of the context.
        starts: first character of each token of the whole context `(tokens,)`.
        ends: character after its last one `(tokens,)`.
        question_tokens: of the question, before any cut.
        question_cut: tokens of it that had to go.
    """

    windows: list[Window]
    starts: np.ndarray
    ends: np.ndarray
    question_tokens: int
    question_cut: int

    def find(self, start: int, end: int) -> Place | None:
        """The tokens that stand for characters `start` to `end` (exclusive); None where the tokenizer dropped them all."""
        found = touching(self.starts, self.ends, start, end)
        if found is None:
            return None
        first, last = found
        return Place(first, last, int(self.starts[first]) == start and int(self.ends[last]) == end)


def encode(
    tokenizer: Tokenizer, questions: Sequence[str], contexts: Sequence[str], max_length: int, overlap: int
) -> Iterator[Passage]:
    """Encode records one after another.

    Args:
        tokenizer: with truncation and padding off.
        questions: one per record.
        contexts: one per record.
        max_length: of a row in tokens, special tokens included; at least 8.
        overlap: tokens of the context that two windows share; at most half of what a window holds of it.
    """
    asked = tokenizer.encode_batch(list(questions), add_special_tokens=False)
    read = tokenizer.encode_batch(list(contexts), add_special_tokens=False)
    places = max_length - tokenizer.num_special_tokens_to_add(is_pair=True)
    one = tokenizer.encode("a", add_special_tokens=False)
    one.truncate(1)
    for question, context, text in zip(asked, read, contexts, strict=True):
        tokens = len(question)
        cut = max(0, tokens - max(places // 2, places - len(context)))
        if cut:
            question.truncate(tokens - cut)
        template = _Template.of(tokenizer.post_process(question, one))
        ids = np.array(context.ids, dtype=np.int32)
        starts, ends = characters(context, text)
        room = max_length - template.length
        windows = [template.fill(ids, starts, ends, begin, room) for begin in begins(len(ids), room, overlap)]
        yield Passage(windows, starts, ends, tokens, cut)


def lengths(tokenizer: Tokenizer, questions: Sequence[str], contexts: Sequence[str]) -> np.ndarray:
    """Tokens of each pair `(records,)`, special tokens included, before any cut."""
    pairs = list(zip(questions, contexts, strict=True))
    return np.fromiter((len(one) for one in tokenizer.encode_batch_fast(pairs)), dtype=np.int32, count=len(pairs))


def begins(tokens: int, room: int, overlap: int) -> list[int]:
    """Where windows of `room` tokens begin so that they cover all tokens and share `overlap`, or half of themselves."""
    step = room - min(overlap, room // 2)
    return [0, *range(step, tokens - room + step, step)] if tokens > room else [0]


@dataclass(frozen=True)
class _Template:
    """What stands before and after the context in a row: ids, and types `(tokens,)`; and the context's own type."""

    before: np.ndarray
    after: np.ndarray
    types_before: np.ndarray
    types_after: np.ndarray
    type_id: int

    @classmethod
    def of(cls, row: Encoding) -> _Template:
        """Learn from a row whose context is one token."""
        at = row.sequence_ids.index(1)
        ids, types = np.array(row.ids, dtype=np.int32), np.array(row.type_ids, dtype=np.int32)
        return cls(ids[:at], ids[at + 1 :], types[:at], types[at + 1 :], int(types[at]))

    @property
    def length(self) -> int:
        return len(self.before) + len(self.after)

    def fill(self, ids: np.ndarray, starts: np.ndarray, ends: np.ndarray, begin: int, room: int) -> Window:
        """Put `room` tokens of a context, from `begin` on, into their place."""
        part = slice(begin, begin + room)
        count = len(ids[part])
        outside = [np.full(len(side), OUTSIDE, dtype=np.int32) for side in (self.before, self.after)]
        return Window(
            ids=np.concatenate([self.before, ids[part], self.after]),
            type_ids=np.concatenate(
                [self.types_before, np.full(count, self.type_id, dtype=np.int32), self.types_after]
            ),
            starts=np.concatenate([outside[0], starts[part], outside[1]]),
            ends=np.concatenate([outside[0], ends[part], outside[1]]),
            at=len(self.before),
            begin=begin,
            count=count,
        )
