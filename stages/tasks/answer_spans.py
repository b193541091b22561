"""From start and end scores of tokens to an answer: the best span over all windows of a record, in numpy.

The score of a span is its start's plus its end's (Devlin et al. 2019, section 4.2). Only tokens of the context can begin or
end one, an end never comes before its start, and a span has a limited number of tokens. The first position of a row stands
for "no answer here": a record's score of no answer is the lowest over its windows, since one window that holds an answer is
enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Choice:
    """The best answer to one question.

    Attributes:
        window: which window it stands in.
        first: its first token's position there.
        last: its last token's position.
        margin: score of no answer minus its own.
        probability: of its start times that of its end, each among all positions of its window that could be one.
    """

    window: int
    first: int
    last: int
    margin: float
    probability: float


def best_span(scores: np.ndarray, possible: np.ndarray, longest: int) -> tuple[int, int, float]:
    """The span with the highest score in one row; of several the first.

    Args:
        scores: of start and end `(length, 2)`.
        possible: which positions may begin or end a span `(length,)`.
        longest: most tokens of a span.

    Returns:
        First position, last position, and the score, which is -inf where no span is possible.
    """
    begin, end = (np.where(possible, scores[:, i].astype(np.float64), -np.inf) for i in (0, 1))
    ahead = np.lib.stride_tricks.sliding_window_view(np.concatenate([end, np.full(longest - 1, -np.inf)]), longest)
    total = begin + ahead.max(axis=1)
    first = int(np.argmax(total))
    return first, first + int(np.argmax(ahead[first])), float(total[first])


def choose(windows: Sequence[np.ndarray], possible: Sequence[np.ndarray], longest: int) -> Choice | None:
    """The best answer over all windows of a record; None where no token of the context could be one.

    Args:
        windows: scores of each window `(length, 2)`.
        possible: which positions of each are tokens of the context `(length,)`.
        longest: most tokens of an answer.
    """
    found = [best_span(scores, where, longest) for scores, where in zip(windows, possible, strict=True)]
    window = int(np.argmax([score for _, _, score in found]))
    first, last, score = found[window]
    if score == -np.inf:
        return None
    silence = min(float(scores[0].astype(np.float64).sum()) for scores in windows)
    where = possible[window].copy()
    where[0] = True
    shares = [_log_share(windows[window][:, i], where, at) for i, at in ((0, first), (1, last))]
    return Choice(window, first, last, silence - score, float(np.exp(sum(shares))))


def _log_share(scores: np.ndarray, where: np.ndarray, at: int) -> float:
    """Logarithm of a position's softmax among those that count."""
    counted = scores[where].astype(np.float64)
    highest = counted.max()
    return float(scores[at] - highest - np.log(np.exp(counted - highest).sum()))
