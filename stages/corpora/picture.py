"""The profile as one picture, `reports/data/profile.png`: classes or scores of train, and lengths of all splits.

Its bytes depend on the data alone: fixed size, no date, no version, and only characters that matplotlib's own font
has, since which other fonts are there differs from machine to machine. Costs about 1.5 s, most of it the import of
matplotlib.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stages.corpora.profile import SplitProfile

SHOWN_CLASSES = 30
LONGEST = 32
"""Characters of a label that are shown."""
BLUE = "#3b6ea5"
CYRILLIC_END = 0x530
"""Matplotlib's own font has Latin, Greek and Cyrillic, which end here, and little of what follows."""


def draw(profiles: Mapping[str, SplitProfile], labels: Sequence[str], file: Path) -> None:
    """Write the picture as PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    counts, scores = profiles["train"].classes, profiles["train"].scores
    height = 0.2 * min(len(labels), SHOWN_CLASSES) + 1.2
    figure = Figure(figsize=(11, max(3.6, height)), layout="constrained")
    FigureCanvasAgg(figure)
    classes, lengths = figure.subplots(1, 2)
    if counts is not None:
        _draw_classes(classes, counts, labels)
    elif scores is not None:
        _draw_scores(classes, scores)
    _draw_lengths(lengths, profiles)
    for axes in (classes, lengths):
        axes.spines[["top", "right"]].set_visible(False)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=110, metadata={"Software": None})


def _draw_classes(axes: Any, counts: np.ndarray, labels: Sequence[str]) -> None:
    order = np.argsort(-counts, kind="stable")[:SHOWN_CLASSES]
    axes.barh(range(len(order)), counts[order], color=BLUE)
    axes.set_yticks(range(len(order)), [drawable(labels[i]) for i in order], fontsize=7)
    axes.invert_yaxis()
    axes.set_xlabel("records in train")
    many = len(labels) > SHOWN_CLASSES
    title = f"the {SHOWN_CLASSES} largest of {len(labels)} classes" if many else f"{len(labels)} classes"
    axes.set_title(title, fontsize=11, loc="left")


def _draw_scores(axes: Any, scores: np.ndarray) -> None:
    axes.hist(scores, bins=20, color=BLUE)
    axes.set_xlabel("score")
    axes.set_ylabel("records in train")
    axes.set_title("scores", fontsize=11, loc="left")


def _draw_lengths(axes: Any, profiles: Mapping[str, SplitProfile]) -> None:
    share = np.linspace(0, 100, 201)
    for name, profile in profiles.items():
        axes.plot(np.percentile(profile.characters, share, method="higher"), share, label=name)
    axes.set_xscale("log")
    axes.set_xlabel("characters")
    axes.set_ylabel("% of records up to this length")
    axes.set_title("lengths of texts", fontsize=11, loc="left")
    axes.legend(frameon=False)


def drawable(label: str) -> str:
    """A label that matplotlib's own font can draw, and that is no formula to it; others are spelt by their codes."""
    shown = "".join(
        char if ord(char) < CYRILLIC_END and char.isprintable() else f"\\u{ord(char):04x}" for char in label
    )
    shown = shown if len(shown) <= LONGEST else shown[: LONGEST - 1] + "…"
    return shown.replace("$", r"\$")
