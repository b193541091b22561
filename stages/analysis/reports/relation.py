"""Relations: majority and TF-IDF on marked texts beside the model, calibration, confident errors, four pictures.

The baseline reads the text with its entities spelt between signs, so that it sees which words are asked about. Its gain is
that of the official macro-F1, paired over records: both models are measured on the same resamples.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages import artifacts
from stages.analysis import calibrating, comparison, confident_errors
from stages.analysis.baselines import Predictions, majority
from stages.analysis.comparison import Comparison
from stages.analysis.plots import pictures
from stages.analysis.reports.protocol import Evaluated
from stages.metrics import significance
from stages.metrics.classification import confusion
from stages.metrics.intervals import Bootstrap, Estimate
from stages.metrics.relation import HEADLINE, Relations
from stages.tasks.protocol import Scores

log = logging.getLogger("stages.evaluate")
Metric = Callable[[np.ndarray], np.ndarray]


class RelationReport:
    """A text, two entities, one relation."""

    single_label = False
    calibrates = True

    def baselines(self, given: Evaluated) -> dict[str, Comparison]:
        """The majority class and TF-IDF with logistic regression, by the relations' own figures."""
        labels = given.schema.labels
        train, validation = (marked(given.prepared(split)) for split in ("train", "validation"))
        log.info("fitting TF-IDF with logistic regression on %d records for comparison", train.num_rows)
        tfidf = comparison.fit(train, validation, labels, given.params.seed)
        known = comparison.ids_of(train, labels)
        metric = Relations(labels, given.task.params.relation.other).metrics()
        result = {}
        for split in given.judged:
            records = marked(given.prepared(split))
            gold = comparison.ids_of(records, labels)
            tuned = _ids(given.predictions[split]["predicted"], labels)
            said = {
                "majority": majority(known, len(gold), len(labels)),
                "tfidf": tfidf.predict(records["text"].to_pylist()),
            }
            theirs = said["tfidf"].predicted
            result[split] = Comparison(
                {name: _scores(one, gold, labels, given.bootstrap, metric) for name, one in said.items()},
                paired_gain(gold, tuned, theirs, len(labels), metric, given.bootstrap),
                {"mcnemar_p": significance.mcnemar(tuned == gold, theirs == gold)},
                theirs == gold,
            )
        return result

    def calibration(self, given: Evaluated) -> dict[str, float]:
        """See `stages.analysis.calibrating`."""
        held, asked = given.predictions["validation"], given.predictions["test"]
        params = given.params
        found = calibrating.measure(held, asked, given.schema.labels, params.calibration_bins, params.seed)
        return found.rounded(params.decimals)

    def write(self, given: Evaluated, scores: Mapping[str, Scores]) -> None:
        """Confident errors, confusion matrix, reliability, F1 by class, learning curves."""
        test, labels = given.predictions["test"], given.schema.labels
        records = marked(given.prepared("test"))
        texts = dict(zip(records["id"].to_pylist(), records["text"].to_pylist(), strict=True))
        errors = confident_errors.find(test, texts, labels, given.params.confident_errors)
        confident_errors.write(errors, artifacts.DETAILS.parent / "confident_errors.csv")
        pictures.draw_all(test, scores["test"], labels)


def marked(records: pa.Table) -> pa.Table:
    """Records whose text spells its entities as `@head@` and `#tail#`; nested ones stand within each other."""
    texts = []
    for text, head, tail in zip(*(records[name].to_pylist() for name in ("text", "head", "tail")), strict=True):
        signs = [(head["start"], "@"), (head["end"], "@"), (tail["start"], "#"), (tail["end"], "#")]
        for place, sign in sorted(signs, reverse=True):
            text = text[:place] + sign + text[place:]
        texts.append(text)
    return records.set_column(records.schema.get_field_index("text"), "text", pa.array(texts, pa.string()))


def paired_gain(
    gold: np.ndarray, ours: np.ndarray, theirs: np.ndarray, classes: int, metric: Metric, bootstrap: Bootstrap
) -> Estimate:
    """Difference of the first figure, with an interval over records that both are measured on.

    Args:
        gold: class ids `(records,)`.
        ours: class ids `(records,)`.
        theirs: class ids `(records,)`.
        classes: how many there are.
        metric: from counts `(..., classes, classes)` to figures `(..., figures)`.
        bootstrap: how the interval is made.
    """
    cells = [gold.astype(np.int64) * classes + said for said in (ours, theirs)]
    draws = []
    for block in bootstrap.weights(len(gold)):
        counts = [
            np.stack([np.bincount(cell, weights=weights, minlength=classes**2) for weights in block]) for cell in cells
        ]
        first, second = (metric(one.reshape(len(block), classes, classes))[:, 0] for one in counts)
        draws.append(first - second)
    value = metric(confusion(gold, ours, classes))[0] - metric(confusion(gold, theirs, classes))[0]
    return Estimate(float(value), *bootstrap.interval(np.concatenate(draws)), len(gold))


def _ids(column: pa.ChunkedArray, labels: list[str]) -> np.ndarray:
    found: np.ndarray = pc.index_in(column, value_set=pa.array(labels, pa.string())).to_numpy()
    return found


def _scores(
    said: Predictions, gold: np.ndarray, labels: list[str], bootstrap: Bootstrap, metric: Metric
) -> dict[str, Estimate]:
    estimates = bootstrap.of_confusion(gold, said.predicted, len(labels), metric)
    return dict(zip(HEADLINE, estimates, strict=True))
