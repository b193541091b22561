"""What a task has to define, so that every stage can serve it without knowing it.

Torch is imported only where a model is built: tokenize uses `encode` and evaluate's scoring uses numpy alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa

from stages.artifacts import Schema
from stages.metrics.intervals import Bootstrap, Estimate

if TYPE_CHECKING:
    import torch
    from tokenizers import Tokenizer
    from torch import nn

    from stages.params.model import ModelParams
    from stages.params.training import TrainingParams

Batch = dict[str, "torch.Tensor"]


@dataclass(frozen=True)
class Scores:
    """What a task says of predictions on one split.

    Attributes:
        headline: the few figures that belong into `metrics.json`, each with its interval where it has one.
        details: everything else, ready for JSON.
    """

    headline: dict[str, Estimate]
    details: dict[str, Any] = field(default_factory=dict)


class Task(Protocol):
    """One kind of task."""

    kind: str

    def encode(self, records: pa.Table, tokenizer: Tokenizer, max_length: int, schema: Schema) -> pa.Table:
        """Turn prepared records into model inputs and targets.

        Returns:
            Columns id (string), input_ids (list of int32), length (int32, after truncation), full_length (int32,
            before), and the task's targets; rows in the order of `records`.
        """

    def collate(self, rows: Mapping[str, Sequence[Any]], pad_id: int) -> Batch:
        """Pad a batch to its longest row.

        Args:
            rows: column name to values, as `encode` made them.
            pad_id: token id of padding.

        Returns:
            input_ids and attention_mask `(batch, length)`, and `labels` when the rows have targets.
        """

    def model(self, encoder: nn.Module, pooling: str, schema: Schema, params: ModelParams) -> nn.Module:
        """Put the task's head on an encoder.

        Returns:
            A module whose `forward(input_ids, attention_mask)` gives logits, with attributes `encoder` and `head`.
        """

    def objective(self, params: TrainingParams, targets: np.ndarray, schema: Schema) -> nn.Module:
        """The loss: a module called with logits and labels that returns a scalar, the mean over the batch.

        Args:
            params: training's params (label smoothing, class weights).
            targets: all targets of train, for weights that depend on their distribution.
            schema: of the corpus.
        """

    def validate(self, logits: np.ndarray, targets: np.ndarray) -> dict[str, float]:
        """The metrics by which training picks its best epoch: cheap, without intervals, `loss` excluded."""

    def decode(self, logits: np.ndarray, ids: Sequence[str], gold: np.ndarray, schema: Schema) -> pa.Table:
        """Turn logits `(records, ...)` into predictions: id, gold, predicted, probabilities."""

    def score(self, predictions: pa.Table, schema: Schema, bootstrap: Bootstrap, params: Mapping[str, Any]) -> Scores:
        """Measure predictions against gold."""
