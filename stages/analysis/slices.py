"""Accuracy on parts of the test split: by length, by class, by kept columns. And what the worst part would be by chance.

Among many slices one is always bad. A slice is only remarkable when its accuracy lies below what the worst of so many
slices would have if every record had been equally hard: right and wrong are shuffled over the records, and the worst
slice is taken each time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from stages.metrics.intervals import Estimate, wilson

FEWEST = 10
"""Records of a slice below which it is not shown."""
SHUFFLES = 1000
BUILT_IN = ("length", "class")
"""What records are sliced by besides their kept columns."""


@dataclass(frozen=True)
class Slice:
    """One part of a split: what it is, its accuracy (Wilson interval), and whether it is worse than chance explains."""

    name: str
    accuracy: Estimate
    remarkable: bool


@dataclass(frozen=True)
class Slices:
    """All parts, worst first, and the accuracy below which a slice is remarkable."""

    slices: list[Slice]
    limit: float


def own(columns: Mapping[str, Sequence[str]]) -> dict[str, Sequence[str]]:
    """Kept columns by names that nothing else is sliced by."""
    return {f"column {name}" if name in BUILT_IN else name: values for name, values in columns.items()}


def thirds(texts: Sequence[str]) -> list[str]:
    """Of each text, in which third it is by its length."""
    lengths = np.array([len(text) for text in texts])
    low, high = np.quantile(lengths, [1 / 3, 2 / 3])
    return np.where(lengths <= low, "short", np.where(lengths <= high, "middling", "long")).tolist()


def parts(values: Mapping[str, Sequence[str]], fewest: int) -> dict[str, np.ndarray]:
    """Row numbers of the records of each value, by "column: value", in the order of columns and of values.

    Args:
        values: of each record, by column; one that has a single value cuts nothing.
        fewest: records of a value that is named.
    """
    found: dict[str, np.ndarray] = {}
    for column, given in values.items():
        names, place, counts = np.unique(
            np.array([str(one) for one in given], dtype=object), return_inverse=True, return_counts=True
        )
        rows = np.split(np.argsort(place, kind="stable"), np.cumsum(counts)[:-1])
        if len(names) > 1:
            found |= {f"{column}: {name}": own for name, own in zip(names, rows, strict=True) if len(own) >= fewest}
    return found


def measure(
    texts: Sequence[str], gold: Sequence[str], columns: Mapping[str, Sequence[str]], right: np.ndarray, seed: int
) -> Slices:
    """Cut a split and measure its parts.

    Args:
        texts: of the records; they are cut into thirds by length.
        gold: class names.
        columns: kept columns by name.
        right: whether the model was right `(records,)`.
        seed: of the shuffles.
    """
    members = parts({"length": thirds(texts), "class": gold, **own(columns)}, FEWEST)
    if not members:
        return Slices([], 0.0)
    generator = np.random.default_rng(seed)
    hits = right.astype(float)
    worst = []
    for _ in range(SHUFFLES):
        drawn = generator.permutation(hits)
        worst.append(min(drawn[rows].mean() for rows in members.values()))
    limit = float(np.quantile(worst, 0.05))
    found = [
        Slice(name, wilson(int(hits[rows].sum()), len(rows)), bool(hits[rows].mean() < limit))
        for name, rows in members.items()
    ]
    return Slices(sorted(found, key=lambda one: (one.accuracy.value, one.name)), limit)
