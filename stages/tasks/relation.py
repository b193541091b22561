"""Relation classification: which relation, in which direction, holds between two marked entities of a text.

One record is one pair of entities; a text with several relations is as many records. What distinguishes it from
classification is what is read (`stages.encoding.entity_markers`, states of the markers) and what is measured
(`stages.metrics.relation`); loss and decoding are those of classes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages.artifacts import Schema
from stages.corpora.plain_text import Form
from stages.corpora.values import whole
from stages.encoding import entity_markers, ids
from stages.encoding.ragged import Columns, Outputs, dense
from stages.errors import DataError
from stages.metrics import classification, relation
from stages.params.task import TaskParams
from stages.tasks.classification import Classification
from stages.tasks.protocol import Batch, Figures, Scores, Scoring, Tokenized

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from torch import nn

    from stages.params.model import ModelParams

MARKERS = 4
"""Tokens that marking adds to a text."""
PROBABILITIES = ("log_loss", "brier", "ece")
"""Figures of classification that say how good the probabilities are, whatever the classes mean."""
SPAN = pa.struct([("start", pa.int32()), ("end", pa.int32())])
FIGURES = Figures(
    validation=("class_macro_f1", "accuracy"),
    headline=("macro_f1", "accuracy"),
    shifted=("macro_f1", "accuracy", "log_loss", "ece"),
)


@dataclass(frozen=True)
class Entities:
    """What is asked: a text, and the characters of head and tail in it (end exclusive)."""

    text: str
    head: tuple[int, int]
    tail: tuple[int, int]


class Relation(Classification):
    """Each record is a text, a head, a tail, and one of `schema.labels`."""

    kind = "relation"
    figures = FIGURES

    def __init__(self, params: TaskParams) -> None:
        super().__init__(params)
        self.other = params.relation.other

    def lengths(self, records: pa.Table, tokenizer: Tokenizer) -> np.ndarray:
        """Of the texts with their markers; see `Task.lengths`."""
        return ids.lengths(tokenizer, records["text"].to_pylist()) + MARKERS

    def encode(self, records: pa.Table, tokenizer: Tokenizer, max_length: int, schema: Schema) -> Tokenized:
        """Encode texts with markers; see `Task.encode`.

        Rows have also head and tail, the positions of their opening markers (int32), and the target `label` (int32).
        """
        found = list(
            entity_markers.encode(
                tokenizer,
                records["text"].to_pylist(),
                spans(records["head"]),
                spans(records["tail"]),
                max_length,
                entity_markers.choose(tokenizer),
            )
        )
        lost = Counter(
            {
                "pairs too far apart for one window": sum(one.apart for one in found),
                "entities shortened": sum(one.shortened for one in found),
                "entities that begin or end inside a token": sum(one.blurred for one in found),
            }
        )
        columns = {
            "id": pa.array(records["id"].to_pylist(), pa.string()),
            "input_ids": pa.array([one.ids for one in found], ids.IDS),
            "length": pa.array([len(one.ids) for one in found], pa.int32()),
            "full_length": pa.array([one.full_length for one in found], pa.int32()),
            "head": pa.array([one.head for one in found], pa.int32()),
            "tail": pa.array([one.tail for one in found], pa.int32()),
        }
        if "label" in records.column_names:
            columns["label"] = pc.index_in(records["label"], value_set=pa.array(schema.labels, pa.string()))
        around = entity_markers.MARKERS + tokenizer.num_special_tokens_to_add(is_pair=False)
        return Tokenized(pa.table(columns), dict(+lost), sum(one.full_length - around for one in found))

    def collate(self, rows: Mapping[str, Sequence[Any]], pad_id: int) -> Batch:
        """Pad to the longest row; see `Task.collate`."""
        batch = super().collate(rows, pad_id)
        batch["head_position"] = np.asarray(rows["head"], dtype=np.int64)
        batch["tail_position"] = np.asarray(rows["tail"], dtype=np.int64)
        return batch

    def model(self, encoder: nn.Module, pooling: str, schema: Schema, params: ModelParams) -> nn.Module:  # noqa: ARG002
        """A `MarkedClassifier`; see `Task.model`."""
        from stages.tasks.marked_classifier import MarkedClassifier

        config: Any = encoder.config
        return MarkedClassifier(encoder, int(config.hidden_size), len(schema.labels), params.head_dropout)

    def validate(self, outputs: Outputs, rows: Columns) -> dict[str, float]:
        """Accuracy, and macro-F1 over all classes as they are named, directions apart; see `Task.validate`."""
        logits = dense(outputs)
        found = classification.accuracy_and_macro_f1(dense(rows["label"]), logits.argmax(axis=1), logits.shape[1])
        return {"class_macro_f1": found["macro_f1"], "accuracy": found["accuracy"]}

    def score(self, predictions: pa.Table, schema: Schema, how: Scoring) -> Scores:
        """Measure with `stages.metrics.relation`, and probabilities as classification does; see `Task.score`."""
        gold, predicted, probabilities = self._columns(predictions, schema)
        headline, details = classification.evaluate(
            gold, predicted, probabilities, schema.labels, how.bootstrap, top_k=self.params.top_k, bins=how.bins
        )
        relations = relation.Relations(schema.labels, self.other)
        estimates = how.bootstrap.of_confusion(gold, predicted, len(schema.labels), relations.metrics())
        own = dict(zip(relation.HEADLINE, estimates, strict=True))
        kept = {name: one for name, one in headline.items() if name in PROBABILITIES or name.startswith("top")}
        counts = classification.confusion(gold, predicted, len(schema.labels))
        return Scores({**own, **kept}, {**details, "per_relation": relations.table(counts)})

    def quality(self, predictions: pa.Table, schema: Schema) -> float:
        """The official macro-F1; see `Task.quality`."""
        gold, predicted, _ = self._columns(predictions, schema)
        counts = classification.confusion(gold, predicted, len(schema.labels))
        return float(relation.Relations(schema.labels, self.other).metrics()(counts)[0])

    def records(self, inputs: Sequence[Any], normalize: Form | None = None) -> pa.Table:  # noqa: ARG002
        """`Entities`, or mappings with their fields, as records; see `Task.records`."""
        asked = [_entities(one) for one in inputs]
        return pa.table(
            {
                "id": pa.array([str(i) for i in range(len(asked))], pa.string()),
                "text": pa.array([whole(one.text) for one in asked], pa.string()),
                "head": pa.array([{"start": one.head[0], "end": one.head[1]} for one in asked], SPAN),
                "tail": pa.array([{"start": one.tail[0], "end": one.tail[1]} for one in asked], SPAN),
            }
        )


def spans(column: pa.ChunkedArray) -> list[tuple[int, int]]:
    """Structs of start and end as pairs."""
    return [(one["start"], one["end"]) for one in column.to_pylist()]


def _entities(one: Any) -> Entities:
    """What a user asked.

    Raises:
        DataError: it is neither `Entities` nor a mapping with text, head and tail, or a span lies outside the text.
    """
    try:
        asked = one if isinstance(one, Entities) else Entities(one["text"], tuple(one["head"]), tuple(one["tail"]))
        size = len(asked.text)
        inside = all(0 <= index(a) < index(b) <= size for a, b in (asked.head, asked.tail))
        fine = isinstance(asked.text, str) and asked.head != asked.tail and inside
    except (KeyError, TypeError, ValueError):
        fine = False
    if not fine:
        raise DataError(
            "expected {'text': ..., 'head': (start, end), 'tail': (start, end)} with two different spans of characters "
            f"inside the text, which is one string and no list of tokens, found {str(one)[:80]!r}"
        )
    return asked
