"""Scores of pairs: the mean and the cosine of TF-IDF beside them, the largest errors as a table, one picture."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from stages import artifacts
from stages.analysis.comparison import Comparison
from stages.analysis.plots import learning_curves, scores, unused
from stages.analysis.reports.protocol import Evaluated
from stages.analysis.similarity_baselines import CosineBaseline, Pairs
from stages.metrics import regression as metrics
from stages.metrics.intervals import Estimate
from stages.tasks.protocol import Scores

COLUMNS = ("id", "text", "text_b", "gold", "predicted", "error")


class RegressionReport:
    """Two texts and a score."""

    single_label = False
    calibrates = False

    def baselines(self, given: Evaluated) -> dict[str, Comparison]:
        """Train's mean, whose correlations are 0 by definition, and the cosine of TF-IDF vectors."""
        train = given.prepared("train")
        tfidf = CosineBaseline(pairs_of(train), train["score"].to_numpy(), given.params.seed)
        result = {}
        for split in given.judged:
            records, ours = given.prepared(split), given.predictions[split]["predicted"].to_numpy()
            gold, theirs = records["score"].to_numpy(), tfidf.predict(pairs_of(records))
            found = {
                "mean": np.full(len(gold), float(train["score"].to_numpy().mean())),
                "tfidf": theirs,
            }
            compared = {name: _kept(metrics.evaluate(gold, said, given.bootstrap)[0]) for name, said in found.items()}
            draws = np.concatenate(
                [
                    metrics.spearman(gold, ours, block) - metrics.spearman(gold, theirs, block)
                    for block in given.bootstrap.weights(len(gold))
                ]
            )
            value = float((metrics.spearman(gold, ours) - metrics.spearman(gold, theirs))[0])
            gain = Estimate(value, *given.bootstrap.interval(draws), len(gold))
            result[split] = Comparison(compared, gain, {}, None)
        return result

    def calibration(self, given: Evaluated) -> dict[str, float]:  # noqa: ARG002
        """None: a score is no probability."""
        return {}

    def write(self, given: Evaluated, scores_of: Mapping[str, Scores]) -> None:
        """The largest errors, gold and predicted scores as points, learning curves."""
        test = given.predictions["test"]
        largest_errors(test, given.prepared("test"), given.params.confident_errors)
        spearman = scores_of["test"].headline["spearman"].value
        gold, predicted = (test[name].to_numpy() for name in ("gold", "predicted"))
        scores.draw(gold, predicted, f"test, Spearman {spearman:.3f}", artifacts.plot("scores.png"))
        learning_curves.draw(artifacts.CURVES, artifacts.plot("learning_curves.png"), ("per record", "correlation"))
        unused.fill(given.task.kind)


def pairs_of(records: pa.Table) -> Pairs:
    """First and second texts."""
    return records["text"].to_pylist(), records["text_b"].to_pylist()


def largest_errors(test: pa.Table, records: pa.Table, most: int, file: Path | None = None) -> None:
    """Write the records whose score is farthest from gold, as CSV.

    Args:
        test: id, gold, predicted.
        records: the prepared split, in the same order.
        most: how many at the most.
        file: where to; beside the details by default.
    """
    file = file or artifacts.DETAILS.parent / "largest_errors.csv"
    gold, predicted = (test[name].to_numpy() for name in ("gold", "predicted"))
    error = predicted - gold
    rows: list[list[Any]] = []
    for at in np.argsort(-np.abs(error), kind="stable")[:most].tolist():
        texts = [records[name][at].as_py() for name in ("id", "text", "text_b")]
        rows.append([*texts, *(round(float(one), 4) for one in (gold[at], predicted[at], error[at]))])
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerows([list(COLUMNS), *rows])


def _kept(found: Mapping[str, Estimate]) -> dict[str, Estimate]:
    return {name: found[name] for name in ("spearman", "pearson", "mse")}
