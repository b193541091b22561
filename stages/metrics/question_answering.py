"""Exact match and F1 of extracted answers, against several references, in English and Chinese.

English as SQuAD does it (Rajpurkar et al. 2016, 2018): lower case, no ASCII punctuation, no articles; F1 over the multisets of
words. Chinese as CMRC 2018 does it (Cui et al. 2019): lower case, no Chinese punctuation, each Chinese character a token
and each run of anything else cut into words; F1 over the longest stretch that both have in common, so that order counts.
Which of the two is taken follows from the script of the answers: as soon as the prediction or one of the references holds
a Chinese or Japanese character, the record is measured by characters. A record's figure is the best over its references.

Known differences from CMRC's script: runs of Latin text are cut by a pattern and not by NLTK (which would write `don't` as
`do` and `n't`), and kana and rare Chinese characters also count one by one.

An unanswerable record has no references: saying nothing is then exactly right, and anything else is wrong. Exact match and F1
judge the normal form, as SQuAD's script does, in which `The` or a full stop is nothing too; `no_answer_accuracy` judges what
was said as it is.
"""

from __future__ import annotations

import re
import string
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise
from typing import Any

import numpy as np

from stages.corpora.scripts import CHINESE_AND_JAPANESE
from stages.encoding.lengths import words
from stages.metrics.intervals import Bootstrap, Estimate

LENGTHS = (0, 1, 2, 3, 4, 6, 11, 21, 41)
"""Where the ranges of `by_length` begin, in words; 0 is no answer."""
_CHARACTER = re.compile(f"[{CHINESE_AND_JAPANESE}]")
_LETTER = rf"[^\W{CHINESE_AND_JAPANESE}]"
"""A letter or digit of another script."""
_PIECE = re.compile(rf"{_CHARACTER.pattern}|{_LETTER}+|[^\w\s]")
_NUMBER = re.compile(rf"(?<!{_LETTER})\d+(?:[.,]\d+)+")
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_ENGLISH_PUNCTUATION = str.maketrans("", "", string.punctuation)
_CHINESE_PUNCTUATION = str.maketrans("", "", "-:_*^/\\~`+=，。：？！“”；’《》·、「」（）－～『』")  # CMRC's own list


def by_characters(prediction: str, references: Sequence[str]) -> bool:
    """Whether a record is measured as Chinese: one of its answers holds a Chinese or Japanese character."""
    return any(_CHARACTER.search(text) for text in (prediction, *references))


def english(text: str) -> str:
    """An answer in SQuAD's normal form: words without case, punctuation and articles, one blank between them."""
    bare = text.lower().translate(_ENGLISH_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", bare).split())


def chinese(text: str) -> str:
    """An answer in CMRC 2018's normal form: without case, Chinese punctuation, and blanks at its ends."""
    return text.lower().strip().translate(_CHINESE_PUNCTUATION)


def segments(text: str) -> list[str]:
    """CMRC 2018's mixed segmentation: Chinese characters one by one, other runs by words; numbers stay whole.

    A number does not begin within a word: `3.5公里` has one, `a3.5` has none.
    """
    bare, found, at = chinese(text), [], 0
    for number in _NUMBER.finditer(bare):
        found += [*_PIECE.findall(bare[at : number.start()]), number.group()]
        at = number.end()
    return found + _PIECE.findall(bare[at:])


def exact_match(prediction: str, references: Sequence[str]) -> float:
    """1 if the prediction equals a reference in normal form, else 0; an empty list means that nothing should be said."""
    normal = chinese if by_characters(prediction, references) else english
    said = normal(prediction)
    return float(any(said == normal(reference) for reference in references or [""]))


def f1(prediction: str, references: Sequence[str]) -> float:
    """The best overlap with a reference, in [0, 1]; an empty list means that nothing should be said."""
    measure = _stretch_f1 if by_characters(prediction, references) else _words_f1
    return max(measure(prediction, reference) for reference in references or [""])


def _words_f1(one: str, other: str) -> float:
    a, b = english(one).split(), english(other).split()
    return _overlap((Counter(a) & Counter(b)).total(), len(a), len(b))


def _stretch_f1(one: str, other: str) -> float:
    a, b = segments(one), segments(other)
    return _overlap(SequenceMatcher(None, a, b, autojunk=False).find_longest_match().size, len(a), len(b))


def _overlap(common: int, one: int, other: int) -> float:
    """Harmonic mean of common/one and common/other; two answers without any token agree."""
    return 2 * common / (one + other) if one + other else 1.0


def per_record(predictions: Sequence[str], references: Sequence[Sequence[str]]) -> np.ndarray:
    """Exact match and F1 of each record `(2, records)`."""
    pairs = list(zip(predictions, references, strict=True))
    return np.array([[measure(*pair) for pair in pairs] for measure in (exact_match, f1)], dtype=float)


def evaluate(
    predictions: Sequence[str], references: Sequence[Sequence[str]], bootstrap: Bootstrap
) -> dict[str, Estimate]:
    """Exact match and F1 with intervals over records.

    Args:
        predictions: one answer per record; empty for none.
        references: its right answers; empty for a record that has none.
        bootstrap: how intervals are made.

    Returns:
        exact_match and f1; where some records are unanswerable also answerable_exact_match, answerable_f1, and
        no_answer_accuracy: the share of unanswerable records on which nothing was said, not even an article.
    """
    values = per_record(predictions, references)
    answerable = np.array([bool(one) for one in references])
    result = dict(zip(("exact_match", "f1"), bootstrap.of_means(values), strict=True))
    if not answerable.all():
        if answerable.any():
            names = ("answerable_exact_match", "answerable_f1")
            result |= dict(zip(names, bootstrap.of_means(values[:, answerable]), strict=True))
        silent = np.array([[not said for said in predictions]], dtype=float)
        result["no_answer_accuracy"] = bootstrap.of_means(silent[:, ~answerable])[0]
    return result


def by_length(predictions: Sequence[str], references: Sequence[Sequence[str]]) -> list[dict[str, Any]]:
    """How long answers are, and how well they are found by length of the first reference.

    Returns:
        Per range of words (each Chinese character is one): words (the range's name), gold and predicted (answers of such
        length), and exact_match and f1 of the records whose first reference is so long, None where there are none.
    """
    values = per_record(predictions, references)
    gold = np.array([words(one[0]) if one else 0 for one in references])
    said = np.array([words(one) for one in predictions])
    table = []
    for low, high in pairwise([*LENGTHS, sys.maxsize]):
        name = str(low) if high == low + 1 else f"{low}-{high - 1}" if high < sys.maxsize else f"{low}+"
        inside = (gold >= low) & (gold < high)
        found = values[:, inside].mean(axis=1).tolist() if inside.any() else [None, None]
        own = {"words": name, "gold": int(inside.sum()), "predicted": int(((said >= low) & (said < high)).sum())}
        table.append({**own, "exact_match": found[0], "f1": found[1]})
    return table


@dataclass(frozen=True)
class Threshold:
    """From which margin on nothing is said.

    Attributes:
        value: nothing is said where (score of no answer - score of the best answer) is greater than this.
        f1: mean F1 that it gave on the records it was chosen on.
    """

    value: float
    f1: float


def choose_threshold(margins: np.ndarray, answered: np.ndarray, silent: np.ndarray) -> Threshold:
    """The threshold with the highest mean F1, half way between the two margins that it separates.

    Args:
        margins: score of no answer minus score of the best answer `(records,)`, at least one.
        answered: F1 of each record if its best answer is given `(records,)`.
        silent: F1 of each record if nothing is said `(records,)`.

    Returns:
        Among equally good ones the largest, with which most records are answered.
    """
    order = np.argsort(margins, kind="stable")
    ordered = margins[order]
    # Speaking on the k records of smallest margin, silent on the rest.
    totals = np.concatenate([[0.0], np.cumsum(answered[order])]) + np.concatenate(
        [np.cumsum(silent[order][::-1])[::-1], [0.0]]
    )
    # Records of one margin cannot be told apart: a cut between them is none.
    possible = np.concatenate([[True], ordered[1:] > ordered[:-1], [True]])
    totals = np.where(possible, totals, -np.inf)
    best = len(totals) - 1 - int(np.argmax(totals[::-1] >= totals.max() - 1e-9))
    ends = np.concatenate([[ordered[0] - 2.0], ordered, [ordered[-1] + 2.0]])
    return Threshold(float((ends[best] + ends[best + 1]) / 2), float(totals[best] / len(margins)))
