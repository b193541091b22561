"""What a task has to define, so that every stage can serve it without knowing it.

A task is made from the `task` section of params and holds nothing else: `TASKS[kind](params)`. Torch is imported only where a
model or a loss is built. Everything else is numpy, Arrow and tokenizers, so that a release decodes with the very code that
evaluate judged.

The way of a record, with the method that each step calls:

    prepared --encode--> tokenized --collate--> batch --model--> outputs --decode--> predictions --score--> figures
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
import pyarrow as pa

from stages.artifacts import Schema
from stages.corpora.plain_text import Form
from stages.encoding.ragged import Columns, Outputs
from stages.metrics.intervals import Bootstrap, Estimate

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from torch import nn

    from stages.params.model import ModelParams
    from stages.params.task import TaskParams
    from stages.params.training import TrainingParams

Batch = dict[str, np.ndarray]
"""The arrays of a batch, by the name of the model's argument; `labels` goes to the objective instead."""
Fitted = dict[str, Any]
"""What a task chose on validation, ready for JSON: thresholds, for example. Empty where there is nothing to choose."""
Probe = Literal["multinomial", "independent", "ridge"] | None
"""A regression that can give a head its start."""
IGNORED = -100
"""Label of positions that do not count (PyTorch's own convention)."""


@dataclass(frozen=True)
class Tokenized:
    """What encoding made of some records.

    Attributes:
        rows: id (string), input_ids (list of int32), length (int32, after truncation), full_length (int32, before), then the
            task's targets and whatever decoding needs. A record may have several rows, one per window, all with its id and
            next to each other, in the records' order.
        lost: labels that encoding could not carry over, by reason; added up over batches and reported by tokenize.
        pieces: tokens of the texts themselves, each counted once and before any cut; None where they are what rows have in
            `full_length` less special tokens.
    """

    rows: pa.Table
    lost: dict[str, int] = field(default_factory=dict)
    pieces: int | None = None


@dataclass(frozen=True)
class Scores:
    """What a task says of predictions on one split.

    Attributes:
        headline: the few figures that belong into `metrics.json`, each with its interval where it has one.
        details: everything else, ready for JSON.
    """

    headline: dict[str, Estimate]
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Scoring:
    """How predictions are measured.

    Attributes:
        bootstrap: how intervals are made.
        bins: of calibration errors.
        train: gives the prepared train split, for figures that tell seen from unseen (entities, for example).
    """

    bootstrap: Bootstrap
    bins: int = 15
    train: Callable[[], pa.Table] | None = None


@dataclass(frozen=True)
class Figures:
    """Which of a task's figures stand where.

    Attributes:
        validation: names that `validate` returns; the first one is what `training.metric: auto` chooses by. The same names
            stand in `stages.params.task.VALIDATED`, which params are checked against.
        headline: figures of `score` that keep their interval in `metrics.json`; the first one stands for the result.
        shifted: figures of `score` that are shown of the shifted split too.
        left_out: figures of `score` that `metrics.json` does without.
    """

    validation: tuple[str, ...]
    headline: tuple[str, ...]
    shifted: tuple[str, ...]
    left_out: tuple[str, ...] = ()


class Task(Protocol):
    """One kind of task.

    Attributes:
        kind: its name in params.
        params: the `task` section.
        targets: columns of prepared records that hold what is to be predicted; unlabelled splits lack them.
        figures: which figures stand where.
        by_token: whether the model's outputs have an axis of tokens, `(batch, length, ...)`: they are then kept ragged, and
            validation's loss is the mean over batches instead of one call on all of them.
        fits: whether something is chosen on validation once training has ended (thresholds); see `fit`.
        probe: which regression on frozen features gives the head a start (`stages.training.head_fits.FITS`); None where the
            head is not linear on pooled features.
    """

    kind: str
    params: TaskParams
    targets: tuple[str, ...]
    figures: Figures
    by_token: bool
    fits: bool
    probe: Probe

    def lengths(self, records: pa.Table, tokenizer: Tokenizer) -> np.ndarray:
        """Tokens of each record before any truncation `(records,)`, special tokens included."""

    def encode(self, records: pa.Table, tokenizer: Tokenizer, max_length: int, schema: Schema) -> Tokenized:
        """Turn prepared records into model inputs and targets.

        Args:
            records: columns of a prepared split; without target columns, the rows have no targets.
            tokenizer: with truncation and padding off; left so.
            max_length: of a row, in tokens.
            schema: of the corpus.
        """

    def collate(self, rows: Mapping[str, Sequence[Any]], pad_id: int) -> Batch:
        """Pad a batch to its longest row, in numpy.

        Args:
            rows: column name to values, as `encode` made them.
            pad_id: token id of padding.

        Returns:
            The model's arguments by name, input_ids and attention_mask `(batch, length)` among them, and `labels` when the
            rows have targets; `IGNORED` marks positions of labels that do not count.
        """

    def model(self, encoder: nn.Module, pooling: str, schema: Schema, params: ModelParams) -> nn.Module:
        """Put the task's head on an encoder.

        Returns:
            A module with attributes `encoder` and `head`, called with a batch without its labels, by name. It returns one
            tensor: `(batch, classes)`, `(batch,)`, `(batch, length, tags)`, `(batch, length, 2)`. With a `probe`, it has
            `features(**batch)` too, what the head reads `(batch, hidden)`.
        """

    def objective(self, params: TrainingParams, train: Columns, schema: Schema, model: nn.Module) -> nn.Module:
        """The loss: a module called with outputs and labels that returns a scalar, the mean over the batch.

        Args:
            params: training's params (label smoothing, class weights).
            train: train's rows by column, for weights that depend on how its targets are distributed.
            schema: of the corpus.
            model: whose head the loss may share weights with (a CRF's transitions).
        """

    def validate(self, outputs: Outputs, rows: Columns) -> dict[str, float]:
        """The metrics by which training picks its best epoch: cheap, without intervals, `loss` excluded.

        Args:
            outputs: of all rows of validation.
            rows: the same rows by column, targets among them.
        """

    def fit(self, outputs: Outputs, rows: pa.Table, records: pa.Table, schema: Schema) -> Fitted:
        """Choose on validation what decoding needs; empty where there is nothing to choose. Not called without `fits`.

        Args:
            outputs: of all rows.
            rows: tokenized.
            records: the prepared split that they come from.
            schema: of the corpus.
        """

    def decode(self, outputs: Outputs, rows: pa.Table, records: pa.Table, schema: Schema, fitted: Fitted) -> pa.Table:
        """Turn outputs into predictions, one row per record, in the records' order.

        Returns:
            id, gold (when the records have targets), predicted, and what the kind adds (probabilities, scores).
        """

    def score(self, predictions: pa.Table, schema: Schema, how: Scoring) -> Scores:
        """Measure predictions against gold."""

    def quality(self, predictions: pa.Table, schema: Schema) -> float:
        """The first headline figure alone, without interval."""

    def agree(self, one: pa.Table, other: pa.Table, schema: Schema) -> np.ndarray:
        """Whether two models' predictions of the same records mean the same to a user `(records,)`."""

    def records(self, inputs: Sequence[Any], normalize: Form | None = None) -> pa.Table:
        """What a user asks (texts; pairs of texts; ...) as records without targets, for `encode`.

        Texts are cleaned as prepare cleans them. Where answers point at their characters they stay as they are, but for half
        surrogate pairs, which no file can hold.

        Args:
            inputs: in the kind's own form.
            normalize: Unicode form of the corpus, `Schema.normalize`.

        Raises:
            DataError: an input is not what this kind reads.
        """

    def answers(self, predictions: pa.Table, schema: Schema) -> list[Any]:
        """Predictions as objects that a user reads: label with score, spans with offsets, ..."""
