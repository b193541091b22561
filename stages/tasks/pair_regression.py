"""A number for two texts: how similar they are, how well one answers the other.

With `task.regression.range` scores are learned on the scale of that range, [0, 1], which keeps the loss and the learning rate
of one size whatever the data set's scale; without one they are learned as they are. The loss is the squared error, or an
ordinal one: the range is cut into steps, and one sigmoid per step says how much of it the score has climbed (Frank & Hall 2001,
with shares of a step as soft targets), so that the score is the sum of all steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from stages.artifacts import Schema
from stages.corpora.plain_text import Form
from stages.encoding.ragged import Columns, Outputs, dense
from stages.errors import SHOWN, DataError, Problem, report
from stages.metrics import regression as metrics
from stages.params.task import TaskParams
from stages.tasks import pair_inputs
from stages.tasks.protocol import Batch, Figures, Fitted, Probe, Scores, Scoring, Tokenized

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from torch import nn

    from stages.params.model import ModelParams
    from stages.params.training import TrainingParams

SAME = 0.01
"""Share of the scores' range by which two models may differ and still say the same."""


class PairRegression:
    """Each pair has a score."""

    kind = "pair_regression"
    targets: tuple[str, ...] = ("score",)
    figures = Figures(
        validation=("spearman", "pearson"),
        headline=("spearman", "pearson"),
        shifted=("spearman", "pearson", "mse", "mae"),
    )
    by_token = False
    fits = False

    def __init__(self, params: TaskParams) -> None:
        self.params = params
        asked = params.regression
        self.low, self.high = asked.range or (0.0, 1.0)
        self.steps = asked.levels - 1 if asked.loss == "ordinal" else 1
        self.probe: Probe = "ridge" if asked.loss == "mse" else None

    def lengths(self, records: pa.Table, tokenizer: Tokenizer) -> np.ndarray:
        """Of the pairs; see `Task.lengths`."""
        return pair_inputs.lengths(records, tokenizer)

    def encode(self, records: pa.Table, tokenizer: Tokenizer, max_length: int, schema: Schema) -> Tokenized:  # noqa: ARG002
        """Encode pairs; see `Task.encode`. The target column is `score` (float64)."""
        columns = pair_inputs.encode(records, tokenizer, max_length)
        if "score" in records.column_names:
            columns["score"] = records["score"].combine_chunks() if records.num_rows else records["score"]
            self._within(records)
        return Tokenized(pa.table(columns))

    def collate(self, rows: Mapping[str, Sequence[Any]], pad_id: int) -> Batch:
        """Pad to the longest row; labels are on the model's scale, `(batch,)` or `(batch, steps)`; see `Task.collate`."""
        batch = pair_inputs.collate(rows, pad_id)
        if "score" in rows:
            scaled = (np.asarray(rows["score"], dtype=np.float64) - self.low) / (self.high - self.low)
            if self.params.regression.loss == "ordinal":
                scaled = np.clip(scaled[:, None] * self.steps - np.arange(self.steps), 0.0, 1.0)
            batch["labels"] = scaled.astype(np.float32)
        return batch

    def model(self, encoder: nn.Module, pooling: str, schema: Schema, params: ModelParams) -> nn.Module:  # noqa: ARG002
        """A pooled head with one output, or one per step; see `Task.model`."""
        from stages.tasks.pooled_classifier import PooledClassifier, PooledRegressor

        if self.params.regression.loss == "ordinal":
            return PooledClassifier(encoder, pooling, self.steps, params.head_dropout)
        return PooledRegressor(encoder, pooling, params.head_dropout)

    def objective(self, params: TrainingParams, train: Columns, schema: Schema, model: nn.Module) -> nn.Module:  # noqa: ARG002
        """Squared error, or binary cross-entropy of the steps; see `Task.objective`."""
        from torch import nn

        return nn.BCEWithLogitsLoss() if self.params.regression.loss == "ordinal" else nn.MSELoss()

    def validate(self, outputs: Outputs, rows: Columns) -> dict[str, float]:
        """Both correlations; see `Task.validate`."""
        return metrics.correlations(dense(rows["score"]), self._scores(outputs))

    def fit(self, outputs: Outputs, rows: pa.Table, records: pa.Table, schema: Schema) -> Fitted:  # noqa: ARG002
        """Nothing; see `Task.fit`."""
        return {}

    def decode(self, outputs: Outputs, rows: pa.Table, records: pa.Table, schema: Schema, fitted: Fitted) -> pa.Table:  # noqa: ARG002
        """The score of each pair; see `Task.decode`.

        Returns:
            id, gold (where rows have scores), predicted, float64.
        """
        columns = {"id": pa.array(rows["id"].to_pylist(), pa.string())}
        if "score" in rows.column_names:
            columns["gold"] = pa.array(rows["score"].to_numpy(), pa.float64())
        columns["predicted"] = pa.array(self._scores(outputs), pa.float64())
        return pa.table(columns)

    def score(self, predictions: pa.Table, schema: Schema, how: Scoring) -> Scores:  # noqa: ARG002
        """Measure with `stages.metrics.regression`; see `Task.score`."""
        gold, predicted = (predictions[name].to_numpy() for name in ("gold", "predicted"))
        return Scores(*metrics.evaluate(gold, predicted, how.bootstrap))

    def quality(self, predictions: pa.Table, schema: Schema) -> float:  # noqa: ARG002
        """Spearman's correlation; see `Task.quality`."""
        return metrics.correlations(predictions["gold"].to_numpy(), predictions["predicted"].to_numpy())["spearman"]

    def agree(self, one: pa.Table, other: pa.Table, schema: Schema) -> np.ndarray:  # noqa: ARG002
        """Whether scores differ by at most a hundredth of the range; see `Task.agree`."""
        first, second = (table["predicted"].to_numpy() for table in (one, other))
        width = self.high - self.low if self.params.regression.range else float(np.ptp(first)) or 1.0
        same: np.ndarray = np.abs(first - second) <= SAME * width
        return same

    def records(self, inputs: Sequence[Any], normalize: Form | None = None) -> pa.Table:
        """Pairs as records; see `Task.records`."""
        return pair_inputs.records(inputs, normalize)

    def answers(self, predictions: pa.Table, schema: Schema) -> list[Any]:  # noqa: ARG002
        """A number for each pair; see `Task.answers`."""
        found: list[Any] = predictions["predicted"].to_pylist()
        return found

    def _within(self, records: pa.Table) -> None:
        """Hold scores against the range that params give.

        Raises:
            DataError: some lie outside.
        """
        if not self.params.regression.range:
            return
        scores = records["score"].to_numpy()
        outside = np.flatnonzero((scores < self.low) | (scores > self.high))
        if len(outside):
            problems = [
                Problem(f"{scores[i]:g} lies outside, record {records['id'][int(i)].as_py()}", field="score")
                for i in outside[:SHOWN]
            ]
            what = f"scores outside task.regression.range, {self.low:g} to {self.high:g}"
            raise DataError(report(what, problems, "Widen the range, or mend the scores.", total=len(outside)))

    def _scores(self, outputs: Outputs) -> np.ndarray:
        """Outputs on the scale of the data `(records,)`, float64."""
        said = dense(outputs).astype(np.float64)
        if self.params.regression.loss == "ordinal":
            said = np.exp(-np.logaddexp(0.0, -said)).mean(axis=1)
        scores: np.ndarray = self.low + (self.high - self.low) * said
        return scores
