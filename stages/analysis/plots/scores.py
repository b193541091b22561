"""Predicted scores beside the gold ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from stages.analysis.plots import canvas


def draw(gold: np.ndarray, predicted: np.ndarray, title: str, file: Path) -> None:
    """Draw one point per record.

    Args:
        gold: scores `(records,)`.
        predicted: likewise.
        title: what the points amount to.
        file: PNG to write.
    """
    made = canvas.figure(4.8, 4.4)
    axes = made.subplots()
    low, high = float(min(gold.min(), predicted.min())), float(max(gold.max(), predicted.max()))
    axes.plot([low, high], [low, high], color=canvas.GREY, linewidth=1, linestyle="--")
    axes.plot(gold, predicted, ".", color=canvas.BLUE, markersize=4, alpha=0.5)
    canvas.bare(axes, title, "gold", "predicted")
    canvas.save(made, file)
