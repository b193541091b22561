"""`evaluation`: how sure the figures have to be, and what they are compared with."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from stages.params.alignment import AlignmentParams
from stages.params.section import Section


class EvaluationParams(Section):
    """The `evaluation` section.

    Attributes:
        bootstrap: resamples of the records for each interval.
        confidence: of the intervals.
        seed: of the resampling.
        batch_size: records per batch.
        baselines: also fit the majority class and TF-IDF with logistic regression on train.
        confident_errors: rows in the table of the most confident mistakes.
        calibration_bins: bins of equal mass for the expected calibration error and the reliability diagram.
        decimals: digits that metrics keep, so that jitter does not show in diffs.
        references: text that is not the task's, on which forgetting is read: a file or a folder (see
            `stages.alignment.references`).
        alignment: how the three gaps are measured.
    """

    section: ClassVar[str] = "evaluation"
    bootstrap: Annotated[int, Field(ge=100)] = 2000
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    seed: Annotated[int, Field(ge=0)] = 7
    batch_size: Annotated[int, Field(ge=1)] = 64
    baselines: bool = True
    confident_errors: Annotated[int, Field(ge=1)] = 50
    calibration_bins: Annotated[int, Field(ge=2)] = 15
    decimals: Annotated[int, Field(ge=2, le=8)] = 4
    references: str = "data/raw/helpdesk/general.txt"
    alignment: AlignmentParams = AlignmentParams()
