"""evaluate: the tuned model on test and shifted, with intervals, beside baselines, in numbers, tables and pictures."""

from __future__ import annotations

import logging
import shutil
from typing import Any

import numpy as np
import pyarrow as pa

from stages import artifacts, harness
from stages.analysis import comparison, confident_errors, summary
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
    for split in ("test", "shifted"):
        if split in tuned.schema.rows:
            predictions[split] = predict(tuned, split, params.batch_size)
            scores[split] = tuned.task.score(predictions[split], tuned.schema, bootstrap, options)
    found = {split: one.headline for split, one in scores.items()}
    baselines: dict[str, Any] = {}
    if params.baselines:
        baselines = against_baselines(tuned, predictions, bootstrap, params.seed)
    write(tuned, predictions["test"], scores, params)
    artifacts.write_json(artifacts.METRICS, summary.scalars(found, baselines, params.decimals))
    details = summary.details(found, baselines, {split: one.details for split, one in scores.items()}, params.decimals)
    artifacts.write_json(artifacts.DETAILS, details)
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
) -> dict[str, Any]:
    """Baselines on the same splits; see `stages.analysis.comparison`."""
    labels = tuned.schema.labels
    train, validation = (artifacts.read_table(artifacts.prepared(split)) for split in ("train", "validation"))
    log.info("fitting TF-IDF with logistic regression on %d records for comparison", train.num_rows)
    tfidf = comparison.fit(train, validation, labels, seed)
    result = {}
    for split, table in predictions.items():
        right = np.array(table["gold"].to_pylist()) == np.array(table["predicted"].to_pylist())
        records = artifacts.read_table(artifacts.prepared(split))
        found = comparison.compare(tfidf, comparison.ids_of(train, labels), records, right, labels, bootstrap)
        result[split] = {"scores": found[0], "gain": found[1]}
    return result


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
    for file in sorted([*artifacts.plot("").glob("*.png"), artifacts.METRICS, artifacts.DETAILS]):
        stage.record.artifact(file)


if __name__ == "__main__":
    harness.main("evaluate", work, SECTIONS)
