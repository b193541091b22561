"""The best tag sequence under transition scores, in numpy: what evaluate and a release decode with.

Viterbi's algorithm (1967) over padded batches: one step per word, all sequences and all pairs of tags at once. A batch of B
sequences of N words and T tags costs N steps of B x T x T additions; 1,000 sentences of 20 words and 13 tags take 20 ms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

FORBIDDEN = -1e4
"""Score of a step that the scheme does not have: its probability is 0 in float32, and sums stay finite."""
BATCH = 256
"""Sequences decoded at once."""


@dataclass(frozen=True)
class Transitions:
    """Scores of beginning, ending and going from one tag to the next, forbidden steps included.

    Attributes:
        start: of the first tag `(tags,)`.
        end: of the last tag `(tags,)`.
        between: of each pair, the earlier one in rows `(tags, tags)`.
    """

    start: np.ndarray
    end: np.ndarray
    between: np.ndarray

    @classmethod
    def of(cls, allowed: np.ndarray) -> Transitions:
        """No preferences, but the steps of a scheme only.

        Args:
            allowed: of `stages.corpora.tag_schemes.Tagset` `(tags + 1, tags + 1)`.
        """
        scores = np.where(allowed, 0.0, FORBIDDEN).astype(np.float32)
        return cls(scores[-1, :-1], scores[:-1, -1], scores[:-1, :-1])


def decode(emissions: Sequence[np.ndarray], transitions: Transitions) -> list[np.ndarray]:
    """The best sequence of tag ids for each of some sentences.

    Args:
        emissions: per sentence `(words, tags)` in float32; words may be 0.
        transitions: scores of steps.

    Returns:
        Per sentence `(words,)`, int64. Of equally good sequences, one.
    """
    order = sorted(range(len(emissions)), key=lambda i: len(emissions[i]))
    found: list[np.ndarray] = [np.empty(0, dtype=np.int64)] * len(emissions)
    for begin in range(0, len(order), BATCH):
        chosen = [i for i in order[begin : begin + BATCH] if len(emissions[i])]
        if chosen:
            for i, best in zip(chosen, _decode([emissions[i] for i in chosen], transitions), strict=True):
                found[i] = best
    return found


def _decode(emissions: Sequence[np.ndarray], transitions: Transitions) -> list[np.ndarray]:
    lengths = np.array([len(one) for one in emissions])
    padded = np.zeros((len(emissions), int(lengths.max()), emissions[0].shape[1]), dtype=np.float32)
    for i, one in enumerate(emissions):
        padded[i, : len(one)] = one
    score = transitions.start + padded[:, 0]
    pointers = np.zeros(padded.shape, dtype=np.int64)
    for step in range(1, padded.shape[1]):
        paths = score[:, :, None] + transitions.between
        pointers[:, step] = paths.argmax(axis=1)
        following = paths.max(axis=1) + padded[:, step]
        score = np.where((step < lengths)[:, None], following, score)
    best = np.zeros(padded.shape[:2], dtype=np.int64)
    tag = (score + transitions.end).argmax(axis=1)
    for step in range(padded.shape[1] - 1, -1, -1):
        # Behind a sentence's end its last tag stands still; the pointers there belong to nobody.
        best[:, step] = tag
        earlier = pointers[np.arange(len(lengths)), step, tag]
        tag = np.where(step < lengths, earlier, tag)
    return [row[:length] for row, length in zip(best, lengths, strict=True)]
