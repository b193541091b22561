"""Single-label classification of one text: a linear head on the pooled states of an encoder.

This module needs no torch until a model is built: tokenize encodes with it, and decoding and scoring are numpy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages.artifacts import Schema
from stages.corpora.plain_text import Form
from stages.encoding import ids
from stages.encoding.ragged import Columns, Outputs, dense, token_batch
from stages.metrics import classification as metrics
from stages.params.task import TaskParams
from stages.tasks import text_inputs
from stages.tasks.protocol import Batch, Figures, Fitted, Probe, Scores, Scoring, Tokenized

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from torch import nn

    from stages.params.model import ModelParams
    from stages.params.training import TrainingParams

FIGURES = Figures(
    validation=("accuracy", "macro_f1"),
    headline=("accuracy", "macro_f1"),
    shifted=("accuracy", "macro_f1", "log_loss", "ece"),
    left_out=("micro_f1",),  # in single-label classification this is accuracy again
)


@dataclass(frozen=True)
class Prediction:
    """What the model says of a text: its best label, that label's probability, and every label's."""

    label: str
    score: float
    scores: dict[str, float]


class Classification:
    """Each text has exactly one of `schema.labels`."""

    kind = "classification"
    targets: tuple[str, ...] = ("label",)
    figures = FIGURES
    by_token = False
    fits = False
    probe: Probe = "multinomial"

    def __init__(self, params: TaskParams) -> None:
        self.params = params

    def lengths(self, records: pa.Table, tokenizer: Tokenizer) -> np.ndarray:
        """Of the texts; see `Task.lengths`."""
        return ids.lengths(tokenizer, records["text"].to_pylist())

    def encode(self, records: pa.Table, tokenizer: Tokenizer, max_length: int, schema: Schema) -> Tokenized:
        """Encode texts and look up class ids; see `Task.encode`. The target column is `label` (int32)."""
        encoded = ids.encode(tokenizer, records["text"].to_pylist(), max_length)
        columns = {
            "id": records["id"].combine_chunks() if records.num_rows else records["id"],
            "input_ids": encoded.ids,
            "length": pa.array(encoded.lengths, pa.int32()),
            "full_length": pa.array(encoded.full_lengths, pa.int32()),
        }
        if "label" in records.column_names:
            columns["label"] = pc.index_in(records["label"], value_set=pa.array(schema.labels, pa.string()))
        return Tokenized(pa.table(columns))

    def collate(self, rows: Mapping[str, Sequence[Any]], pad_id: int) -> Batch:
        """Pad to the longest row; see `Task.collate`."""
        batch = token_batch(rows["input_ids"], pad_id)
        if "label" in rows:
            batch["labels"] = np.asarray(rows["label"], dtype=np.int64)
        return batch

    def model(self, encoder: nn.Module, pooling: str, schema: Schema, params: ModelParams) -> nn.Module:
        """A `PooledClassifier`; see `Task.model`."""
        from stages.tasks.pooled_classifier import PooledClassifier

        return PooledClassifier(encoder, pooling, len(schema.labels), params.head_dropout)

    def objective(self, params: TrainingParams, train: Columns, schema: Schema, model: nn.Module) -> nn.Module:  # noqa: ARG002
        """Cross-entropy; see `Task.objective`.

        With `class_weights: balanced` a record of class c weighs n / (classes · n_c) (King & Zeng 2001), so that the
        weights' mean over train's records is 1 and the learning rate keeps its meaning.
        """
        import torch
        from torch import nn

        weights = None
        if params.class_weights == "balanced":
            targets = dense(train["label"])
            counts = np.bincount(targets, minlength=len(schema.labels))
            present = counts > 0
            values = np.zeros(len(counts), dtype=np.float32)
            values[present] = len(targets) / (present.sum() * counts[present])
            weights = torch.from_numpy(values)
        return nn.CrossEntropyLoss(weight=weights, label_smoothing=params.label_smoothing)

    def validate(self, outputs: Outputs, rows: Columns) -> dict[str, float]:
        """Accuracy and macro-F1; see `Task.validate`."""
        logits = dense(outputs)
        return metrics.accuracy_and_macro_f1(dense(rows["label"]), logits.argmax(axis=1), logits.shape[1])

    def fit(self, outputs: Outputs, rows: pa.Table, records: pa.Table, schema: Schema) -> Fitted:  # noqa: ARG002
        """Nothing: the most probable class is the prediction; see `Task.fit`."""
        return {}

    def decode(self, outputs: Outputs, rows: pa.Table, records: pa.Table, schema: Schema, fitted: Fitted) -> pa.Table:  # noqa: ARG002
        """The most probable class of each record; see `Task.decode`.

        Returns:
            id, gold (where rows have labels), predicted (strings), probabilities (list of float32, in the order of
            `schema.labels`).
        """
        probabilities = softmax(dense(outputs))
        names = pa.array(schema.labels, pa.string())
        flat = pa.array(probabilities.astype(np.float32).ravel())
        columns = {"id": pa.array(rows["id"].to_pylist(), pa.string())}
        if "label" in rows.column_names:
            columns["gold"] = names.take(pa.array(rows["label"].to_numpy()))
        columns["predicted"] = names.take(pa.array(probabilities.argmax(axis=1)))
        columns["probabilities"] = pa.FixedSizeListArray.from_arrays(flat, len(schema.labels)).cast(
            pa.list_(pa.float32())
        )
        return pa.table(columns)

    def score(self, predictions: pa.Table, schema: Schema, how: Scoring) -> Scores:
        """Measure with `stages.metrics.classification`; see `Task.score`."""
        gold, predicted, probabilities = self._columns(predictions, schema)
        headline, details = metrics.evaluate(
            gold, predicted, probabilities, schema.labels, how.bootstrap, top_k=self.params.top_k, bins=how.bins
        )
        return Scores(headline, details)

    def quality(self, predictions: pa.Table, schema: Schema) -> float:
        """Accuracy; see `Task.quality`."""
        gold, predicted, _ = self._columns(predictions, schema)
        return float((gold == predicted).mean())

    def agree(self, one: pa.Table, other: pa.Table, schema: Schema) -> np.ndarray:  # noqa: ARG002
        """Whether the same class was decided on; see `Task.agree`."""
        return pc.equal(one["predicted"], other["predicted"]).to_numpy()

    def records(self, inputs: Sequence[Any], normalize: Form | None = None) -> pa.Table:
        """Texts as records; see `Task.records`."""
        return text_inputs.records(inputs, normalize)

    def answers(self, predictions: pa.Table, schema: Schema) -> list[Any]:
        """A `Prediction` of each text; see `Task.answers`."""
        return [
            Prediction(label, max(row), dict(zip(schema.labels, row, strict=True)))
            for label, row in zip(
                predictions["predicted"].to_pylist(), predictions["probabilities"].to_pylist(), strict=True
            )
        ]

    def _columns(self, predictions: pa.Table, schema: Schema) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Gold and predicted class ids `(records,)`, and probabilities `(records, classes)` in float64."""
        names = pa.array(schema.labels, pa.string())
        gold = pc.index_in(predictions["gold"], value_set=names).to_numpy()
        predicted = pc.index_in(predictions["predicted"], value_set=names).to_numpy()
        flat = predictions["probabilities"].combine_chunks().flatten().to_numpy()
        return gold, predicted, flat.reshape(len(gold), len(schema.labels)).astype(np.float64)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities `(records, classes)` in float64, without overflow."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    exponentials = np.exp(shifted)
    return exponentials / exponentials.sum(axis=1, keepdims=True)
