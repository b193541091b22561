"""The mistakes that the model was surest of: where labels are wrong, classes overlap, or the model learned something odd."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

COLUMNS = ("id", "text", "gold", "predicted", "probability", "gold_probability")


def find(predictions: pa.Table, texts: dict[str, str], labels: list[str], most: int) -> list[dict[str, Any]]:
    """The most confident errors, surest first (ties in the order of the split).

    Args:
        predictions: id, gold, predicted, probabilities.
        texts: by id.
        labels: class names, in the order of the probabilities.
        most: how many at the most.
    """
    gold, predicted = predictions["gold"].to_pylist(), predictions["predicted"].to_pylist()
    flat = predictions["probabilities"].combine_chunks().flatten().to_numpy()
    probabilities = flat.reshape(len(gold), len(labels))
    position = {label: i for i, label in enumerate(labels)}
    wrong = np.array([i for i, (g, p) in enumerate(zip(gold, predicted, strict=True)) if g != p], dtype=int)
    sure = probabilities[wrong].max(axis=1) if len(wrong) else np.empty(0)
    ids = predictions["id"].to_pylist()
    return [
        {
            "id": ids[i],
            "text": texts[ids[i]],
            "gold": gold[i],
            "predicted": predicted[i],
            "probability": round(float(probabilities[i].max()), 4),
            "gold_probability": round(float(probabilities[i, position[gold[i]]]), 4),
        }
        for i in wrong[np.argsort(-sure, kind="stable")][:most]
    ]


def write(rows: list[dict[str, Any]], file: Path) -> None:
    """Write the table as CSV in UTF-8."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
