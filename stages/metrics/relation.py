"""Metrics of directed relations, from gold and predicted classes: SemEval-2010 Task 8's convention, and its relatives.

A class such as `Cause-Effect(e2,e1)` is a relation and a direction; a class without such an ending is a relation with one
direction. One class may mean that nothing relates the two (`Other`, `no_relation`): what is averaged leaves it out, but
records that it took from a relation still lower recall, and those it lost still lower precision.

- `macro_f1`: the official score (Hendrickx et al. 2010, section 4). A relation's two directions are counted together,
  and the right relation in the wrong direction is both a false positive and a false negative.
- `undirected_macro_f1`: directions are forgotten, so that the right relation in the wrong direction is right.
- `directed_macro_f1`: each direction is a class of its own.
- `macro_f1_with_other`: as the official score, with the left-out class averaged in.
- `undirected_macro_f1_with_other` and `directed_macro_f1_with_other`: likewise.
- `micro_f1`: over all relations together, the left-out class excluded; wrong directions count as wrong.
- `accuracy`: over all classes.

Averages go over relations that occur in gold or predictions; the official script's nine all do on its test set. Everything
is a function of the confusion counts, so that intervals come from resampled counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

HEADLINE = (
    "macro_f1",
    "undirected_macro_f1",
    "directed_macro_f1",
    "macro_f1_with_other",
    "undirected_macro_f1_with_other",
    "directed_macro_f1_with_other",
    "micro_f1",
    "accuracy",
)
"""What `Relations.metrics` returns, in this order."""
_DIRECTION = re.compile(r"\s*\(\s*(?:e1\s*,\s*e2|e2\s*,\s*e1)\s*\)$")


def undirected(label: str) -> str:
    """A class's relation: its name without `(e1,e2)` or `(e2,e1)` at the end."""
    return _DIRECTION.sub("", label)


@dataclass(frozen=True)
class Relations:
    """Classes grouped into relations.

    Attributes:
        labels: class names, in the order of their ids.
        other: the class that means no relation; None, or a name that is no class, when there is none.
    """

    labels: Sequence[str]
    other: str | None

    @property
    def names(self) -> list[str]:
        """Relations without their directions, sorted; the class that means none is among them."""
        return sorted({undirected(label) for label in self.labels})

    def _grouping(self) -> np.ndarray:
        """`(classes, relations)`, 1 where a class is a direction of a relation."""
        names = self.names
        grouping = np.zeros((len(self.labels), len(names)))
        grouping[np.arange(len(self.labels)), [names.index(undirected(label)) for label in self.labels]] = 1
        return grouping

    def metrics(self) -> Callable[[np.ndarray], np.ndarray]:
        """The metrics named in `HEADLINE`, as a function of counts.

        Returns:
            A function from counts `(..., classes, classes)`, gold in rows, at least one record each, to `(..., 8)`.
        """
        grouping = self._grouping()
        counted = np.array([name != self.other for name in self.names])
        directed = np.array([label != self.other for label in self.labels])

        def measure(counts: np.ndarray) -> np.ndarray:
            right = np.diagonal(counts, axis1=-2, axis2=-1).astype(float)
            gold, predicted = counts.sum(-1).astype(float), counts.sum(-2).astype(float)
            own, sought, found = right @ grouping, gold @ grouping, predicted @ grouping
            merged = np.swapaxes(grouping, 0, 1) @ counts @ grouping
            kept = np.diagonal(merged, axis1=-2, axis2=-1)
            micro = _f1(*(part[..., counted].sum(-1) for part in (own, sought, found)))
            values = [
                _macro(own, sought, found, counted),
                _macro(kept, sought, found, counted),
                _macro(right, gold, predicted, directed),
                _macro(own, sought, found, np.ones_like(counted)),
                _macro(kept, sought, found, np.ones_like(counted)),
                _macro(right, gold, predicted, np.ones_like(directed)),
                micro,
                right.sum(-1) / gold.sum(-1),
            ]
            return np.stack(values, axis=-1)

        return measure

    def table(self, counts: np.ndarray) -> list[dict[str, Any]]:
        """Precision, recall, F1 and numbers of each relation by the official convention, in the order of `names`.

        Args:
            counts: `(classes, classes)`, gold in rows.

        Returns:
            Per relation: relation, precision, recall, f1, support, predicted, wrong_direction (records).
        """
        grouping = self._grouping()
        right = np.diagonal(counts) @ grouping
        gold, predicted = counts.sum(1) @ grouping, counts.sum(0) @ grouping
        turned = np.diagonal(grouping.T @ counts @ grouping) - right
        return [
            {
                "relation": name,
                "precision": float(right[i] / predicted[i]) if predicted[i] else 0.0,
                "recall": float(right[i] / gold[i]) if gold[i] else 0.0,
                "f1": float(_f1(right[i], gold[i], predicted[i])),
                "support": int(gold[i]),
                "predicted": int(predicted[i]),
                "wrong_direction": int(turned[i]),
            }
            for i, name in enumerate(self.names)
        ]


def _f1(right: np.ndarray, gold: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """F1 from counts of any one shape; 0 where there is neither gold nor prediction."""
    total = np.asarray(gold + predicted, dtype=float)
    return np.divide(2 * right, total, out=np.zeros(total.shape), where=total > 0)


def _macro(right: np.ndarray, gold: np.ndarray, predicted: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Mean F1 `(...,)` over the counted groups `(groups,)` that occur; 0 where none does."""
    occurs = ((gold + predicted) > 0) & counted
    total = (_f1(right, gold, predicted) * occurs).sum(-1)
    return np.asarray(total / np.maximum(occurs.sum(-1), 1))
