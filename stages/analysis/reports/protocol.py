"""What evaluate asks of a kind of task, beyond its own scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from stages.analysis.comparison import Comparison
from stages.artifacts import Schema
from stages.metrics.intervals import Bootstrap
from stages.params.evaluation import EvaluationParams
from stages.tasks.protocol import Fitted, Scores, Task


@dataclass(frozen=True)
class Evaluated:
    """A tuned model's predictions, and what they are about.

    Attributes:
        task: its kind.
        schema: of the corpus.
        predictions: by split; validation among them where the report calibrates.
        prepared: reads a prepared split.
        bootstrap: how intervals are made.
        params: the `evaluation` section.
        fitted: what the task chose on validation.
    """

    task: Task
    schema: Schema
    predictions: Mapping[str, pa.Table]
    prepared: Callable[[str], pa.Table]
    bootstrap: Bootstrap
    params: EvaluationParams
    fitted: Fitted

    @property
    def judged(self) -> list[str]:
        """Splits that are measured: validation chose the epoch, so that its figures flatter."""
        return [split for split in self.predictions if split != "validation"]


class Report(Protocol):
    """A kind's part of the evaluation.

    Attributes:
        single_label: whether each record has one of some labels and its text alone says which: only then do a probe, a
            calibration of all probabilities and small changes of the text mean what the alignment report says of them.
        calibrates: whether confidence is fitted on validation, which is then predicted besides the splits that are judged.
    """

    single_label: bool
    calibrates: bool

    def baselines(self, given: Evaluated) -> dict[str, Comparison]:
        """Each judged split without fine-tuning; empty where nothing sensible is that cheap."""

    def calibration(self, given: Evaluated) -> dict[str, float]:
        """Scalars of `metrics.json`'s `calibration`, `temperature` among them; empty where the kind has none."""

    def write(self, given: Evaluated, scores: Mapping[str, Scores]) -> None:
        """Tables and pictures of the test split, under `reports/evaluation`."""
