"""All pictures and plot tables of a classification's test split."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from stages import artifacts
from stages.analysis.plots import canvas, confusion_matrix, learning_curves, per_class, reliability
from stages.metrics import classification
from stages.tasks.protocol import Scores


def draw_all(predictions: pa.Table, scores: Scores, labels: list[str]) -> None:
    """Write the pictures, and beside each the table that `dvc plots diff` compares.

    Args:
        predictions: id, gold, predicted, probabilities.
        scores: of the same records.
        labels: class names.
    """
    gold, predicted = predictions["gold"].to_pylist(), predictions["predicted"].to_pylist()
    position = {label: i for i, label in enumerate(labels)}
    counts = classification.confusion(
        np.array([position[label] for label in gold]), np.array([position[label] for label in predicted]), len(labels)
    )
    confusion_matrix.draw(counts, labels, artifacts.plot("confusion.png"))
    canvas.write_csv(artifacts.plot("confusion.csv"), ("gold", "predicted"), zip(gold, predicted, strict=True))
    table = scores.details["reliability"]
    reliability.draw(table, scores.headline["ece"].value, artifacts.plot("reliability.png"))
    reliability.write(table, artifacts.plot("reliability.csv"))
    per_class.draw(scores.details["per_class"], artifacts.plot("per_class_f1.png"))
    per_class.write(scores.details["per_class"], artifacts.plot("per_class_f1.csv"))
    learning_curves.draw(artifacts.CURVES, artifacts.plot("learning_curves.png"))
