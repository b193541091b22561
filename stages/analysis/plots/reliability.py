"""Whether the model is right as often as it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stages.analysis.plots import canvas


def draw(table: list[dict[str, Any]], ece: float, file: Path) -> None:
    """Draw accuracy over confidence in bins of equal mass.

    Args:
        table: rows with low, high, count, confidence, accuracy.
        ece: expected calibration error of the table.
        file: PNG to write.
    """
    made = canvas.figure(4.8, 4.4)
    axes = made.subplots()
    axes.plot([0, 1], [0, 1], color=canvas.GREY, linewidth=1, linestyle="--", label="perfectly calibrated")
    confidence, accuracy = [row["confidence"] for row in table], [row["accuracy"] for row in table]
    axes.plot(confidence, accuracy, "o-", color=canvas.BLUE, markersize=5, label="model")
    axes.set_xlim(0, 1.02)
    axes.set_ylim(0, 1.02)
    axes.set_aspect("equal")
    axes.legend(frameon=False, loc="upper left")
    counts = sorted({row["count"] for row in table})
    each = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    canvas.bare(axes, f"reliability, ECE {ece:.3f}", f"confidence ({len(table)} bins of {each} records)", "accuracy")
    canvas.save(made, file)


def write(table: list[dict[str, Any]], file: Path) -> None:
    """Write the bins as CSV."""
    columns = ("confidence", "accuracy", "count", "low", "high")
    canvas.write_csv(file, columns, ([round(row[name], 4) for name in columns] for row in table))
