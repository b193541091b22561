"""From measurements to a plain word each: ALIGNED, WATCH, MISALIGNED or INCONCLUSIVE, with evidence and one remedy.

There is no score over all three: a model can fit its task perfectly and have forgotten everything else, and an average would
say that it is fine. A verdict looks at the interval before the value, so that few records end in INCONCLUSIVE and not
in an alarm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from stages.alignment.distribution_shift import Shift
from stages.alignment.retention import Reading, Retention
from stages.alignment.task_gap import TaskGap
from stages.metrics import significance
from stages.metrics.intervals import Estimate
from stages.params.alignment import Thresholds

State = Literal["ALIGNED", "WATCH", "MISALIGNED", "INCONCLUSIVE"]
FEWEST = 50
"""Records of a split below which nothing is said of its distribution."""


@dataclass(frozen=True)
class Verdict:
    """A gap's verdict.

    Attributes:
        gap: what it is about.
        state: in a word.
        evidence: one sentence with figures.
        remedy: one thing to do, by the name of its parameter; empty when there is nothing to mend.
    """

    gap: str
    state: State
    evidence: str
    remedy: str


def on_task(found: TaskGap, limits: Thresholds) -> Verdict:
    """Whether the base model brought something to the task, and whether tuning added to it."""
    gain, gap = found.pretraining_gain, found.adaptation_gap
    best = max(found.floors, key=lambda name: found.floors[name].value)
    evidence = (
        f"A linear probe on the base model's layer {found.best_layer} reaches {shown(found.probe)} on test, "
        f"{signed(gain)} against the best floor ({best}); tuning adds {signed(gap)}."
    )
    low, high = bounds(gain)
    if high < limits.pretraining_gain:
        return Verdict("task", "MISALIGNED", evidence, "Set model.base to a model of this language and kind of text.")
    if low <= limits.pretraining_gain:
        return Verdict("task", "INCONCLUSIVE", evidence, "Label more test records, or try another model.base.")
    if bounds(gap)[1] < 0:
        remedy = "Tuning does worse than a linear probe: lower training.learning_rate, or label more train records."
        return Verdict("task", "WATCH", evidence, remedy)
    remedy = ""
    if found.best_pooling != found.pooling:
        remedy = f"On validation, {found.best_pooling} pooling probes better: try model.pooling: {found.best_pooling}."
    return Verdict("task", "ALIGNED", evidence, remedy)


def on_shift(split: str, found: Shift, limits: Thresholds, p: float | None = None) -> Verdict:
    """Whether a split is of train's kind: a classifier cannot tell them apart, and it lies no farther from train.

    Args:
        split: its name.
        found: what was measured.
        limits: thresholds.
        p: of the two-sample test, adjusted for the number of splits; its own when there is only one.
    """
    p = found.normalised.p if p is None else p
    test, ratio = found.normalised, found.distance_ratio
    low, high = bounds(ratio)
    evidence = (
        f"A classifier tells {split} from train with AUC {test.auc:.2f} ({test.low:.2f} to {test.high:.2f}, n = {test.n} each; "
        f"{found.raw.auc:.2f} with case and punctuation); its records lie {ratio.value:.2f} ({low:.2f} to {high:.2f}) "
        f"times as far from train as validation's."
    )
    gap = f"shift: {split}"
    if found.n < FEWEST:
        return Verdict(gap, "INCONCLUSIVE", evidence, f"Collect at least {FEWEST} records of {split}.")
    apart, far = test.low >= limits.separation, low >= limits.distance_ratio
    if apart and far:
        remedy = (
            f"Label some records like {split}'s and add them to train (data.path); its most foreign ones come first."
        )
        return Verdict(gap, "MISALIGNED", evidence, remedy)
    if apart or far:
        remedy = f"Read the records of {split} that look most foreign; label them if they are to be served (data.path)."
        return Verdict(gap, "WATCH", evidence, remedy)
    if test.high < limits.separation and high < limits.distance_ratio:
        return Verdict(gap, "ALIGNED", evidence, "")
    if test.auc < limits.separation and ratio.value < limits.distance_ratio and (p > 0.05 or test.auc < 0.55):
        return Verdict(gap, "ALIGNED", evidence, "")
    return Verdict(gap, "INCONCLUSIVE", evidence, f"Collect more records of {split}: {found.n} leave it open.")


def on_retention(found: Retention, limits: Thresholds) -> Verdict:
    """Whether every ability was kept. The one that is certainly lost decides, and of several the one that kept least."""
    worst = found.worst
    if worst is None or worst.retained is None:
        return Verdict(
            "retention",
            "INCONCLUSIVE",
            f"None of {len(found.readings)} abilities is clearly above the floor in the base model, so none can be lost.",
            "Give more reference text or labelled probe sets in evaluation.references.",
        )
    shares = [(one, one.retained) for one in found.readings if one.retained is not None]
    evidence = f"{_told(worst)} That is the worst of {len(shares)} informative abilities."
    lost = [one for one in shares if bounds(one[1])[1] < limits.retention]
    if lost:
        least, _ = min(lost, key=lambda one: one[1].value)
        if least is not worst:
            evidence = f"{_told(least)} Of {len(shares)} informative abilities another one may have kept less."
        remedy = "Lower training.learning_rate (a tenth forgets far less), or train fewer training.epochs."
        return Verdict("retention", "MISALIGNED", evidence, remedy)
    if worst.retained.value < limits.retention:
        return Verdict("retention", "WATCH", evidence, "Lower training.learning_rate, and compare the two runs.")
    unsure, share = min(shares, key=lambda one: bounds(one[1])[0])
    if bounds(share)[0] >= limits.retention:
        return Verdict("retention", "ALIGNED", evidence, "")
    if unsure is not worst:
        evidence = f"{_told(unsure)} Of {len(shares)} informative abilities that is the least certain one."
    return Verdict("retention", "INCONCLUSIVE", evidence, "Give more reference text in evaluation.references.")


def all_of(
    task: TaskGap | None, shifts: Mapping[str, Shift], retention: Retention, limits: Thresholds
) -> list[Verdict]:
    """A verdict per gap that was measured, and per split for the shift."""
    adjusted = significance.holm([found.normalised.p for found in shifts.values()])
    shifted = [on_shift(split, found, limits, p) for (split, found), p in zip(shifts.items(), adjusted, strict=True)]
    return [*([on_task(task, limits)] if task else []), *shifted, on_retention(retention, limits)]


def shown(one: Estimate) -> str:
    """An estimate with its interval."""
    low, high = bounds(one)
    return f"{one.value:.3f} ({low:.3f} to {high:.3f})"


def signed(one: Estimate) -> str:
    """A difference with its interval, its sign always there."""
    low, high = bounds(one)
    return f"{one.value:+.3f} ({low:+.3f} to {high:+.3f})"


def bounds(one: Estimate) -> tuple[float, float]:
    """Both ends of an interval; the value itself where there is none."""
    return (one.value if one.low is None else one.low, one.value if one.high is None else one.high)


def _told(reading: Reading) -> str:
    if reading.retained is None:
        raise ValueError(f"{reading.ability} is uninformative")
    return (
        f"Of “{reading.ability}” the tuned model keeps {shown(reading.retained)} of what the base model has above chance "
        f"({reading.base.value:.3f} before, {reading.tuned.value:.3f} after, {reading.floor.value:.3f} with random weights; "
        f"n = {reading.base.n:,})."
    )
