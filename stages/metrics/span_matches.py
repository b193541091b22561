"""What the spans are that are not right, and what those that are not were taken for.

Each gold and each predicted span is compared with at most one of the other side and falls into one kind (after Nejadgholi et
al. 2020, "Extensive Error Analysis and a Learning-Based Evaluation of Medical Entity Recognition Systems"). From the kinds
follow F1 with the type or the exact ends ignored, as in SemEval-2013 Task 9, and which types are taken for which.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stages.metrics.spans import Spans, prf

KINDS = ("exact", "type_wrong", "ends_wrong", "both_wrong", "alone")
"""What a span is: matched; same ends as one of another type; overlapping one of its type; overlapping one of another type; or
meeting none, which for gold means missed and for predictions invented."""


@dataclass(frozen=True)
class Matching:
    """What became of each span.

    Attributes:
        gold: position in `KINDS` of each gold span.
        predicted: likewise of each predicted span.
        partner: of each gold span, the predicted one that it was compared with; -1 for none.
    """

    gold: np.ndarray
    predicted: np.ndarray
    partner: np.ndarray


def describe(gold: Spans, predicted: Spans, types: Sequence[str]) -> dict[str, Any]:
    """All tables of this module, ready for JSON: `matches`, `partial`, `confusions`."""
    found = match(gold, predicted)
    rows = confusion_rows(confusion(gold, predicted, found, len(types)), types)
    return {"matches": matches(found), "partial": partial(found), "confusions": rows}


def match(gold: Spans, predicted: Spans) -> Matching:
    """Pair gold and predicted spans, each at most once: those with the same ends first, then by type, then by overlap."""
    kinds = {name: i for i, name in enumerate(KINDS)}
    partner = np.full(len(gold), -1)
    found, said = np.full(len(gold), kinds["alone"]), np.full(len(predicted), kinds["alone"])
    same = _same_ends(gold, predicted)
    for i, j in _candidates(gold, predicted, same):
        if partner[i] >= 0 or said[j] != kinds["alone"]:
            continue
        right = gold.kind[i] == predicted.kind[j]
        if same.get(i) == j:
            what = kinds["exact"] if right else kinds["type_wrong"]
        else:
            what = kinds["ends_wrong"] if right else kinds["both_wrong"]
        partner[i], found[i], said[j] = j, what, what
    return Matching(found, said, partner)


def _same_ends(gold: Spans, predicted: Spans) -> dict[int, int]:
    """Gold spans to the predicted ones with the same ends."""
    places = zip(predicted.record.tolist(), predicted.start.tolist(), predicted.end.tolist(), strict=True)
    at = {place: j for j, place in enumerate(places)}
    wanted = zip(gold.record.tolist(), gold.start.tolist(), gold.end.tolist(), strict=True)
    return {i: at[place] for i, place in enumerate(wanted) if place in at}


def _candidates(gold: Spans, predicted: Spans, same: dict[int, int]) -> list[tuple[int, int]]:
    """Overlapping pairs, the better ones first."""
    pairs: list[tuple[tuple[bool, bool, int, int], int, int]] = []
    j = 0
    said = list(zip(*(side.tolist() for side in (predicted.record, predicted.start, predicted.end)), strict=True))
    for i, (record, start, end) in enumerate(
        zip(gold.record.tolist(), gold.start.tolist(), gold.end.tolist(), strict=True)
    ):
        while j < len(said) and (said[j][0], said[j][2]) <= (record, start):
            j += 1
        k = j
        while k < len(said) and said[k][0] == record and said[k][1] < end:
            shared = min(end, said[k][2]) - max(start, said[k][1])
            pairs.append(((same.get(i) != k, bool(gold.kind[i] != predicted.kind[k]), -shared, i), i, k))
            k += 1
    return [(i, k) for _, i, k in sorted(pairs)]


def matches(found: Matching) -> dict[str, dict[str, int]]:
    """How many gold and predicted spans are of each kind; what is `alone` is missed or invented."""
    gold, predicted = (np.bincount(side, minlength=len(KINDS)).tolist() for side in (found.gold, found.predicted))
    shared = {name: gold[i] for i, name in enumerate(KINDS[:-1])}
    return {"gold": {**shared, "missed": gold[-1]}, "predicted": {**shared, "invented": predicted[-1]}}


def partial(found: Matching) -> list[dict[str, Any]]:
    """Precision, recall and F1 with both required, only the ends, only the type (with any overlap), or any overlap."""
    counted = {"both right": ("exact",), "ends right": ("exact", "type_wrong"), "type right": ("exact", "ends_wrong")}
    rows = {**counted, "any overlap": KINDS[:-1]}
    n, said = np.array(len(found.gold)), np.array(len(found.predicted))
    result = []
    for name, kinds in rows.items():
        right = np.isin(found.gold, [KINDS.index(kind) for kind in kinds]).sum()
        precision, recall, f1 = prf(right, n, said).tolist()
        result.append({"match": name, "precision": precision, "recall": recall, "f1": f1, "right": int(right)})
    return result


def confusion(gold: Spans, predicted: Spans, found: Matching, types: int) -> np.ndarray:
    """Counts `(types + 1, types + 1)` of compared spans, gold in rows; the last row and column stand for none."""
    counts = np.zeros((types + 1, types + 1), dtype=np.int64)
    paired = found.partner >= 0
    np.add.at(counts, (gold.kind[paired], predicted.kind[found.partner[paired]]), 1)
    np.add.at(counts[:, types], gold.kind[~paired], 1)
    np.add.at(counts[types], predicted.kind[found.predicted == len(KINDS) - 1], 1)
    return counts


def confusion_rows(counts: np.ndarray, types: Sequence[str], most: int = 30) -> list[dict[str, Any]]:
    """The confusions of types that occurred most; null stands for what was missed or invented."""
    counts = counts.copy()
    np.fill_diagonal(counts, 0)
    names = [*types, None]
    order = np.argsort(-counts, axis=None, kind="stable")[:most]
    cells = [divmod(int(cell), len(names)) for cell in order]
    return [{"gold": names[g], "predicted": names[p], "count": int(counts[g, p])} for g, p in cells if counts[g, p]]
