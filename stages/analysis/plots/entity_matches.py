"""What became of the gold entities of each type: found, found with other ends or as another type, missed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from stages.analysis.plots import canvas
from stages.metrics.span_matches import KINDS, Matching
from stages.metrics.spans import Spans

SHOWN = 40
NAMES = ("exact", "other type", "other ends", "both other", "missed")
COLOURS = (canvas.BLUE, "#8fb0d3", canvas.ORANGE, "#f0c08f", canvas.GREY)


def draw(gold: Spans, found: Matching, types: list[str], file: Path) -> None:
    """Draw a bar of shares per type, the `SHOWN` most frequent when there are more.

    Args:
        gold: spans.
        found: what each of them was matched with.
        types: names.
        file: PNG to write.
    """
    counts = np.zeros((len(types), len(KINDS)))
    np.add.at(counts, (gold.kind, found.gold), 1)
    order = np.argsort(-counts.sum(axis=1), kind="stable")[:SHOWN]
    shares = counts[order] / np.maximum(counts[order].sum(axis=1, keepdims=True), 1)
    made = canvas.figure(7.5, 1.6 + 0.24 * len(order))
    axes = made.subplots()
    left = np.zeros(len(order))
    for i, (name, colour) in enumerate(zip(NAMES, COLOURS, strict=True)):
        axes.barh(range(len(order)), shares[:, i], left=left, color=colour, height=0.7, label=name)
        left += shares[:, i]
    names = [f"{canvas.drawable(types[i])} ({int(counts[i].sum())})" for i in order]
    axes.set_yticks(range(len(order)), names, fontsize=7.5)
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.margins(y=0.01)
    axes.legend(frameon=False, ncols=len(NAMES), loc="lower center", bbox_to_anchor=(0.5, 1.0), fontsize=8)
    canvas.bare(axes, "", "share of the gold entities", "")
    canvas.save(made, file)
