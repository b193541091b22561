"""Which classes are taken for which: each row shows where a gold class's records went."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from stages.analysis.plots import canvas

NUMBERED = 30
"""Classes up to which cells carry their counts."""
NAMED = 90
"""Classes up to which every row and column is named."""


def draw(counts: np.ndarray, labels: list[str], file: Path, *, what: str = "records") -> None:
    """Draw a confusion matrix, each row as shares of its gold class.

    Args:
        counts: `(classes, classes)`, gold in rows.
        labels: class names.
        file: PNG to write.
        what: the plural name of what is counted.
    """
    size = len(labels)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = float(np.clip(2.8 + 0.26 * size, 4.5, 17))
    made = canvas.figure(side + 0.6, side)
    axes = made.subplots()
    picture = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    if size <= NAMED:
        names = [canvas.drawable(label, 24) for label in labels]
        font = float(np.clip(200 / size, 4.5, 9))
        axes.set_xticks(range(size), names, rotation=90, fontsize=font)
        axes.set_yticks(range(size), names, fontsize=font)
    if size <= NUMBERED:
        for gold, predicted in np.argwhere(counts > 0):
            colour = "white" if shares[gold, predicted] > 0.5 else "black"
            axes.text(
                predicted, gold, str(int(counts[gold, predicted])), ha="center", va="center", fontsize=6, color=colour
            )
    axes.tick_params(length=0)
    axes.set_title(f"confusion, {int(counts.sum()):,} {what}", fontsize=11, loc="left")
    axes.set_xlabel("predicted")
    axes.set_ylabel("gold")
    made.colorbar(picture, ax=axes, shrink=0.6, label="share of the gold class")
    canvas.save(made, file)
