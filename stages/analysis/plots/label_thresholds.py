"""Where each label's threshold lies, and the precision-recall curves of the labels that there are most of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stages.analysis.plots import canvas
from stages.metrics.multilabel import precision_recall

SHOWN = 40
CURVES = 8


def draw_thresholds(table: Sequence[dict[str, Any]], file: Path, *, chosen: bool = True) -> None:
    """Draw each label's threshold beside one half, the `SHOWN` most frequent labels when there are more.

    Args:
        table: rows with label, threshold, support.
        file: PNG to write.
        chosen: whether validation chose them.
    """
    shown = sorted(table, key=lambda row: (-row["support"], row["label"]))[:SHOWN]
    made = canvas.figure(7, 1.4 + 0.2 * len(shown))
    axes = made.subplots()
    axes.barh(range(len(shown)), [row["threshold"] for row in shown], color=canvas.BLUE, height=0.7)
    axes.axvline(0.5, color=canvas.GREY, linewidth=1, linestyle="--")
    names = [f"{canvas.drawable(row['label'])} ({row['support']})" for row in shown]
    axes.set_yticks(range(len(shown)), names, fontsize=7.5)
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.margins(y=0.01)
    title = "threshold by label, chosen on validation" if chosen else "threshold by label, as params say"
    canvas.bare(axes, f"{title} (test records)", "probability", "")
    canvas.save(made, file)


def draw_curves(gold: np.ndarray, probabilities: np.ndarray, labels: Sequence[str], file: Path) -> None:
    """Draw precision over recall of the `CURVES` most frequent labels, and of all decisions together.

    Args:
        gold: whether a record has a label `(records, labels)`.
        probabilities: likewise.
        labels: their names.
        file: PNG to write.
    """
    made = canvas.figure(7.4, 4.6)
    axes = made.subplots()
    if gold.any():
        precision, recall = precision_recall(gold.ravel(), probabilities.ravel())
        axes.plot(recall, precision, color="black", linewidth=2, label="all decisions")
    order = np.argsort(-gold.sum(axis=0), kind="stable")[:CURVES]
    for label in (int(i) for i in order if gold[:, i].any()):
        precision, recall = precision_recall(gold[:, label], probabilities[:, label])
        axes.plot(recall, precision, linewidth=1, label=canvas.drawable(labels[label], 24))
    axes.set_xlim(0, 1.02)
    axes.set_ylim(0, 1.02)
    axes.legend(frameon=False, fontsize=7.5, loc="center left", bbox_to_anchor=(1, 0.5))
    canvas.bare(axes, "precision and recall at every threshold", "recall", "precision")
    canvas.save(made, file)
