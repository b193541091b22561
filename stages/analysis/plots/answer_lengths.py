"""How long answers are, gold and predicted, and how well answers of each length are found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stages.analysis.plots import canvas

WIDTH = 0.4


def draw(table: list[dict[str, Any]], file: Path) -> None:
    """Draw both histograms, and F1 by length over them.

    Args:
        table: rows with words (a range), gold, predicted (records), f1 (None where no gold answer is so long).
        file: PNG to write.
    """
    made = canvas.figure(8, 4)
    axes = made.subplots()
    places = range(len(table))
    for shift, name, colour in ((-WIDTH / 2, "gold", canvas.GREY), (WIDTH / 2, "predicted", canvas.BLUE)):
        axes.bar([at + shift for at in places], [row[name] for row in table], WIDTH, color=colour, label=name)
    axes.set_xticks(places, [row["words"] for row in table])
    canvas.bare(axes, "lengths of answers (test records), and F1 by length of the gold answer", "words", "records")
    measured = [(at, row["f1"]) for at, row in enumerate(table) if row["f1"] is not None]
    other = axes.twinx()
    other.plot([at for at, _ in measured], [value for _, value in measured], "o-", color=canvas.ORANGE, label="F1")
    other.set_ylim(0, 1.02)
    other.set_ylabel("F1")
    other.spines[["top"]].set_visible(False)
    made.legend(frameon=False, loc="outside lower center", ncols=3)
    canvas.save(made, file)


def write(table: list[dict[str, Any]], file: Path) -> None:
    """Write the same as CSV; F1 is empty where no gold answer is so long."""
    columns = ("words", "gold", "predicted", "exact_match", "f1")
    rows = (
        [round(value, 4) if isinstance(value, float) else value for value in map(row.get, columns)] for row in table
    )
    canvas.write_csv(file, columns, rows)
