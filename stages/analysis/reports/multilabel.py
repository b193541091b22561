"""Any number of labels: majority and one-vs-rest TF-IDF beside it, a table and picture of thresholds, curves of labels."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import numpy as np

from stages import artifacts
from stages.analysis.comparison import Comparison
from stages.analysis.label_baselines import LabelBaseline, majority
from stages.analysis.plots import canvas, label_thresholds, learning_curves, per_class, unused
from stages.analysis.reports.protocol import Evaluated
from stages.metrics import multilabel as metrics
from stages.metrics.intervals import Bootstrap, Estimate
from stages.tasks.multilabel import indicators, probabilities_of
from stages.tasks.protocol import Scores

log = logging.getLogger("stages.evaluate")


class MultilabelReport:
    """A text and its labels."""

    single_label = False
    calibrates = False

    def baselines(self, given: Evaluated) -> dict[str, Comparison]:
        """The most frequent labels, and TF-IDF with a regression and a threshold per label."""
        labels = given.schema.labels
        train, validation = (given.prepared(split) for split in ("train", "validation"))
        log.info("fitting TF-IDF with a regression for each of %d labels for comparison", len(labels))
        known = indicators(train["labels"], labels)
        held = (validation["text"].to_pylist(), indicators(validation["labels"], labels))
        tfidf = LabelBaseline(train["text"].to_pylist(), known, held, given.params.seed)
        result = {}
        for split in given.judged:
            records, ours = given.prepared(split), indicators(given.predictions[split]["predicted"], labels)
            gold = indicators(records["labels"], labels)
            theirs = {"majority": majority(known, len(gold)), "tfidf": tfidf.predict(records["text"].to_pylist())}
            scores = {name: _both_f1(gold, said, given.bootstrap) for name, said in theirs.items()}
            result[split] = Comparison(scores, gain(gold, ours, theirs["tfidf"], given.bootstrap), {}, None)
        return result

    def calibration(self, given: Evaluated) -> dict[str, float]:  # noqa: ARG002
        """None: there is no one confidence of a record."""
        return {}

    def write(self, given: Evaluated, scores: Mapping[str, Scores]) -> None:
        """F1 and threshold by label as tables and pictures, precision-recall curves, learning curves."""
        table, labels = scores["test"].details["per_label"], given.schema.labels
        thresholds = given.fitted.get("thresholds", [0.5] * len(labels))
        rows = [{**row, "threshold": round(one, 4)} for row, one in zip(table, thresholds, strict=True)]
        columns = ("label", "threshold", "f1", "precision", "recall", "average_precision", "support", "predicted")
        canvas.write_csv(
            artifacts.plot("thresholds.csv"),
            columns,
            ([round(row[n], 4) if isinstance(row[n], float) else row[n] for n in columns] for row in rows),
        )
        chosen = given.task.params.multilabel.thresholds != "half"
        label_thresholds.draw_thresholds(rows, artifacts.plot("thresholds.png"), chosen=chosen)
        test = given.predictions["test"]
        gold = indicators(test["gold"], labels)
        probabilities = probabilities_of(test, given.schema)
        label_thresholds.draw_curves(gold, probabilities, labels, artifacts.plot("precision_recall.png"))
        per_class.draw(table, artifacts.plot("per_class_f1.png"))
        per_class.write(table, artifacts.plot("per_class_f1.csv"))
        learning_curves.draw(artifacts.CURVES, artifacts.plot("learning_curves.png"), ("per record and label", "share"))
        unused.fill(given.task.kind)


def _both_f1(gold: np.ndarray, said: np.ndarray, bootstrap: Bootstrap) -> dict[str, Estimate]:
    found, _ = metrics.evaluate(gold, said, said.astype(float), [""] * gold.shape[1], bootstrap)
    return {name: found[name] for name in ("macro_f1", "micro_f1")}


def gain(gold: np.ndarray, ours: np.ndarray, theirs: np.ndarray, bootstrap: Bootstrap) -> Estimate:
    """Macro-F1 of one over the other's, with both resampled together.

    Args:
        gold: whether a record has a label `(records, labels)`.
        ours: what the tuned model gave.
        theirs: what the baseline gave.
        bootstrap: how intervals are made.
    """

    def macro(said: np.ndarray, weights: np.ndarray) -> np.ndarray:
        right, own, given = (weights @ part.astype(float) for part in (gold & said, gold, said))
        return metrics.macro_f1_of_draws(right, own, given, int((~(gold | said).any(axis=0)).sum()))

    once = np.ones((1, len(gold)))
    value = float((macro(ours, once) - macro(theirs, once))[0])
    draws = np.concatenate([macro(ours, block) - macro(theirs, block) for block in bootstrap.weights(len(gold))])
    return Estimate(value, *bootstrap.interval(draws), len(gold))
