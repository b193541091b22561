"""What the corpus looks like, in numbers: `reports/data/profile.json`.

Lengths are given in characters and in words. A Chinese or Japanese character counts as a word, other scripts are
counted by blanks: the figure says how much there is to read, not how a tokenizer cuts it (which tokenize reports).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages.artifacts import UNLABELLED
from stages.corpora import duplicates, leakage
from stages.corpora.records import EXCERPT, Draft
from stages.corpora.scripts import WITHOUT_BLANKS

_WORD = re.compile(f"[{WITHOUT_BLANKS}]|[^\\s{WITHOUT_BLANKS}]+")
PERCENTILES = (5, 50, 95)
EXAMPLES = 20
"""Texts with conflicting labels that the profile shows."""


@dataclass(frozen=True)
class SplitProfile:
    """What one split looks like.

    Attributes:
        name: of the split.
        characters: lengths of its texts `(records,)`.
        words: the same in words `(records,)`.
        classes: number of records per label `(labels,)`; None without labels.
        summary: the figures, ready for JSON.
        scores: where records have numbers instead of labels `(records,)`; None otherwise.
    """

    name: str
    characters: np.ndarray
    words: np.ndarray
    classes: np.ndarray | None
    summary: dict[str, Any]
    scores: np.ndarray | None = None


def describe(drafts: Mapping[str, Draft], labels: list[str]) -> dict[str, SplitProfile]:
    """Profile every split of a corpus."""
    return {name: _split(draft, labels) for name, draft in drafts.items()}


def summary(profiles: Mapping[str, SplitProfile], drafts: Mapping[str, Draft], labels: list[str]) -> dict[str, Any]:
    """The whole profile, ready for JSON."""
    return {
        "labels": len(labels),
        "splits": {name: profile.summary for name, profile in profiles.items()},
        "overlaps": leakage.overlaps(drafts),
        "conflicts": _conflicts(drafts["train"]),
    }


def _split(draft: Draft, labels: list[str]) -> SplitProfile:
    # Chunk by chunk: a million texts as Python objects at once would take hundreds of megabytes.
    chunks = draft.shape.readable(draft).chunks
    characters = np.array([len(text or "") for chunk in chunks for text in chunk.to_pylist()], dtype=np.int64)
    words = np.array([count_words(text or "") for chunk in chunks for text in chunk.to_pylist()], dtype=np.int64)
    labelled = draft.name not in UNLABELLED
    classes = draft.shape.counts(draft, labels) if labelled else None
    found: dict[str, Any] = {
        "records": draft.rows,
        "read": draft.done.read,
        "cleaning": draft.done.counts,
        "characters": _lengths(characters),
        "words": _lengths(words),
    }
    if classes is not None:
        found |= _balance(classes, labels)
    if labelled:
        found |= draft.shape.describe(draft)
    scores = draft.shape.numbers(draft) if labelled else None
    return SplitProfile(draft.name, characters, words, classes, found, scores)


def count_words(text: str) -> int:
    """Runs between blanks, and each Chinese or Japanese character as one."""
    return len(text.split()) if text.isascii() else len(_WORD.findall(text))


def _lengths(values: np.ndarray) -> dict[str, float]:
    percentiles = np.percentile(values, PERCENTILES, method="higher")
    found = {f"p{p}": int(value) for p, value in zip(PERCENTILES, percentiles, strict=True)}
    return {"mean": round(float(values.mean()), 2), "max": int(values.max()), **found}


def _balance(counts: np.ndarray, labels: list[str]) -> dict[str, Any]:
    """Class counts, their entropy over its maximum (1: all equal, 0: one has all), and largest to smallest."""
    share = counts[counts > 0] / counts.sum()
    entropy = float(-(share * np.log(share)).sum() / np.log(max(len(labels), 2)))
    return {
        "classes": {label: int(count) for label, count in zip(labels, counts, strict=True)},
        "balance": round(max(entropy, 0.0), 4),
        "largest_to_smallest": round(float(counts.max() / max(counts.min(), 1)), 2),
    }


def _conflicts(train: Draft) -> list[dict[str, Any]]:
    """The first texts of train that stand there with different labels, those of one text together."""
    keys = train.keys()
    found = np.flatnonzero(duplicates.conflicts(keys, train.codes()))
    found = found[np.argsort(keys[found], kind="stable")][:EXAMPLES]
    rows = train.table.select(list(train.shape.own)).take(pa.array(found))
    for at, role in enumerate(train.shape.own):
        if role in train.shape.texts:
            rows = rows.set_column(at, role, pc.utf8_slice_codeunits(rows[role], 0, EXCERPT))
    return rows.to_pylist()
