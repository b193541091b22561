"""Any number of labels: `AutoModelForSequenceClassification` with `problem_type="multi_label_classification"`.

A record: ``{"id": "test-1", "text": "thank you!", "labels": ["gratitude"]}``; the answer has the probability of every label, in
the order of their names. Validation is answered too, so that thresholds can be chosen on it; the seconds of that stand apart.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from transformers import AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding

from benchmarks.peers import stock


def run(data: Path, out: Path, options: stock.Options) -> dict[str, float]:
    """Tune, ask for validation and test, and say how long it took."""
    splits = {name: stock.read(data, name) for name in ("train", "validation", "test")}
    labels = sorted({label for row in splits["train"] for label in row["labels"]})
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    model = AutoModelForSequenceClassification.from_pretrained(
        options.model, num_labels=len(labels), problem_type="multi_label_classification"
    )

    def encode(batch: dict[str, list[Any]]) -> Any:
        made = tokenizer(batch["text"], truncation=True, max_length=options.max_length)
        if "labels" in batch:
            made["labels"] = [[float(label in row) for label in labels] for row in batch["labels"]]
        return made

    asked = {
        name: stock.encoded(({"text": row["text"]} for row in splits[name]), encode) for name in ("validation", "test")
    }
    tuned = stock.tune(
        model,
        tokenizer,
        DataCollatorWithPadding(tokenizer),
        stock.encoded(splits["train"], encode),
        asked,
        out,
        options,
    )
    for name in asked:
        rows = zip(splits[name], sigmoid(tuned.outputs[name]).tolist(), strict=True)
        stock.write(
            out,
            name,
            ({"id": row["id"], "probabilities": dict(zip(labels, one, strict=True))} for row, one in rows),
        )
    return tuned.seconds


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Probabilities, without overflow."""
    return np.asarray(np.exp(-np.logaddexp(0.0, -logits.astype(np.float64))))
