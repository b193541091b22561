"""evaluate: the tuned model on test and shifted, with intervals, beside baselines, in numbers, tables and pictures."""

from __future__ import annotations

import logging
import shutil
from typing import Any

import numpy as np
import pyarrow as pa

from stages import artifacts, harness
from stages.alignment import measuring, publishing
from stages.analysis import calibrating, comparison, confident_errors, summary
from stages.analysis.comparison import Comparison
from stages.analysis.plots import pictures
from stages.metrics.intervals import Bootstrap
from stages.params.evaluation import EvaluationParams
from stages.params.task import TaskParams
from stages.tasks.protocol import Scores
from stages.training.prediction import Tuned, load_tuned

SECTIONS = (TaskParams, EvaluationParams)
log = logging.getLogger(__name__)


def work(stage: harness.Stage) -> None:
    """Predict, score, compare, draw, write."""
    params = stage.params(EvaluationParams)
    bootstrap = Bootstrap(params.bootstrap, params.confidence, params.seed)
    tuned = load_tuned(artifacts.FINETUNED)
    for folder in (artifacts.predictions("test").parent, artifacts.DETAILS.parent, artifacts.plot("")):
        shutil.rmtree(folder, ignore_errors=True)
    options = {"top_k": stage.params(TaskParams).top_k, "bins": params.calibration_bins}
    predictions: dict[str, pa.Table] = {}
    scores: dict[str, Scores] = {}
    for split in ("validation", "test", "shifted"):
        if split in tuned.schema.rows:
            predictions[split] = predict(tuned, split, params.batch_size)
            if split != "validation":  # it chose the epoch, so that its figures flatter
                scores[split] = tuned.task.score(predictions[split], tuned.schema, bootstrap, options)
    found = {split: one.headline for split, one in scores.items()}
    baselines: dict[str, Comparison] = {}
    if params.baselines:
        baselines = against_baselines(tuned, predictions, bootstrap, params.seed)
    write(tuned, predictions["test"], scores, params)
    trust = calibrating.measure(
        predictions["validation"], predictions["test"], tuned.schema.labels, params.calibration_bins, params.seed
    )
    scalars = {**summary.scalars(found, baselines, params.decimals), "calibration": trust.rounded(params.decimals)}
    artifacts.write_json(artifacts.METRICS, scalars)
    details = summary.details(found, baselines, {split: one.details for split, one in scores.items()}, params.decimals)
    artifacts.write_json(artifacts.DETAILS, details)
    align(tuned, predictions, baselines, bootstrap, params)
    tell(stage, found, baselines)


def predict(tuned: Tuned, split: str, batch_size: int) -> pa.Table:
    """Predict a split and keep the predictions for paired tests."""
    rows = artifacts.read_table(artifacts.tokenized(split))
    logits = tuned.logits(rows, batch_size)
    table = tuned.task.decode(logits, rows["id"].to_pylist(), rows["label"].to_numpy(), tuned.schema)
    artifacts.write_table(artifacts.predictions(split), table)
    return table


def against_baselines(
    tuned: Tuned, predictions: dict[str, pa.Table], bootstrap: Bootstrap, seed: int
) -> dict[str, Comparison]:
    """Baselines on the same splits; see `stages.analysis.comparison`."""
    labels = tuned.schema.labels
    train, validation = (artifacts.read_table(artifacts.prepared(split)) for split in ("train", "validation"))
    log.info("fitting TF-IDF with logistic regression on %d records for comparison", train.num_rows)
    tfidf = comparison.fit(train, validation, labels, seed)
    result = {}
    for split in (split for split in predictions if split != "validation"):
        table = predictions[split]
        records = artifacts.read_table(artifacts.prepared(split))
        result[split] = comparison.compare(
            tfidf, comparison.ids_of(train, labels), records, was_right(table), labels, bootstrap
        )
    return result


def was_right(predictions: pa.Table) -> np.ndarray:
    """Whether each prediction is gold `(records,)`."""
    return np.array(predictions["gold"].to_pylist()) == np.array(predictions["predicted"].to_pylist())


def align(
    tuned: Tuned,
    predictions: dict[str, pa.Table],
    baselines: dict[str, Comparison],
    bootstrap: Bootstrap,
    params: EvaluationParams,
) -> None:
    """The three gaps; see `stages.alignment`."""
    measured = None
    if params.alignment.enabled:
        right = {"tuned": was_right(predictions["test"])}
        if "test" in baselines:
            right["tfidf"] = baselines["test"].right
        measured = measuring.measure(tuned, predictions, right, bootstrap, params)
        for one in measured.verdicts:
            log.info("%-18s %s. %s %s", one.gap, one.state, one.evidence, one.remedy)
    publishing.write(measured, params.alignment, params.decimals)


def write(tuned: Tuned, test: pa.Table, scores: dict[str, Scores], params: EvaluationParams) -> None:
    """Tables and pictures of the test split."""
    records = artifacts.read_table(artifacts.prepared("test"), ["id", "text"])
    texts = dict(zip(records["id"].to_pylist(), records["text"].to_pylist(), strict=True))
    errors = confident_errors.find(test, texts, tuned.schema.labels, params.confident_errors)
    confident_errors.write(errors, artifacts.DETAILS.parent / "confident_errors.csv")
    pictures.draw_all(test, scores["test"], tuned.schema.labels)


def tell(stage: harness.Stage, found: dict[str, Any], baselines: dict[str, Any]) -> None:
    """Say the result here and in the record."""
    for line in summary.lines(found, baselines):
        log.info(line)
    for split, headline in found.items():
        stage.record.metrics({f"{split}.{name}": one.value for name, one in headline.items()})
    for file in sorted(
        [*artifacts.plot("").glob("*.png"), artifacts.METRICS, artifacts.DETAILS, *artifacts.ALIGNMENT.glob("*.*")]
    ):
        stage.record.artifact(file)


if __name__ == "__main__":
    harness.main("evaluate", work, SECTIONS)
