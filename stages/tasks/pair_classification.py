"""Single-label classification of two texts: entailment, duplicate questions, answers to a question.

All but the encoding is classification's: the pair is one sequence, pooled and given to a linear head.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages.artifacts import Schema
from stages.corpora.plain_text import Form
from stages.encoding.ragged import Columns, Outputs, dense
from stages.metrics import classification as metrics
from stages.tasks import pair_inputs
from stages.tasks.classification import Classification
from stages.tasks.protocol import Batch, Figures, Tokenized

if TYPE_CHECKING:
    from tokenizers import Tokenizer


class PairClassification(Classification):
    """Each pair has exactly one of `schema.labels`."""

    kind = "pair_classification"
    figures = Figures(
        validation=("accuracy", "macro_f1", "mcc"),
        headline=("accuracy", "macro_f1"),
        shifted=("accuracy", "macro_f1", "mcc", "log_loss", "ece"),
        left_out=("micro_f1",),
    )

    def lengths(self, records: pa.Table, tokenizer: Tokenizer) -> np.ndarray:
        """Of the pairs; see `Task.lengths`."""
        return pair_inputs.lengths(records, tokenizer)

    def encode(self, records: pa.Table, tokenizer: Tokenizer, max_length: int, schema: Schema) -> Tokenized:
        """Encode pairs and look up class ids; see `Task.encode`."""
        columns = pair_inputs.encode(records, tokenizer, max_length)
        if "label" in records.column_names:
            columns["label"] = pc.index_in(records["label"], value_set=pa.array(schema.labels, pa.string()))
        return Tokenized(pa.table(columns))

    def collate(self, rows: Mapping[str, Sequence[Any]], pad_id: int) -> Batch:
        """Pad to the longest row; see `Task.collate`."""
        batch = pair_inputs.collate(rows, pad_id)
        if "label" in rows:
            batch["labels"] = np.asarray(rows["label"], dtype=np.int64)
        return batch

    def validate(self, outputs: Outputs, rows: Columns) -> dict[str, float]:
        """Accuracy, macro-F1 and MCC; see `Task.validate`."""
        logits = dense(outputs)
        counts = metrics.confusion(dense(rows["label"]), logits.argmax(axis=1), logits.shape[1])
        named = dict(zip(metrics.FROM_CONFUSION, metrics.from_confusion(counts), strict=True))
        return {name: float(named[name]) for name in self.figures.validation}

    def records(self, inputs: Sequence[Any], normalize: Form | None = None) -> pa.Table:
        """Pairs as records; see `Task.records`."""
        return pair_inputs.records(inputs, normalize)
