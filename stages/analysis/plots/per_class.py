"""F1 of each class, worst first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stages.analysis.plots import canvas

SHOWN = 40


def draw(table: list[dict[str, Any]], file: Path, what: str = "test records") -> None:
    """Draw the classes' F1, the worst `SHOWN` when there are more.

    Args:
        table: rows with label, f1, support; classes without any are left out.
        file: PNG to write.
        what: is counted.
    """
    there = [row for row in table if row["support"]]
    worst = sorted(there, key=lambda row: (row["f1"], row["label"]))[:SHOWN]
    made = canvas.figure(7, 1.4 + 0.2 * len(worst))
    axes = made.subplots()
    axes.barh(range(len(worst)), [row["f1"] for row in worst], color=canvas.BLUE, height=0.7)
    names = [f"{canvas.drawable(row['label'])} ({row['support']})" for row in worst]
    axes.set_yticks(range(len(worst)), names, fontsize=7.5)
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.margins(y=0.01)
    title = "F1 by class" if len(worst) == len(there) else f"F1 of the {len(worst)} worst of {len(there)} classes"
    canvas.bare(axes, f"{title} ({what})", "F1", "")
    canvas.save(made, file)


def write(table: list[dict[str, Any]], file: Path) -> None:
    """Write all classes as CSV, in the order of their names."""
    columns = ("label", "f1", "precision", "recall", "support")
    rows = ([row[n] if isinstance(row[n], str | int) else round(row[n], 4) for n in columns] for row in table)
    canvas.write_csv(file, columns, rows)
