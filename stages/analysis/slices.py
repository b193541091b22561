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


def own(columns: Mapping[str, Sequence[str]]) -> dict[str, np.ndarray]:
    """Kept columns by names that nothing else is sliced by."""
    return {f"column {name}" if name in BUILT_IN else name: np.array(values) for name, values in columns.items()}


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
    lengths = np.array([len(text) for text in texts])
    low, high = np.quantile(lengths, [1 / 3, 2 / 3])
    thirds = np.where(lengths <= low, "short", np.where(lengths <= high, "middling", "long"))
    values: dict[str, np.ndarray] = {"length": thirds, "class": np.array(gold), **own(columns)}
    members = {
        f"{name}: {value}": np.flatnonzero(found == value)
        for name, found in values.items()
        for value in sorted(set(found.tolist()), key=str)
        if len(set(found.tolist())) > 1
    }
    members = {name: rows for name, rows in members.items() if len(rows) >= FEWEST}
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
