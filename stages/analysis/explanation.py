"""Why the model decided as it did on its surest mistakes: what each word was worth, by leaving it out.

Leaving one word out is slow and the most faithful of the simple ways: on short texts, taking out the words that it
names lowers the decision's probability far more than taking out others. How much more is reported with it
(comprehensiveness, DeYoung et al. 2020).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from stages.encoding.lengths import words_in

SHARE = 0.2
"""Share of words that comprehensiveness takes out."""
STRETCHES = 60
"""Readings that a text's words may cost: in longer texts neighbouring words are left out together."""


@dataclass(frozen=True)
class Explanation:
    """A decision and its words.

    Attributes:
        text: that was decided on.
        decided: class id.
        words: each word with the probability that is lost without it; of a long text, each stretch of words.
        comprehensiveness: probability lost without the most important fifth of them.
        by_chance: lost without as many of the others, seeded.
    """

    text: str
    decided: int
    words: list[tuple[str, float]]
    comprehensiveness: float
    by_chance: float


def explain(
    texts: Sequence[str], probabilities_of: Callable[[Sequence[str]], np.ndarray], seed: int
) -> list[Explanation]:
    """Explain the decision on each text.

    Args:
        texts: to decide on.
        probabilities_of: from texts to `(texts, classes)`.
        seed: of the words that chance takes out.
    """
    found = []
    for text in texts:
        places = _stretches([match.span() for match in words_in(text)])
        if len(places) < 2:
            continue
        without = [_without(text, [place]) for place in places]
        likely = probabilities_of([text, *without])
        decided = int(likely[0].argmax())
        worth = likely[0, decided] - likely[1:, decided]
        count = max(1, round(SHARE * len(places)))
        best = np.argsort(-worth, kind="stable")[:count]
        rest = sorted(set(range(len(places))) - set(best.tolist()))
        others = random.Random(f"{seed}:{text}").sample(rest, min(count, len(rest)))
        both = probabilities_of([_without(text, [places[i] for i in chosen]) for chosen in (best, others)])
        lost = likely[0, decided] - both[:, decided]
        words = [(text[a:b], float(value)) for (a, b), value in zip(places, worth, strict=True)]
        found.append(Explanation(text, decided, words, float(lost[0]), float(lost[1])))
    return found


def _stretches(words: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Runs of neighbouring words, as even as can be, so that there are at most `STRETCHES`."""
    count = min(len(words), STRETCHES)
    bounds = [len(words) * i // count for i in range(count + 1)] if count else []
    return [(words[first][0], words[last - 1][1]) for first, last in pairwise(bounds)]


def _without(text: str, places: Sequence[tuple[int, int]]) -> str:
    """A text without some of its words; a space stands where nothing would be left."""
    for begin, end in sorted(places, reverse=True):
        text = text[:begin] + text[end:]
    return " ".join(text.split()) or " "
