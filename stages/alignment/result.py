"""What the alignment report holds: three gaps and their verdicts, as scalars for `dvc metrics diff` and whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stages.alignment import verdict
from stages.alignment.asking import Words
from stages.alignment.budget import Sizes
from stages.alignment.distribution_shift import Shift
from stages.alignment.interpolation import Mixture
from stages.alignment.retention import Retention
from stages.alignment.surroundings import Surroundings
from stages.alignment.task_gap import TaskGap
from stages.alignment.verdict import Verdict

TEXTS_ONLY = "not measured: records of this kind of task have not one text and one label each"


@dataclass(frozen=True)
class Alignment:
    """The three gaps and what they mean.

    Attributes:
        task: between base model and task; None where records have not one text and one label each, so that no probe says it.
        words: how finely the base model breaks the task's words.
        shifts: between train and other splits.
        retention: between what the model knew and what it still knows.
        way: task and retention between base and tuned weights; empty without an ability to hold on to.
        moved: relative distance of the weights.
        around: robustness, foreign messages, slices and the rest; None likewise.
        verdicts: one per gap and split.
        texts: of the splits, for the records that look most foreign.
        labels: class names.
        base: name of the base model.
        sizes: of samples, and what they cost by the count.
        confidence: of the bootstrap's intervals.
    """

    task: TaskGap | None
    words: Words
    shifts: dict[str, Shift]
    retention: Retention
    way: list[Mixture]
    moved: float
    around: Surroundings | None
    verdicts: list[Verdict]
    texts: dict[str, list[str]]
    labels: list[str]
    base: str
    sizes: Sizes
    confidence: float = 0.95

    def scalars(self, decimals: int) -> dict[str, Any]:
        """What belongs into `metrics.json`: scalars only, ends of intervals as sibling keys."""
        worst = self.retention.worst
        return {
            "task": {
                **(_task(self.task, decimals) if self.task else {}),
                "subwords_per_word": round(self.words.task, decimals),
                "foreign_words": round(self.words.foreign, decimals),
            },
            "shift": {
                split: {
                    "n": one.n,
                    "separation": round(one.normalised.auc, decimals),
                    "separation_low": round(one.normalised.low, decimals),
                    "separation_high": round(one.normalised.high, decimals),
                    **_flat("distance_ratio", one.distance_ratio, decimals),
                    "new_words": round(one.new_words[0], decimals),
                    "leaked": round(one.leaked, decimals),
                    **_known(one, decimals),
                }
                for split, one in self.shifts.items()
            },
            "retention": {
                **(_flat("worst", worst.retained, decimals) if worst and worst.retained else {}),
                **({} if self.retention.mean is None else {"mean": round(self.retention.mean, decimals)}),
                **(_flat("backward_transfer", self.retention.backward, decimals) if self.retention.backward else {}),
                "informative": sum(one.retained is not None for one in self.retention.readings),
                "cka_last_layer": round(self.retention.cka[-1], decimals),
            },
            **(self.around.scalars(decimals) if self.around else {}),
            "budget": {
                "records": self.sizes.records,
                "probed": self.sizes.probed,
                "counted_seconds": round(self.sizes.seconds, 1),
            },
            "verdicts": {one.gap: one.state for one in self.verdicts},
        }

    def details(self, decimals: int) -> dict[str, Any]:
        """Everything that was measured, as JSON."""
        return {
            "task": {
                **(self.task.details(decimals) if self.task else {"note": TEXTS_ONLY}),
                "words": self.words.details(decimals),
            },
            "shift": {s: one.details(self.labels, self.texts[s], decimals) for s, one in self.shifts.items()},
            "retention": {
                "readings": [one.details(decimals) for one in self.retention.readings],
                "backward_transfer": self.retention.backward.rounded(decimals) if self.retention.backward else None,
                "language": vars(self.retention.language) if self.retention.language else None,
                "cka_by_layer": [round(value, decimals) for value in self.retention.cka],
                "cka_sentences": self.retention.texts,
                "probes_by_layer": {
                    name: {"base": [round(x, decimals) for x in before], "tuned": [round(x, decimals) for x in after]}
                    for name, (before, after) in self.retention.by_layer.items()
                },
            },
            "between_base_and_tuned": [
                {
                    "share": one.share,
                    "accuracy": one.accuracy.rounded(decimals),
                    "ability": one.ability.rounded(decimals),
                }
                for one in self.way
            ],
            "relative_weight_distance": round(self.moved, decimals),
            "around": self.around.details(self.labels, decimals) if self.around else {"note": TEXTS_ONLY},
            "budget": {**vars(self.sizes), "seconds": round(self.sizes.seconds, 1)},
            "verdicts": [vars(one) for one in self.verdicts],
        }


def _task(task: TaskGap, decimals: int) -> dict[str, float]:
    return {
        **_flat("probe", task.probe, decimals),
        **_flat("pretraining_gain", task.pretraining_gain, decimals),
        **_flat("adaptation_gap", task.adaptation_gap, decimals),
        "best_layer": task.best_layer,
    }


def _known(one: Shift, decimals: int) -> dict[str, float]:
    """What only records with one label each allow to say of a shift."""
    values = {"label_distance": one.label_distance, "expected_accuracy": one.expected_accuracy}
    return {name: round(value, decimals) for name, value in values.items() if value is not None}


def _flat(name: str, one: Any, decimals: int) -> dict[str, float]:
    low, high = verdict.bounds(one)
    return {
        name: round(one.value, decimals),
        f"{name}_low": round(low, decimals),
        f"{name}_high": round(high, decimals),
    }
