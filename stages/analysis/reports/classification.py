"""Single-label classification: majority and TF-IDF beside it, calibration, confident errors, four pictures."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from stages import artifacts
from stages.analysis import calibrating, comparison, confident_errors
from stages.analysis.comparison import Comparison
from stages.analysis.plots import pictures
from stages.analysis.reports.protocol import Evaluated
from stages.tasks.protocol import Scores

log = logging.getLogger("stages.evaluate")


class ClassificationReport:
    """One text, one label."""

    single_label = True

    def baselines(self, given: Evaluated) -> dict[str, Comparison]:
        """The majority class and TF-IDF with logistic regression; see `stages.analysis.comparison`."""
        labels = given.schema.labels
        train, validation = (given.prepared(split) for split in ("train", "validation"))
        log.info("fitting TF-IDF with logistic regression on %d records for comparison", train.num_rows)
        tfidf = comparison.fit(train, validation, labels, given.params.seed)
        known = comparison.ids_of(train, labels)
        return {
            split: comparison.compare(
                tfidf, known, given.prepared(split), was_right(given.predictions[split]), labels, given.bootstrap
            )
            for split in given.judged
        }

    def calibration(self, given: Evaluated) -> dict[str, float]:
        """See `stages.analysis.calibrating`."""
        held, asked = given.predictions["validation"], given.predictions["test"]
        params = given.params
        found = calibrating.measure(held, asked, given.schema.labels, params.calibration_bins, params.seed)
        return found.rounded(params.decimals)

    def write(self, given: Evaluated, scores: Mapping[str, Scores]) -> None:
        """Confident errors, confusion matrix, reliability, F1 by class, learning curves."""
        test, labels = given.predictions["test"], given.schema.labels
        records = given.prepared("test")
        texts = dict(zip(records["id"].to_pylist(), shown(records), strict=True))
        errors = confident_errors.find(test, texts, labels, given.params.confident_errors)
        confident_errors.write(errors, artifacts.DETAILS.parent / "confident_errors.csv")
        pictures.draw_all(test, scores["test"], labels)


def shown(records: pa.Table) -> list[str]:
    """The text of each record; of a pair, both."""
    texts: list[str] = records["text"].to_pylist()
    if "text_b" not in records.column_names:
        return texts
    return [f"{one} | {other}" for one, other in zip(texts, records["text_b"].to_pylist(), strict=True)]


def was_right(predictions: pa.Table) -> np.ndarray:
    """Whether each prediction is gold `(records,)`."""
    return np.array(predictions["gold"].to_pylist()) == np.array(predictions["predicted"].to_pylist())
