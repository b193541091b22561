"""Metrics of labelled spans: exact matches as everybody reports them, and what the inexact ones are.

A predicted span is right when record, both ends and type are those of a gold span: precision, recall and F1 of CoNLL-2000 and
2003 (`conlleval`) and of seqeval. `f1` pools all types (micro); `macro_f1` averages over the types that occur in gold or
predictions. A quotient without a denominator is 0.

Besides, F1 of the entities whose words train has marked somewhere and of those that are new (Augenstein, Derczynski & Bontcheva
2017, "Generalisation in named entity recognition"): the second one says what the model will do with tomorrow's names.

Everything is counted per record once; an interval resamples records, which multiplies counts by weights.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stages.metrics.intervals import Bootstrap, Estimate


@dataclass(frozen=True)
class Spans:
    """Spans of a split, each record's sorted and not overlapping.

    Attributes:
        record: number of the record `(spans,)`, ascending.
        start: first character or word `(spans,)`.
        end: the one after the last `(spans,)`.
        kind: type id `(spans,)`.
    """

    record: np.ndarray
    start: np.ndarray
    end: np.ndarray
    kind: np.ndarray

    def __len__(self) -> int:
        return len(self.record)

    @classmethod
    def of(cls, rows: Sequence[Sequence[tuple[int, int, int]]]) -> Spans:
        """From each record's (start, end, type id)."""
        flat = np.array([(i, *span) for i, row in enumerate(rows) for span in row], dtype=np.int64).reshape(-1, 4)
        return cls(*flat.T)


def prf(right: np.ndarray, gold: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Precision, recall and F1 `(..., 3)` of counts `(...)`; 0 where a denominator is."""
    return np.stack([_ratio(right, predicted), _ratio(right, gold), _ratio(2 * right, gold + predicted)], axis=-1)


def micro_f1(gold: Spans, predicted: Spans, types: int) -> dict[str, float]:
    """Precision, recall and F1 over all types, and macro-F1: what training chooses by. Cheap: nothing is paired."""
    counts = _counts(gold, predicted, exact_hits(gold, predicted), 1, types, whole=True)[0]
    precision, recall, f1 = prf(*counts.sum(axis=1)).tolist()
    return {"f1": f1, "precision": precision, "recall": recall, "macro_f1": float(_macro(counts))}


def exact_hits(gold: Spans, predicted: Spans) -> np.ndarray:
    """Whether each gold span was predicted with its ends and type `(gold spans,)`."""
    both = [
        np.concatenate([getattr(gold, name), getattr(predicted, name)]) for name in ("record", "start", "end", "kind")
    ]
    _, number = np.unique(np.stack(both, axis=1), axis=0, return_inverse=True)
    return np.isin(number[: len(gold)], number[len(gold) :])


def evaluate(
    gold: Spans,
    predicted: Spans,
    records: int,
    types: Sequence[str],
    bootstrap: Bootstrap,
    *,
    seen: tuple[np.ndarray, np.ndarray] | None = None,
) -> tuple[dict[str, Estimate], dict[str, Any]]:
    """Everything that evaluate reports of one split.

    Args:
        gold: spans.
        predicted: spans.
        records: of the split.
        types: names.
        bootstrap: how intervals are made.
        seen: whether train has the words of each gold and of each predicted span, see `surface`; None leaves that out.

    Returns:
        The headline with intervals (f1, precision, recall, macro_f1, and with `seen` f1_seen and f1_unseen), and details: the
        types' table, and seen and unseen.
    """
    hits = exact_hits(gold, predicted)
    counts = _counts(gold, predicted, hits, records, len(types))
    split = _seen_counts(gold, predicted, hits, records, seen)
    everything = np.concatenate([counts, split], axis=2).reshape(records, -1)
    draws = np.concatenate([block @ everything for block in bootstrap.weights(records)])
    draws = draws.reshape(len(draws), 3, -1)
    points = everything.sum(axis=0).reshape(3, -1)
    kinds = len(types)
    headline = {}
    for i, name in ((2, "f1"), (0, "precision"), (1, "recall")):
        value, resampled = _pooled(points[None, :, :kinds])[0, i], _pooled(draws[:, :, :kinds])[:, i]
        headline[name] = _estimate(value, resampled, bootstrap, records)
    macro = _macro(draws[:, :, :kinds])
    headline["macro_f1"] = _estimate(_macro(points[:, :kinds]), macro, bootstrap, records)
    rows = [_row(points[:, i], draws[:, :, i], bootstrap) for i in range(points.shape[1])]
    details: dict[str, Any] = {"per_type": [{"type": name, **row} for name, row in zip(types, rows, strict=False)]}
    if seen is not None:
        for i, name in ((kinds, "seen"), (kinds + 1, "unseen")):
            value, resampled = prf(*points[:, i])[2], prf(*draws[:, :, i].T)[:, 2]
            headline[f"f1_{name}"] = _estimate(value, resampled, bootstrap, records)
        halves = zip(("seen", "unseen"), rows[kinds:], strict=True)
        details["seen"] = [{"entities": name, **row} for name, row in halves]
    return headline, details


def gain(gold: Spans, one: Spans, other: Spans, records: int, bootstrap: Bootstrap) -> Estimate:
    """How much higher the first predictions' F1 is than the second ones', paired over records."""
    counts = np.concatenate([_pooled_counts(gold, side, records) for side in (one, other)], axis=1)
    draws = np.concatenate([block @ counts for block in bootstrap.weights(records)])

    def difference(sums: np.ndarray) -> np.ndarray:
        return prf(*sums[:, :3].T)[:, 2] - prf(*sums[:, 3:].T)[:, 2]

    return _estimate(difference(counts.sum(axis=0)[None])[0], difference(draws), bootstrap, records)


def surface(words: str) -> str:
    """The words of a span as they are compared with train's: without regard to case and to the width of blanks."""
    return " ".join(words.casefold().split())


def stands_in(known: Collection[str], found: Sequence[str]) -> np.ndarray:
    """Whether each surface is among the known ones `(surfaces,)`."""
    return np.array([one in known for one in found], dtype=bool)


def _counts(
    gold: Spans, predicted: Spans, hits: np.ndarray, records: int, types: int, *, whole: bool = False
) -> np.ndarray:
    """Right, gold and predicted spans per record and type `(records, 3, types)`; with `whole`, of all records as one."""
    counts = np.zeros((records, 3, types))
    one, other = (np.zeros_like(side.record) if whole else side.record for side in (gold, predicted))
    np.add.at(counts[:, 0], (one[hits], gold.kind[hits]), 1)
    np.add.at(counts[:, 1], (one, gold.kind), 1)
    np.add.at(counts[:, 2], (other, predicted.kind), 1)
    return counts


def _pooled_counts(gold: Spans, predicted: Spans, records: int) -> np.ndarray:
    """Right, gold and predicted spans per record, whatever their types `(records, 3)`."""
    sides = (gold.record[exact_hits(gold, predicted)], gold.record, predicted.record)
    return np.stack([np.bincount(side, minlength=records) for side in sides], axis=1).astype(float)


def _seen_counts(
    gold: Spans, predicted: Spans, hits: np.ndarray, records: int, seen: tuple[np.ndarray, np.ndarray] | None
) -> np.ndarray:
    """The same with seen and unseen in the place of types `(records, 3, 2)`; `(records, 3, 0)` when nobody asks."""
    if seen is None:
        return np.zeros((records, 3, 0))
    one, other = (
        Spans(side.record, side.start, side.end, (~known).astype(np.int64))
        for side, known in zip((gold, predicted), seen, strict=True)
    )
    return _counts(one, other, hits, records, 2)


def _pooled(counts: np.ndarray) -> np.ndarray:
    """Precision, recall and F1 over all types `(resamples, 3)` of counts `(resamples, 3, types)`."""
    return prf(*np.moveaxis(counts.sum(axis=2), 1, 0))


def _macro(counts: np.ndarray) -> np.ndarray:
    """Mean F1 over the types that occur in gold or predictions `(...)` of counts `(..., 3, types)`; 0 when none does."""
    right, gold, predicted = np.moveaxis(counts, -2, 0)
    f1 = prf(right, gold, predicted)[..., 2]
    return _ratio(f1.sum(axis=-1), (gold + predicted > 0).sum(axis=-1))


def _row(point: np.ndarray, draws: np.ndarray, bootstrap: Bootstrap) -> dict[str, Any]:
    """A row of a table: counts `(3,)` of the split and of its resamples `(resamples, 3)`."""
    precision, recall, f1 = prf(*point).tolist()
    low, high = bootstrap.interval(prf(*draws.T)[:, 2])
    numbers = {"precision": precision, "recall": recall, "f1": f1, "f1_low": low, "f1_high": high}
    return {**numbers, "support": int(point[1]), "predicted": int(point[2])}


def _estimate(value: Any, draws: np.ndarray, bootstrap: Bootstrap, n: int) -> Estimate:
    return Estimate(float(value), *bootstrap.interval(draws), n)


def _ratio(above: Any, below: Any) -> np.ndarray:
    """Quotient, 0 where the divisor is 0."""
    above, below = np.asarray(above, dtype=float), np.asarray(below, dtype=float)
    return np.divide(above, below, out=np.zeros(np.shape(below)), where=below > 0)
