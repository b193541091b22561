"""Any number of labels per text: one sigmoid per label on the pooled states of an encoder.

A label is given where its probability passes a threshold. Rare labels hardly ever reach one half, so each gets the threshold
that was best on validation, unless params say otherwise. The loss is binary cross-entropy, or the asymmetric loss of Ridnik et
al. (2021), which takes the many easy negatives out of the sum.
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
from stages.encoding.ragged import Columns, Outputs, Ragged, dense, token_batch
from stages.metrics import multilabel as metrics
from stages.params.task import TaskParams
from stages.tasks import text_inputs
from stages.tasks.protocol import Batch, Figures, Fitted, Probe, Scores, Scoring, Tokenized

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from torch import nn

    from stages.params.model import ModelParams
    from stages.params.training import TrainingParams

HALF = 0.5


@dataclass(frozen=True)
class Labels:
    """What the model says of a text: its labels, the most probable one first, and every label's probability."""

    labels: list[str]
    scores: dict[str, float]


class Multilabel:
    """Each text has some of `schema.labels`, or none."""

    kind = "multilabel"
    targets: tuple[str, ...] = ("labels",)
    figures = Figures(
        validation=("map", "macro_f1", "micro_f1"),
        headline=("macro_f1", "micro_f1"),
        shifted=("macro_f1", "micro_f1", "map", "log_loss"),
    )
    by_token = False
    probe: Probe = "independent"

    def __init__(self, params: TaskParams) -> None:
        self.params = params
        self.fits = params.multilabel.thresholds != "half"

    def lengths(self, records: pa.Table, tokenizer: Tokenizer) -> np.ndarray:
        """Of the texts; see `Task.lengths`."""
        return ids.lengths(tokenizer, records["text"].to_pylist())

    def encode(self, records: pa.Table, tokenizer: Tokenizer, max_length: int, schema: Schema) -> Tokenized:
        """Encode texts and look up labels; see `Task.encode`. The target column is `labels` (list of 0 and 1, int8)."""
        encoded = ids.encode(tokenizer, records["text"].to_pylist(), max_length)
        columns = {
            "id": records["id"].combine_chunks() if records.num_rows else records["id"],
            "input_ids": encoded.ids,
            "length": pa.array(encoded.lengths, pa.int32()),
            "full_length": pa.array(encoded.full_lengths, pa.int32()),
        }
        if "labels" in records.column_names:
            flat = pa.array(indicators(records["labels"], schema.labels).astype(np.int8).ravel())
            offsets = np.arange(records.num_rows + 1, dtype=np.int32) * len(schema.labels)
            columns["labels"] = pa.ListArray.from_arrays(pa.array(offsets), flat)
        return Tokenized(pa.table(columns))

    def collate(self, rows: Mapping[str, Sequence[Any]], pad_id: int) -> Batch:
        """Pad to the longest row; labels are 0 and 1 in float32 `(batch, labels)`; see `Task.collate`."""
        batch = token_batch(rows["input_ids"], pad_id)
        if "labels" in rows:
            batch["labels"] = np.stack([np.asarray(row, dtype=np.float32) for row in rows["labels"]])
        return batch

    def model(self, encoder: nn.Module, pooling: str, schema: Schema, params: ModelParams) -> nn.Module:
        """A `PooledClassifier` with an output per label; see `Task.model`."""
        from stages.tasks.pooled_classifier import PooledClassifier

        return PooledClassifier(encoder, pooling, len(schema.labels), params.head_dropout)

    def objective(self, params: TrainingParams, train: Columns, schema: Schema, model: nn.Module) -> nn.Module:  # noqa: ARG002
        """Binary cross-entropy or asymmetric loss, the mean over records and labels; see `Task.objective`.

        With `class_weights: balanced` a label's positive records weigh negatives / positives of train, at most 100.
        """
        import torch
        from torch import nn

        from stages.tasks.asymmetric_loss import AsymmetricLoss

        asked = self.params.multilabel
        if asked.loss == "asymmetric":
            return AsymmetricLoss(asked.gamma_positive, asked.gamma_negative, asked.clip)
        weights = None
        if params.class_weights == "balanced":
            positive = targets(train).sum(axis=0)
            ratio = (len(targets(train)) - positive) / np.maximum(positive, 1)
            weights = torch.from_numpy(np.clip(ratio, 1.0, 100.0).astype(np.float32))
        return nn.BCEWithLogitsLoss(pos_weight=weights)

    def validate(self, outputs: Outputs, rows: Columns) -> dict[str, float]:
        """Mean average precision, and both F1 at one half; see `Task.validate`."""
        probabilities, gold = sigmoid(dense(outputs)), targets(rows)
        return {
            "map": metrics.mean_average_precision(gold, probabilities),
            **metrics.macro_and_micro_f1(gold, probabilities > HALF),
        }

    def fit(self, outputs: Outputs, rows: pa.Table, records: pa.Table, schema: Schema) -> Fitted:  # noqa: ARG002
        """Thresholds with the best F1 on validation: one per label, or one for all; see `Task.fit`."""
        probabilities, gold = sigmoid(dense(outputs)), indicators(records["labels"], schema.labels)
        if self.params.multilabel.thresholds == "one":
            return {"thresholds": [metrics.best_threshold(gold.ravel(), probabilities.ravel())] * len(schema.labels)}
        return {
            "thresholds": [metrics.best_threshold(gold[:, i], probabilities[:, i]) for i in range(len(schema.labels))]
        }

    def decode(self, outputs: Outputs, rows: pa.Table, records: pa.Table, schema: Schema, fitted: Fitted) -> pa.Table:
        """The labels whose probability passes their threshold; see `Task.decode`.

        Returns:
            id, gold (where records have labels) and predicted (lists of strings, in the order of `schema.labels`),
            probabilities (list of float32, likewise).
        """
        probabilities = sigmoid(dense(outputs))
        thresholds = np.array(fitted.get("thresholds", [HALF] * len(schema.labels)))
        columns = {"id": pa.array(rows["id"].to_pylist(), pa.string())}
        if "labels" in rows.column_names:
            columns["gold"] = named(indicators(records["labels"], schema.labels), schema.labels)
        columns["predicted"] = named(probabilities > thresholds, schema.labels)
        columns["probabilities"] = pa.array(list(probabilities.astype(np.float32)), pa.list_(pa.float32()))
        return pa.table(columns)

    def score(self, predictions: pa.Table, schema: Schema, how: Scoring) -> Scores:
        """Measure with `stages.metrics.multilabel`; see `Task.score`."""
        gold, predicted = (indicators(predictions[name], schema.labels) for name in ("gold", "predicted"))
        return Scores(
            *metrics.evaluate(gold, predicted, probabilities_of(predictions, schema), schema.labels, how.bootstrap)
        )

    def quality(self, predictions: pa.Table, schema: Schema) -> float:
        """Macro-F1; see `Task.quality`."""
        gold, predicted = (indicators(predictions[name], schema.labels) for name in ("gold", "predicted"))
        return metrics.macro_and_micro_f1(gold, predicted)["macro_f1"]

    def agree(self, one: pa.Table, other: pa.Table, schema: Schema) -> np.ndarray:
        """Whether exactly the same labels were given; see `Task.agree`."""
        said = [indicators(table["predicted"], schema.labels) for table in (one, other)]
        same: np.ndarray = (said[0] == said[1]).all(axis=1)
        return same

    def records(self, inputs: Sequence[Any], normalize: Form | None = None) -> pa.Table:
        """Texts as records; see `Task.records`."""
        return text_inputs.records(inputs, normalize)

    def answers(self, predictions: pa.Table, schema: Schema) -> list[Any]:
        """`Labels` of each text; see `Task.answers`."""
        found = []
        for labels, row in zip(
            predictions["predicted"].to_pylist(), predictions["probabilities"].to_pylist(), strict=True
        ):
            scores = dict(zip(schema.labels, row, strict=True))
            likely = sorted(schema.labels, key=scores.__getitem__, reverse=True)
            found.append(Labels([label for label in likely if label in set(labels)], scores))
        return found


def indicators(column: pa.ChunkedArray, labels: list[str]) -> np.ndarray:
    """Whether each record has each label `(records, labels)`, from lists of names."""
    found = np.zeros((len(column), len(labels)), dtype=bool)
    rows = pc.list_parent_indices(column).to_numpy()
    ids = pc.index_in(pc.list_flatten(column), value_set=pa.array(labels, pa.string()))
    found[rows, ids.to_numpy()] = True
    return found


def named(chosen: np.ndarray, labels: list[str]) -> pa.Array:
    """Lists of names from a boolean matrix `(records, labels)`."""
    rows, ids = np.nonzero(chosen)
    offsets = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(chosen)))]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(labels, pa.string()).take(pa.array(ids)))


def targets(rows: Columns) -> np.ndarray:
    """Whether each row has each label `(rows, labels)`, boolean."""
    lists = rows["labels"]
    values = lists.values if isinstance(lists, Ragged) else lists
    found: np.ndarray = values.reshape(len(lists), -1) > 0
    return found


def probabilities_of(predictions: pa.Table, schema: Schema) -> np.ndarray:
    """Probabilities `(records, labels)` of a table of predictions."""
    flat = predictions["probabilities"].combine_chunks().flatten().to_numpy()
    found: np.ndarray = flat.reshape(-1, len(schema.labels)).astype(np.float64)
    return found


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Probabilities in float64, without overflow."""
    return np.exp(-np.logaddexp(0.0, -logits.astype(np.float64)))
