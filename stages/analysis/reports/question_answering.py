"""Extractive question answering: lengths of answers, and the answers that the model was surest of and wrong.

There is no baseline: what is that cheap (a sentence like the question) answers a different question than this model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from stages import artifacts
from stages.analysis.comparison import Comparison
from stages.analysis.plots import answer_lengths, canvas, learning_curves, unused
from stages.analysis.reports.protocol import Evaluated
from stages.metrics import question_answering as metrics
from stages.tasks.protocol import Scores

COLUMNS = ("id", "question", "gold", "predicted", "score", "f1")
SEPARATOR = " | "


class QuestionAnsweringReport:
    """A question, a context, an answer."""

    single_label = False
    calibrates = False

    def baselines(self, given: Evaluated) -> dict[str, Comparison]:  # noqa: ARG002
        """None; see above."""
        return {}

    def calibration(self, given: Evaluated) -> dict[str, float]:  # noqa: ARG002
        """None: what users get to see is the answer, and whether there is one is decided by a threshold."""
        return {}

    def write(self, given: Evaluated, scores: Mapping[str, Scores]) -> None:
        """Confident errors, the histogram of lengths, learning curves."""
        canvas.write_csv(artifacts.DETAILS.parent / "confident_errors.csv", COLUMNS, self._errors(given))
        table = scores["test"].details["by_length"]
        answer_lengths.draw(table, artifacts.plot("answer_lengths.png"))
        answer_lengths.write(table, artifacts.plot("answer_lengths.csv"))
        learning_curves.draw(artifacts.CURVES, artifacts.plot("learning_curves.png"), ("nats per window", "share"))
        unused.fill(given.task.kind)

    def _errors(self, given: Evaluated) -> list[tuple[Any, ...]]:
        """Answers without any overlap with a reference, surest first; silence is no answer."""
        said = given.predictions["test"]
        gold, predicted, sure = (said[name].to_pylist() for name in ("gold", "predicted", "score"))
        f1 = metrics.per_record(predicted, gold)[1]
        order = np.argsort(-np.array(sure), kind="stable")
        wrong = [int(i) for i in order if f1[i] == 0 and predicted[i]][: given.params.confident_errors]
        ids, questions = said["id"].to_pylist(), given.prepared("test")["text"].to_pylist()
        return [
            (ids[i], questions[i], SEPARATOR.join(gold[i]), predicted[i], round(sure[i], 4), round(float(f1[i]), 4))
            for i in wrong
        ]
