"""One scorer for both sides: figures of predictions under any weights of the test records, and differences with intervals.

Figures are made of the project's own metrics (`stages.metrics`), so that ours are those of `metrics.json`. The difference of
two sides is that of their means over seeds; its interval resamples the test records, the same for every run of both. It says
what another test set would have said of these very runs; what other seeds would have said shows in the spread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from stages.artifacts import Schema
from stages.metrics import multilabel, question_answering, regression, spans
from stages.metrics.intervals import Bootstrap
from stages.metrics.relation import Relations
from stages.tasks.multilabel import indicators

Measure = Callable[[np.ndarray], dict[str, np.ndarray]]
"""From weights of the test records `(rows, records)` to each figure `(rows,)`."""


def exact_spans(gold: pa.Table, predicted: Sequence[Any], schema: Schema, other: str | None) -> Measure:
    """F1 of exact spans, all types pooled."""
    ids = {name: i for i, name in enumerate(schema.labels)}
    marked = [[(one["start"], one["end"], one["label"]) for one in row] for row in gold["spans"].to_pylist()]
    own, said = (
        spans.Spans.of([[(start, end, ids[name]) for start, end, name in row] for row in rows])
        for rows in (marked, predicted)
    )
    sides = (own.record[spans.exact_hits(own, said)], own.record, said.record)
    counts = np.stack([np.bincount(side, minlength=len(predicted)) for side in sides], axis=1).astype(float)
    return lambda weights: {"f1": spans.prf(*(weights @ counts).T)[:, 2]}


def directed_relations(gold: pa.Table, predicted: Sequence[Any], schema: Schema, other: str | None) -> Measure:
    """Macro-F1 by the official convention of SemEval-2010 Task 8."""
    ids, size = {name: i for i, name in enumerate(schema.labels)}, len(schema.labels)
    pairs = zip(gold["label"].to_pylist(), predicted, strict=True)
    cells, cell = np.unique([ids[one] * size + ids[said] for one, said in pairs], return_inverse=True)
    chosen = np.eye(len(cells))[cell]
    measure = Relations(schema.labels, other).metrics()

    def figures(weights: np.ndarray) -> dict[str, np.ndarray]:
        counts = np.zeros((len(weights), size * size))
        counts[:, cells] = weights @ chosen
        return {"macro_f1": measure(counts.reshape(-1, size, size))[:, 0]}

    return figures


def label_sets(gold: pa.Table, predicted: Sequence[Any], schema: Schema, other: str | None) -> Measure:
    """Macro and micro F1."""
    own = indicators(gold["labels"], schema.labels)
    said = indicators(pa.chunked_array([pa.array(predicted, pa.list_(pa.string()))]), schema.labels)
    parts = [part.astype(float) for part in (own & said, own, said)]
    never = int((~(own | said).any(axis=0)).sum())

    def figures(weights: np.ndarray) -> dict[str, np.ndarray]:
        right, marked, given = (weights @ part for part in parts)
        micro = multilabel.f1_of(right.sum(axis=1), marked.sum(axis=1), given.sum(axis=1))
        return {"macro_f1": multilabel.macro_f1_of_draws(right, marked, given, never), "micro_f1": micro}

    return figures


def numbers(gold: pa.Table, predicted: Sequence[Any], schema: Schema, other: str | None) -> Measure:
    """Spearman's correlation."""
    scores, said = gold["score"].to_numpy(), np.array(predicted, dtype=float)
    return lambda weights: {"spearman": regression.spearman(scores, said, weights)}


def answers(gold: pa.Table, predicted: Sequence[Any], schema: Schema, other: str | None) -> Measure:
    """Exact match and F1 as SQuAD has them."""
    references = [[one["text"] for one in row] for row in gold["answers"].to_pylist()]
    values = question_answering.per_record(predicted, references)

    def figures(weights: np.ndarray) -> dict[str, np.ndarray]:
        means = weights @ values.T / weights.sum(axis=1, keepdims=True)
        return {"exact_match": means[:, 0], "f1": means[:, 1]}

    return figures


KINDS: dict[str, Callable[[pa.Table, Sequence[Any], Schema, str | None], Measure]] = {
    "multilabel": label_sets,
    "pair_regression": numbers,
    "question_answering": answers,
    "relation": directed_relations,
    "tagging": exact_spans,
}


@dataclass(frozen=True)
class Side:
    """Runs of one side.

    Attributes:
        figures: of each seed, by name `(seeds,)`.
        draws: of each resample, the mean over seeds, by name `(resamples,)`.
    """

    figures: Mapping[str, np.ndarray]
    draws: Mapping[str, np.ndarray]


def side(gold: pa.Table, runs: Sequence[Sequence[Any]], schema: Schema, other: str | None, how: Bootstrap) -> Side:
    """Measure the runs of one side.

    Args:
        gold: prepared test records.
        runs: predictions of each seed, in the records' order.
        schema: of the corpus.
        other: the class of no relation.
        how: records are resampled.
    """
    measures = [KINDS[schema.task](gold, predicted, schema, other) for predicted in runs]
    once = [measure(np.ones((1, gold.num_rows))) for measure in measures]
    names = list(once[0])
    drawn: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for block in how.weights(gold.num_rows):
        found = [measure(block) for measure in measures]
        for name in names:
            drawn[name].append(np.mean([one[name] for one in found], axis=0))
    return Side(
        {name: np.array([one[name][0] for one in once]) for name in names},
        {name: np.concatenate(parts) for name, parts in drawn.items()},
    )


@dataclass(frozen=True)
class Difference:
    """How much higher ours is.

    Attributes:
        value: difference of the means over seeds.
        low: lower end of its interval.
        high: upper end.
    """

    value: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """In words; a difference counts as clear when its interval leaves out 0."""
        if self.value > 0:
            return "clearly higher" if self.low > 0 else "higher"
        if self.value < 0:
            return "clearly lower" if self.high < 0 else "lower, within the interval"
        return "equal"


def difference(ours: Side, peers: Side, figure: str, how: Bootstrap) -> Difference:
    """Ours minus the peer's, paired over the test records."""
    value = float(ours.figures[figure].mean() - peers.figures[figure].mean())
    return Difference(value, *how.interval(ours.draws[figure] - peers.draws[figure]))
