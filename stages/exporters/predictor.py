"""A release, ready to use on raw texts: `Predictor("models/release").predict(["where is my order"])`.

Needs only onnxruntime, tokenizers and numpy. Texts run in batches sorted by length and come back in their own order.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from stages.errors import ModelError

CALIBRATION = "calibration.json"
"""File of the temperature that logits are divided by before they become probabilities."""


@dataclass(frozen=True)
class Prediction:
    """What the model says of a text: its best label, that label's probability, and every label's."""

    label: str
    score: float
    scores: dict[str, float]


class Predictor:
    """Classifies texts with an exported graph.

    Args:
        folder: a release.
        graph: which graph of it, `model.onnx` or `model.int8.onnx`.
        threads: that one call may use; None leaves it to onnxruntime.

    Raises:
        ModelError: the folder lacks a file.
    """

    def __init__(self, folder: str | Path, graph: str = "model.onnx", threads: int | None = None) -> None:
        import onnxruntime

        folder = Path(folder)
        missing = [
            name for name in (graph, "tokenizer.json", "labels.json", CALIBRATION) if not (folder / name).is_file()
        ]
        if missing:
            raise ModelError(f"{folder}: {', '.join(missing)} not found. Run `dvc repro export`, which makes it.")
        labels = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
        self.temperature = float(json.loads((folder / CALIBRATION).read_text(encoding="utf-8"))["temperature"])
        self.labels = [labels[str(i)] for i in range(len(labels))]
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        options = onnxruntime.SessionOptions()
        if threads is not None:
            options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(folder / graph, options, providers=["CPUExecutionProvider"])

    def logits(self, texts: Sequence[str], batch_size: int = 32) -> np.ndarray:
        """Logits `(texts, labels)` in float32."""
        return self.logits_of_ids([one.ids for one in self.tokenizer.encode_batch(list(texts))], batch_size)

    def logits_of_ids(self, rows: Sequence[Sequence[int]], batch_size: int = 32) -> np.ndarray:
        """Logits `(rows, labels)` of token ids."""
        result = np.empty((len(rows), len(self.labels)), dtype=np.float32)
        order = np.argsort([-len(row) for row in rows], kind="stable")
        for start in range(0, len(order), batch_size):
            chosen = order[start : start + batch_size]
            width = len(rows[chosen[0]])
            ids = np.zeros((len(chosen), width), dtype=np.int64)
            mask = np.zeros((len(chosen), width), dtype=np.int64)
            for i, at in enumerate(chosen):
                ids[i, : len(rows[at])] = rows[at]
                mask[i, : len(rows[at])] = 1
            result[chosen] = self.session.run(None, {"input_ids": ids, "attention_mask": mask})[0]
        return result

    def predict(self, texts: Sequence[str]) -> list[Prediction]:
        """Classify texts, in their order."""
        if not texts:
            return []
        logits = self.logits(texts).astype(np.float64) / self.temperature
        weights = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares = weights / weights.sum(axis=1, keepdims=True)
        return [
            Prediction(
                self.labels[row.argmax()], float(row.max()), dict(zip(self.labels, map(float, row), strict=True))
            )
            for row in shares
        ]
