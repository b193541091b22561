"""Single-label classification: majority and TF-IDF beside it, calibration, confident errors, four pictures."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages import artifacts
from stages.analysis import calibrating, comparison, confident_errors
from stages.analysis.comparison import Comparison
from stages.analysis.plots import pictures
from stages.analysis.reports.protocol import Evaluated
from stages.tasks.protocol import Scores

log = logging.getLogger("stages.evaluate")


class ClassificationReport:
    """One text or pair, one label.

    Args:
        single_text: whether a record is one text.
    """

    calibrates = True

    def __init__(self, *, single_text: bool = True) -> None:
        self.single_label = single_text

    def baselines(self, given: Evaluated) -> dict[str, Comparison]:
        """The majority class and TF-IDF with logistic regression; see `stages.analysis.comparison`."""
        labels = given.schema.labels
        train, validation = (joined(given.prepared(split)) for split in ("train", "validation"))
        log.info("fitting TF-IDF with logistic regression on %d records for comparison", train.num_rows)
        tfidf = comparison.fit(train, validation, labels, given.params.seed)
        known = comparison.ids_of(train, labels)
        return {
            split: comparison.compare(
                tfidf,
                known,
                joined(given.prepared(split)),
                was_right(given.predictions[split]),
                labels,
                given.bootstrap,
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
        texts = dict(zip(records["id"].to_pylist(), joined(records)["text"].to_pylist(), strict=True))
        errors = confident_errors.find(test, texts, labels, given.params.confident_errors)
        confident_errors.write(errors, artifacts.DETAILS.parent / "confident_errors.csv")
        pictures.draw_all(test, scores["test"], labels)


def joined(records: pa.Table) -> pa.Table:
    """Records whose `text` is all that there is to read: of a pair, both texts."""
    if "text_b" not in records.column_names:
        return records
    both = pc.binary_join_element_wise(records["text"], records["text_b"], " | ")
    return records.set_column(records.schema.get_field_index("text"), "text", both)


def was_right(predictions: pa.Table) -> np.ndarray:
    """Whether each prediction is gold `(records,)`."""
    return np.array(predictions["gold"].to_pylist()) == np.array(predictions["predicted"].to_pylist())
