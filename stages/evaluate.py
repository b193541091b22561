"""evaluate: the tuned model on test and shifted, with intervals, beside baselines, in numbers, tables and pictures."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping
from dataclasses import replace

import pyarrow as pa

from stages import artifacts, harness
from stages.alignment import measuring, publishing
from stages.analysis import summary
from stages.analysis.comparison import Comparison
from stages.analysis.reports import REPORTS
from stages.analysis.reports.classification import was_right
from stages.analysis.reports.protocol import Evaluated
from stages.metrics.intervals import Bootstrap
from stages.params.evaluation import EvaluationParams
from stages.params.task import TaskParams
from stages.tasks.protocol import Scores, Scoring
from stages.training.prediction import Tuned, load_tuned

SECTIONS = (TaskParams, EvaluationParams)
log = logging.getLogger(__name__)


def work(stage: harness.Stage) -> None:
    """Predict, score, compare, draw, write."""
    params = stage.params(EvaluationParams)
    bootstrap = Bootstrap(params.bootstrap, params.confidence, params.seed)
    tuned = load_tuned(artifacts.FINETUNED)
    task, report = tuned.task, REPORTS[tuned.task.kind]
    for folder in (artifacts.predictions("test").parent, artifacts.DETAILS.parent, artifacts.plot("")):
        shutil.rmtree(folder, ignore_errors=True)
    asked = ("validation", "test", "shifted") if report.calibrates else ("test", "shifted")
    splits: list[str] = [split for split in asked if split in tuned.schema.rows]
    predictions = {split: predict(tuned, split, params.batch_size) for split in splits}
    given = Evaluated(task, tuned.schema, predictions, prepared, bootstrap, params, tuned.facts.fitted)
    how = Scoring(bootstrap, params.calibration_bins, lambda: prepared("train"))
    scores = {split: task.score(predictions[split], tuned.schema, how) for split in given.judged}
    baselines = report.baselines(given) if params.baselines else {}
    report.write(given, scores)
    calibration = report.calibration(given)
    found = {split: one.headline for split, one in scores.items()}
    scalars = summary.scalars(found, baselines, params.decimals, task.figures)
    artifacts.write_json(artifacts.METRICS, {**scalars, **({"calibration": calibration} if calibration else {})})
    details = summary.details(found, baselines, {split: one.details for split, one in scores.items()}, params.decimals)
    artifacts.write_json(artifacts.DETAILS, details)
    align(tuned, given, baselines, single_label=report.single_label)
    tell(stage, scores, baselines, tuned)


def prepared(split: str) -> pa.Table:
    """A split's prepared records."""
    return artifacts.read_table(artifacts.prepared(split))


def read_alone(lead: Tuned, given: Evaluated) -> Evaluated:
    """The predictions of an ensemble's member, which the alignment report is about: abilities are read from one encoder."""
    splits, size = given.predictions, given.params.batch_size
    rows = {split: artifacts.read_table(artifacts.tokenized(split)) for split in splits}
    return replace(given, predictions={split: lead.predict(rows[split], prepared(split), size) for split in splits})


def predict(tuned: Tuned, split: str, batch_size: int) -> pa.Table:
    """Predict a split and keep the predictions for paired tests."""
    table = tuned.predict(artifacts.read_table(artifacts.tokenized(split)), prepared(split), batch_size)
    artifacts.write_table(artifacts.predictions(split), table)
    return table


def align(tuned: Tuned, given: Evaluated, baselines: Mapping[str, Comparison], *, single_label: bool) -> None:
    """The three gaps, or those that texts alone tell; see `stages.alignment`."""
    measured, right = None, None
    params = given.params
    if params.alignment.enabled and tuned.members > 1:
        tuned, given = tuned.lead, read_alone(tuned.lead, given)
    if single_label:
        right = {"tuned": was_right(given.predictions["test"])}
        if "test" in baselines and baselines["test"].right is not None:
            right["tfidf"] = baselines["test"].right
    if params.alignment.enabled:
        measured = measuring.measure(tuned, given.predictions, right, given.bootstrap, params)
        for one in measured.verdicts:
            log.info("%-18s %s. %s %s", one.gap, one.state, one.evidence, one.remedy)
    publishing.write(measured, params.alignment, params.decimals)


def tell(stage: harness.Stage, scores: dict[str, Scores], baselines: dict[str, Comparison], tuned: Tuned) -> None:
    """Say the result here and in the record."""
    found = {split: one.headline for split, one in scores.items()}
    for line in summary.lines(found, baselines, tuned.task.figures):
        log.info(line)
    for split, headline in found.items():
        stage.record.metrics({f"{split}.{name}": one.value for name, one in headline.items()})
    for file in sorted(
        [*artifacts.plot("").glob("*.png"), artifacts.METRICS, artifacts.DETAILS, *artifacts.ALIGNMENT.glob("*.*")]
    ):
        stage.record.artifact(file)


if __name__ == "__main__":
    harness.main("evaluate", work, SECTIONS)
