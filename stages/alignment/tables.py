"""The report's tables: the same rows in HTML and in Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from stages.alignment.result import Alignment
from stages.alignment.surroundings import Surroundings
from stages.alignment.task_gap import TaskGap
from stages.alignment.verdict import bounds, shown, signed
from stages.metrics.intervals import Estimate

SHOWN_SLICES = 12
Table = tuple[Sequence[str], list[list[str]]]


def task_rows(task: TaskGap) -> Table:
    """Accuracies on test and what follows from them."""
    rows = [["linear probe on the base model", shown(task.probe)]]
    rows += [[f"floor: {name}", shown(one)] for name, one in task.floors.items()]
    rows += [
        ["pretraining gain (probe less best floor)", signed(task.pretraining_gain)],
        ["adaptation gap (tuned less probe)", signed(task.adaptation_gap)],
        [f"nearest neighbours within train, n = {task.neighbours.n:,}", shown(task.neighbours)],
    ]
    return ("accuracy on test", f"value (interval), n = {task.probe.n:,}"), rows


def shift_rows(found: Alignment) -> Table:
    """Distances from train, one row per split."""
    rows = [
        [
            split,
            f"{one.n:,}",
            f"{one.normalised.auc:.3f} ({one.normalised.low:.3f} to {one.normalised.high:.3f})",
            f"{one.normalised.p:.3f}",
            f"{one.raw.auc:.3f}",
            _ratio(one.distance_ratio),
            f"{one.discrepancy.squared:.4f}, p = {one.discrepancy.p:.3f}",
        ]
        for split, one in found.shifts.items()
    ]
    return ("split", "n", "AUC (95 %)", "p", "AUC, raw text", "distance ratio (interval)", "MMD²"), rows


def content_rows(found: Alignment) -> Table:
    """What else is known of the records of each split."""
    rows = []
    for split, one in found.shifts.items():
        true = "" if one.true_accuracy is None else f" (true {one.true_accuracy:.3f})"
        words = f"{one.new_words[0]:.3f} ({one.new_words[1]:.3f})"
        leaked = f"{one.leaked:.3f}, {one.nearly_leaked:.3f}"
        rows.append(
            [
                split,
                f"{one.n:,}",
                words,
                leaked,
                "" if one.label_distance is None else f"{one.label_distance:.3f}",
                "" if one.expected_accuracy is None else f"{one.expected_accuracy:.3f}{true}",
            ]
        )
    return ("split", "n", "new words (validation)", "leaked, nearly", "label shift", "expected accuracy"), rows


def retention_rows(found: Alignment) -> Table:
    """One row per ability."""
    rows = [
        [
            one.ability,
            "access" if one.access else "information",
            f"{one.base.n:,}",
            f"{one.base.value:.3f}",
            f"{one.tuned.value:.3f}",
            f"{one.floor.value:.3f}",
            signed(one.change),
            shown(one.retained) if one.retained else "UNINFORMATIVE",
        ]
        for one in found.retention.readings
    ]
    return ("ability", "kind", "n", "base", "tuned", "floor", "change (interval)", "retained (interval)"), rows


def way_rows(found: Alignment) -> Table:
    """One row per share of the tuned weights."""
    rows = [[f"{one.share:g}", shown(one.accuracy), shown(one.ability)] for one in found.way]
    return ("share of tuned weights", "accuracy on test (interval)", "ability (interval)"), rows


def calibration_rows(around: Surroundings) -> Table:
    """Errors of confidence, as it is and at the temperature that validation chose."""
    one, n = around.calibration, sum(part.count for part in around.reliability)
    rows = [
        ["as it is", f"{one.ece:.3f}", f"{one.ece_null_low:.3f} to {one.ece_null_high:.3f}", f"{one.log_loss:.3f}"],
        [
            f"at temperature {one.temperature:.2f}, from validation",
            f"{one.ece_calibrated:.3f}",
            f"{one.ece_calibrated_null_low:.3f} to {one.ece_calibrated_null_high:.3f}",
            f"{one.log_loss_calibrated:.3f}",
        ],
    ]
    return (f"confidence on test, n = {n:,}", "ECE", "ECE by chance alone (95 %)", "log-loss"), rows


def robustness_rows(around: Surroundings) -> Table:
    """One row per kind of change."""
    rows = [
        [
            one.name,
            f"{one.flips.n:,}",
            f"{one.touched:.3f}",
            "no labels" if one.drop is None else signed(one.drop),
            shown(one.flips),
        ]
        for one in around.robustness
    ]
    return ("change", "n", "texts changed", "accuracy lost (interval)", "decisions changed (interval)"), rows


def scope_rows(around: Surroundings) -> Table:
    """One row per score."""
    rows = [[one.name, f"{one.auroc.n:,}", shown(one.auroc), shown(one.passed)] for one in around.out_of_scope]
    return ("score", "n", "AUROC (interval)", "passed where 95 % of test pass (interval)"), rows


def slice_rows(around: Surroundings) -> Table:
    """The worst slices."""
    rows = [
        [one.name, f"{one.accuracy.n:,}", shown(one.accuracy), "yes" if one.remarkable else "no"]
        for one in around.slices.slices[:SHOWN_SLICES]
    ]
    return ("slice", "n", "accuracy (95 %, Wilson)", f"below chance's worst ({around.slices.limit:.3f})"), rows


def behaviour_rows(around: Surroundings) -> Table:
    """One row per behavioural test, worst first."""
    rows = [[one.test, f"{one.passed.n:,}", shown(one.passed), " | ".join(one.example)] for one in around.behaviour]
    return ("test", "n", "passed (95 %, Wilson)", "an example that failed"), rows


def fit_rows(around: Surroundings) -> Table:
    """Train beside validation."""
    rows = [
        [name.replace("_", " "), shown(around.overfit[name]), shown(around.validation[name])] for name in around.overfit
    ]
    return ("figure", "train (interval)", "validation (interval)"), rows


def explanation_rows(around: Surroundings, labels: Sequence[str]) -> Table:
    """The most confident mistakes and the words that decided them."""
    rows = []
    for one in around.explanations:
        best = sorted(one.words, key=lambda pair: -pair[1])[:3]
        words = ", ".join(f"{word} {value:+.2f}" for word, value in best)
        rows.append([one.text, labels[one.decided], words, f"{one.comprehensiveness:.2f} ({one.by_chance:.2f})"])
    return ("text", "decided", "words that decided", "lost without them (without others)"), rows


def _ratio(one: Estimate) -> str:
    low, high = bounds(one)
    return f"{one.value:.3f} ({low:.3f} to {high:.3f})"
