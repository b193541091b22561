"""Loss of train and validation, and validation's metrics, over epochs."""

from __future__ import annotations

import csv
from pathlib import Path

from stages.analysis.plots import canvas


def draw(curves: Path, file: Path, units: tuple[str, str] = ("nats per record", "share")) -> None:
    """Draw what finetune wrote.

    Args:
        curves: CSV with epoch, train_loss, validation_loss and further validation_* columns.
        file: PNG to write.
        units: of the loss, and of validation's metrics.
    """
    with curves.open(encoding="utf-8", newline="") as stream:
        rows = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(stream)]
    epochs = [row["epoch"] for row in rows]
    made = canvas.figure(9, 3.6)
    losses, metrics = made.subplots(1, 2)
    losses.plot(epochs, [row["train_loss"] for row in rows], "o-", color=canvas.GREY, label="train", markersize=4)
    losses.plot(
        epochs, [row["validation_loss"] for row in rows], "o-", color=canvas.BLUE, label="validation", markersize=4
    )
    losses.set_ylim(bottom=0)
    losses.legend(frameon=False)
    canvas.bare(losses, "loss", "epoch", units[0])
    names = [key for key in rows[0] if key.startswith("validation_") and key != "validation_loss"]
    for name, colour in zip(names, (canvas.BLUE, canvas.ORANGE, canvas.GREY, canvas.GREEN), strict=False):
        shown = name.removeprefix("validation_").replace("_", " ")
        metrics.plot(epochs, [row[name] for row in rows], "o-", color=colour, label=shown, markersize=4)
    metrics.legend(frameon=False)
    canvas.bare(metrics, "validation", "epoch", units[1])
    canvas.save(made, file)
