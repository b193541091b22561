"""`gate`: what a candidate has to keep, compared with the model that it would replace."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator

from stages.params.section import Section, Settings

Share = Annotated[float, Field(ge=0, le=1)]
Margin = Annotated[float, Field(gt=0, le=0.5)]


class Floors(Settings):
    """Limits that hold whatever the baseline was; null does not ask.

    Attributes:
        accuracy: least accuracy on test.
        worst_class_recall: least recall of any class with at least 10 test records, unless chance explains the worst one.
        slice_accuracy: least accuracy of any third by length and any value of a kept column (`data.columns.keep`) with at
            least 10 test records, unless chance explains the worst one.
        retention: least share of the worst ability kept (value, from the alignment report).
        ece: largest calibration error at the release's temperature.
        robustness: largest accuracy that any small change of the texts may cost.
        latency_ms: longest that 95 % of single texts may take in the release's graph, on the machine that runs the gate and
            with one thread.
        release_megabytes: largest size of `models/release`.
    """

    accuracy: Share | None = None
    worst_class_recall: Share | None = None
    slice_accuracy: Share | None = None
    retention: Annotated[float, Field(ge=-1, le=1)] | None = None
    ece: Share | None = None
    robustness: Share | None = None
    latency_ms: Annotated[float, Field(gt=0)] | None = None
    release_megabytes: Annotated[float, Field(gt=0)] | None = None


class NewData(Settings):
    """What of new train data ends a retraining before it begins (`python -m stages.gate data`); null does not ask.

    Attributes:
        new_labels: labels that the baseline's train data lacks.
        label_distance: largest total variation between the shares of labels, then and now.
        text_auc: how well new texts may be told from earlier ones; stops when the whole 95 % interval lies above. .5 is chance.
    """

    new_labels: Literal["report", "stop"] = "report"
    label_distance: Share | None = None
    text_auc: Annotated[float, Field(ge=0.5, le=1)] | None = None


GATED = ("accuracy", "macro_f1")
"""Metrics that can be tested by paired decisions."""


class GateParams(Section):
    """The `gate` section.

    Attributes:
        baseline: git revision of the model to compare with.
        margins: largest loss that counts as none, by metric: `accuracy`, `macro_f1`.
        level: of the one-sided tests, after Holm over the gated metrics; intervals are one-sided at 1 - level.
        resamples: of the paired bootstrap.
        seed: of the resampling.
        floors: limits besides.
        data: what of new data stops a retraining.
    """

    section: ClassVar[str] = "gate"
    baseline: Annotated[str, Field(min_length=1)] = "main"
    margins: dict[str, Margin] = Field(default_factory=lambda: {"accuracy": 0.01, "macro_f1": 0.02})
    level: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    resamples: Annotated[int, Field(ge=200)] = 4000
    seed: Annotated[int, Field(ge=0)] = 17
    floors: Floors = Floors()
    data: NewData = NewData()

    @field_validator("margins")
    @classmethod
    def _metrics_are_gated(cls, margins: dict[str, float]) -> dict[str, float]:
        unknown = sorted(set(margins) - set(GATED))
        if unknown:
            msg = f"'{unknown[0]}' is no gated metric; there are {' and '.join(GATED)}"
            raise ValueError(msg)
        return margins
