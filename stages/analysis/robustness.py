"""What small changes that leave a message's meaning alone do to the model's decisions.

Changes are seeded by the text itself, so that a record is changed in the same way whatever else is in the split. Letters
change only where a keyboard has neighbours; texts in other scripts lose or repeat characters. The polite beginning is English,
Chinese or Japanese, by a text's script: to a German text it is a foreign sentence.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from stages.corpora.keyboard import slipped
from stages.corpora.scripts import CHINESE_AND_JAPANESE
from stages.corpora.words import unpunctuated
from stages.encoding.lengths import words_in
from stages.metrics.intervals import Bootstrap, Estimate

TYPO_EVERY = 20
"""Characters per typing mistake."""
DROPPED = 0.15
"""Share of words that are dropped."""
GREETINGS = (
    (re.compile("[\u3040-\u30ff]"), "すみません、質問があります。"),
    (re.compile(f"[{CHINESE_AND_JAPANESE}]"), "您好，我想问一下，"),
    (re.compile("[A-Za-z]"), "Hello, I have a question. "),
)
"""A polite beginning by what a text holds, the first that fits; in other scripts a text stays as it is."""


@dataclass(frozen=True)
class Change:
    """What one kind of change did.

    Attributes:
        name: of the change.
        drop: accuracy before less accuracy after, paired over records; None for pairs without labels.
        flips: share of records whose decision changed, rightly or wrongly.
        touched: share of records whose text the change altered.
    """

    name: str
    drop: Estimate | None
    flips: Estimate
    touched: float


def _typos(text: str, dice: random.Random) -> str:
    letters = list(text)
    places = [i for i, char in enumerate(letters) if char.isalnum()]
    for i in dice.sample(places, min(len(places), max(1, len(text) // TYPO_EVERY))):
        letters[i] = slipped(letters[i], dice.choice)
    return "".join(letters)


def _dropped(text: str, dice: random.Random) -> str:
    words = words_in(text)
    if len(words) < 3:
        return text
    gone = dice.sample(range(len(words)), max(1, round(DROPPED * len(words))))
    for i in sorted(gone, reverse=True):
        text = text[: words[i].start()] + text[words[i].end() :]
    return re.sub(r"\s{2,}", " ", text).strip()


def _greeting(text: str) -> str:
    return next((greeting for holds, greeting in GREETINGS if holds.search(text)), "")


CHANGES: dict[str, Callable[[str, random.Random], str]] = {
    "lower case": lambda text, _: text.lower(),
    "upper case": lambda text, _: text.upper(),
    "no punctuation": lambda text, _: unpunctuated(text).strip() or text,
    "typing mistakes": _typos,
    "dropped words": _dropped,
    "a polite beginning": lambda text, _: _greeting(text) + text,
}


def changed(texts: Sequence[str], name: str) -> list[str]:
    """Texts after one kind of change; a text that would be empty stays as it is."""
    made = []
    for text in texts:
        seed = int.from_bytes(hashlib.sha256(f"{name}:{text}".encode()).digest()[:8], "big")
        made.append(CHANGES[name](text, random.Random(seed)) or text)
    return made


def measure(
    texts: Sequence[str], gold: np.ndarray, decide: Callable[[Sequence[str]], np.ndarray], bootstrap: Bootstrap
) -> list[Change]:
    """Ask the model again after each kind of change.

    Args:
        texts: of labelled records.
        gold: class ids `(records,)`.
        decide: from texts to class ids.
        bootstrap: how intervals are made.
    """
    before = decide(texts)
    found = []
    for name in CHANGES:
        other = changed(texts, name)
        after = decide(other)
        rows = np.stack([(before == gold).astype(float) - (after == gold), (before != after).astype(float)])
        drop, flips = bootstrap.of_means(rows)
        touched = float(np.mean([a != b for a, b in zip(texts, other, strict=True)]))
        found.append(Change(name, drop, flips, touched))
    return found


def of_pairs(
    name: str,
    pairs: tuple[Sequence[str], Sequence[str]],
    gold: np.ndarray | None,
    decide: Callable[[Sequence[str]], np.ndarray],
    bootstrap: Bootstrap,
) -> Change:
    """What a user's own pairs show: messages, and how somebody else would write them.

    Args:
        name: of the pairs.
        pairs: texts, and the same texts changed.
        gold: class ids `(records,)`; None when not all are known.
        decide: from texts to class ids.
        bootstrap: how intervals are made.
    """
    texts, others = pairs
    before, after = decide(texts), decide(others)
    flips = bootstrap.of_means((before != after).astype(float)[None])[0]
    drop = None
    if gold is not None:
        drop = bootstrap.of_means(((before == gold).astype(float) - (after == gold))[None])[0]
    return Change(name, drop, flips, float(np.mean([a != b for a, b in zip(texts, others, strict=True)])))
