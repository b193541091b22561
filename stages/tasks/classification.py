"""Single-label classification of one text: a linear head on the pooled states of an encoder.

This module needs no torch until a model is built: tokenize encodes with it, and scoring is numpy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages.artifacts import Schema
from stages.encoding.ids import encode
from stages.metrics import classification as metrics
from stages.metrics.intervals import Bootstrap
from stages.tasks.protocol import Batch, Scores

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from torch import nn

    from stages.params.model import ModelParams
    from stages.params.training import TrainingParams


class Classification:
    """Each text has exactly one of `schema.labels`."""

    kind = "classification"

    def encode(self, records: pa.Table, tokenizer: Tokenizer, max_length: int, schema: Schema) -> pa.Table:
        """Encode texts and look up class ids; see `Task.encode`. The target column is `label` (int32)."""
        encoded = encode(tokenizer, records["text"].to_pylist(), max_length)
        columns = {
            "id": records["id"].combine_chunks() if records.num_rows else records["id"],
            "input_ids": encoded.ids,
            "length": pa.array(encoded.lengths, pa.int32()),
            "full_length": pa.array(encoded.full_lengths, pa.int32()),
        }
        if "label" in records.column_names:
            columns["label"] = pc.index_in(records["label"], value_set=pa.array(schema.labels, pa.string()))
        return pa.table(columns)

    def collate(self, rows: Mapping[str, Sequence[Any]], pad_id: int) -> Batch:
        """Pad to the longest row; see `Task.collate`."""
        import torch

        ids = rows["input_ids"]
        width = max(len(row) for row in ids)
        padded = np.full((len(ids), width), pad_id, dtype=np.int64)
        mask = np.zeros((len(ids), width), dtype=np.int64)
        for i, row in enumerate(ids):
            padded[i, : len(row)] = row
            mask[i, : len(row)] = 1
        batch = {"input_ids": torch.from_numpy(padded), "attention_mask": torch.from_numpy(mask)}
        if "label" in rows:
            batch["labels"] = torch.as_tensor(np.asarray(rows["label"], dtype=np.int64))
        return batch

    def model(self, encoder: nn.Module, pooling: str, schema: Schema, params: ModelParams) -> nn.Module:
        """A `PooledClassifier`; see `Task.model`."""
        from stages.tasks.pooled_classifier import PooledClassifier

        return PooledClassifier(encoder, pooling, len(schema.labels), params.head_dropout)

    def objective(self, params: TrainingParams, targets: np.ndarray, schema: Schema) -> nn.Module:
        """Cross-entropy; see `Task.objective`.

        With `class_weights: balanced` a record of class c weighs n / (classes · n_c) (King & Zeng 2001), so that the
        weights' mean over train's records is 1 and the learning rate keeps its meaning.
        """
        import torch
        from torch import nn

        weights = None
        if params.class_weights == "balanced":
            counts = np.bincount(targets, minlength=len(schema.labels))
            present = counts > 0
            values = np.zeros(len(counts), dtype=np.float32)
            values[present] = len(targets) / (present.sum() * counts[present])
            weights = torch.from_numpy(values)
        return nn.CrossEntropyLoss(weight=weights, label_smoothing=params.label_smoothing)

    def validate(self, logits: np.ndarray, targets: np.ndarray) -> dict[str, float]:
        """Accuracy and macro-F1; see `Task.validate`."""
        return metrics.accuracy_and_macro_f1(targets, logits.argmax(axis=1), logits.shape[1])

    def decode(self, logits: np.ndarray, ids: Sequence[str], gold: np.ndarray, schema: Schema) -> pa.Table:
        """The most probable class of each record; see `Task.decode`.

        Args:
            logits: `(records, classes)`.
            ids: of the records.
            gold: class ids `(records,)`.
            schema: names the classes.

        Returns:
            id, gold, predicted (strings), probabilities (list of float32, in the order of `schema.labels`).
        """
        probabilities = softmax(logits)
        names = pa.array(schema.labels, pa.string())
        flat = pa.array(probabilities.astype(np.float32).ravel())
        return pa.table(
            {
                "id": pa.array(ids, pa.string()),
                "gold": names.take(pa.array(gold)),
                "predicted": names.take(pa.array(probabilities.argmax(axis=1))),
                "probabilities": pa.FixedSizeListArray.from_arrays(flat, len(schema.labels)).cast(
                    pa.list_(pa.float32())
                ),
            }
        )

    def score(self, predictions: pa.Table, schema: Schema, bootstrap: Bootstrap, params: Mapping[str, Any]) -> Scores:
        """Measure with `stages.metrics.classification`; `params` holds `top_k` and `bins`. See `Task.score`."""
        names = pa.array(schema.labels, pa.string())
        gold = pc.index_in(predictions["gold"], value_set=names).to_numpy()
        predicted = pc.index_in(predictions["predicted"], value_set=names).to_numpy()
        flat = predictions["probabilities"].combine_chunks().flatten().to_numpy()
        probabilities = flat.reshape(len(gold), len(schema.labels)).astype(np.float64)
        headline, details = metrics.evaluate(
            gold, predicted, probabilities, schema.labels, bootstrap, top_k=params["top_k"], bins=params["bins"]
        )
        return Scores(headline, details)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities `(records, classes)` in float64, without overflow."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    exponentials = np.exp(shifted)
    return exponentials / exponentials.sum(axis=1, keepdims=True)
