"""What evaluate adds to the figures of a kind of task: baselines, calibration, tables and pictures. One file per kind."""

from __future__ import annotations

from stages.analysis.reports.classification import ClassificationReport
from stages.analysis.reports.multilabel import MultilabelReport
from stages.analysis.reports.protocol import Report
from stages.analysis.reports.question_answering import QuestionAnsweringReport
from stages.analysis.reports.regression import RegressionReport
from stages.analysis.reports.relation import RelationReport
from stages.analysis.reports.tagging import TaggingReport

REPORTS: dict[str, Report] = {
    "classification": ClassificationReport(),
    "multilabel": MultilabelReport(),
    "pair_classification": ClassificationReport(single_text=False),
    "pair_regression": RegressionReport(),
    "question_answering": QuestionAnsweringReport(),
    "relation": RelationReport(),
    "tagging": TaggingReport(),
}
