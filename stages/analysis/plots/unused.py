"""Stand-ins for pictures and tables that `dvc.yaml` declares and a kind of task does not have.

DVC knows one list of plots for every kind. A file that says why it is empty keeps `dvc plots diff` working for all of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from stages import artifacts
from stages.analysis.plots import canvas

DECLARED: dict[str, Sequence[str]] = {
    "confusion.csv": ("gold", "predicted"),
    "reliability.csv": ("confidence", "accuracy", "count", "low", "high"),
    "per_class_f1.csv": ("label", "f1", "precision", "recall", "support"),
    "learning_curves.png": (),
    "confusion.png": (),
    "reliability.png": (),
    "per_class_f1.png": (),
}
"""Every plot that `dvc.yaml` names under `reports/evaluation/plots`, with its columns where it is a table."""


def fill(kind: str) -> None:
    """Write what is declared and not there: empty tables, and pictures that say so."""
    for name, columns in DECLARED.items():
        file = artifacts.plot(name)
        if file.exists():
            continue
        if columns:
            canvas.write_csv(file, columns, [])
        else:
            made = canvas.figure(4.8, 1.2)
            axes = made.subplots()
            axes.axis("off")
            axes.text(0, 0.5, f"{name.removesuffix('.png').replace('_', ' ')}: not a question for {kind}", fontsize=9)
            canvas.save(made, file)
