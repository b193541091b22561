"""The rules: non-inferiority of paired metrics, and floors.

A metric *fails* when the loss exceeds its margin and a one-sided paired test says that it is a loss at all, after Holm over
the gated metrics. It *passes* when the lower bound of the difference lies above minus the margin. Between the two the test
split is too small to tell, and the rule says which loss it could have seen. "Any drop fails" would turn away half of all
changes that change nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from stages.analysis import slices
from stages.metrics import classification, significance
from stages.params.gate import GateParams

Outcome = Literal["PASS", "FAIL", "INCONCLUSIVE"]
FEWEST = 10
"""Test records of a class or slice below which nothing is asked of it."""
POWER_Z = 0.8416
"""Normal quantile of a power of 80 %."""


@dataclass(frozen=True)
class Decisions:
    """What a model decided on the test split.

    Attributes:
        ids: of the records.
        gold: class ids `(records,)`.
        predicted: class ids `(records,)`.
        confidence: of the decision `(records,)`.
    """

    ids: list[str]
    gold: np.ndarray
    predicted: np.ndarray
    confidence: np.ndarray

    @property
    def right(self) -> np.ndarray:
        """Whether each decision is gold `(records,)`."""
        return self.predicted == self.gold


@dataclass(frozen=True)
class Finding:
    """One rule's outcome.

    Attributes:
        rule: its name in `params.yaml`.
        outcome: in a word.
        why: one sentence with figures.
        against: the baseline that it compares with; empty for a floor, which looks at the candidate alone.
    """

    rule: str
    outcome: Outcome
    why: str
    against: str = ""


@dataclass(frozen=True)
class Difference:
    """A metric of candidate and baseline.

    Attributes:
        metric: its name.
        baseline: the baseline's value.
        candidate: the candidate's value.
        low: one-sided lower bound of candidate less baseline.
        high: one-sided upper bound.
        p: one-sided, that the candidate is no worse.
        detectable: the smallest loss that this split would have shown with a power of 80 %.
        against: name of the baseline.
    """

    metric: str
    baseline: float
    candidate: float
    low: float
    high: float
    p: float
    detectable: float
    against: str = ""

    @property
    def value(self) -> float:
        """Candidate less baseline."""
        return self.candidate - self.baseline


def differences(baseline: Decisions, candidate: Decisions, classes: int, params: GateParams) -> list[Difference]:
    """Compare gated metrics on the same records.

    Args:
        baseline: decisions of what is there.
        candidate: decisions of what would replace it, on the same records in the same order.
        classes: how many there are.
        params: metrics, level and resampling.
    """
    measured = {
        "accuracy": lambda: _accuracy(baseline, candidate, params),
        "macro_f1": lambda: _macro_f1(baseline, candidate, classes, params),
    }
    return [measured[metric]() for metric in params.margins]


def _chance(p: float) -> str:
    """A p-value in four decimals, which are never all zero."""
    return f"p = {p:.4f}" if p >= 0.0001 else "p < 0.0001"


def judge(found: Sequence[Difference], params: GateParams) -> list[Finding]:
    """Non-inferiority of each gated metric, against each baseline.

    A candidate has to pass against all of them, which needs no adjustment; it fails when it is worse than any, which does:
    Holm goes over all metrics of all baselines.
    """
    adjusted = significance.holm([one.p for one in found])
    findings = []
    for one, p in zip(found, adjusted, strict=True):
        margin = params.margins[one.metric]
        bounds = f"one-sided bounds {one.low:+.4f}, {one.high:+.4f}"
        said = f"{one.candidate:.4f} against {one.baseline:.4f}: {one.value:+.4f} ({bounds})"
        if -one.value > margin and p < params.level:
            why, outcome = f"{said}; the loss exceeds {margin:g} and is no chance ({_chance(p)} after Holm)", "FAIL"
        elif one.low > -margin:
            why, outcome = f"{said}; a loss of {margin:g} or more is ruled out", "PASS"
        else:
            why, outcome = (
                f"{said}; losses below {one.detectable:.3f} cannot be seen on this test split",
                "INCONCLUSIVE",
            )
        findings.append(Finding(f"margins.{one.metric}", outcome, why, one.against))  # type: ignore[arg-type]
    return findings


def worst_class(candidate: Decisions, names: list[str], floor: float, params: GateParams) -> Finding:
    """Recall of the worst class; chance among so many classes is not a failure."""
    classes = {names[one]: np.flatnonzero(candidate.gold == one) for one in np.unique(candidate.gold)}
    return worst_of("worst_class_recall", "class", classes, candidate.right, floor, params)


def worst_slice(
    candidate: Decisions, texts: Sequence[str], columns: Mapping[str, Sequence[str]], floor: float, params: GateParams
) -> Finding:
    """Accuracy of the worst third by length or value of a kept column; chance among so many is not a failure.

    Args:
        candidate: its decisions.
        texts: of the test records.
        columns: kept columns of the test records, by name.
        floor: least true accuracy anywhere.
        params: level and resampling.
    """
    members = slices.parts({"length": slices.thirds(texts), **slices.own(columns)}, FEWEST)
    return worst_of("slice_accuracy", "slice", members, candidate.right, floor, params)


def worst_of(
    rule: str, what: str, members: Mapping[str, np.ndarray], right: np.ndarray, floor: float, params: GateParams
) -> Finding:
    """The worst of several parts of the test split, against what the worst of so many would be by chance.

    Args:
        rule: its name under `gate.floors`.
        what: a part is called.
        members: row numbers of each part; parts below `FEWEST` records are not looked at.
        right: whether each decision is gold `(records,)`.
        floor: least true share anywhere.
        params: level and resampling.
    """
    parts = {name: right[own] for name, own in members.items() if len(own) >= FEWEST}
    if not parts:
        return Finding(f"floors.{rule}", "INCONCLUSIVE", f"no {what} has {FEWEST} test records")
    name = min(parts, key=lambda each: float(parts[each].mean()))
    value, count = float(parts[name].mean()), len(parts[name])
    # If every part had exactly the floor as its true share, how low would the worst of them be?
    generator = np.random.default_rng(params.seed)
    sizes = np.array([len(one) for one in parts.values()])
    drawn = (generator.binomial(sizes, floor, size=(params.resamples, len(sizes))) / sizes).min(axis=1)
    limit = float(np.quantile(drawn, params.level))
    why = (
        f"worst {what} {name}: {value:.3f} of {count}; with a true {floor:g} everywhere the worst of {len(parts)} "
        f"would be {limit:.3f} or more"
    )
    return Finding(f"floors.{rule}", "FAIL" if value < limit else "PASS", why)


def floor(rule: str, value: float | None, limit: float, *, at_most: bool = False) -> Finding:
    """One limit on one figure; a figure that is missing cannot be judged."""
    if value is None:
        return Finding(f"floors.{rule}", "INCONCLUSIVE", "was not measured")
    kept = value <= limit if at_most else value >= limit
    bound = "at most" if at_most else "at least"
    return Finding(f"floors.{rule}", "PASS" if kept else "FAIL", f"{value:.4f}, {bound} {limit:g} asked")


def verdict(findings: list[Finding]) -> Outcome:
    """FAIL if any rule fails, else INCONCLUSIVE if any is or there is none, else PASS."""
    outcomes = {one.outcome for one in findings} or {"INCONCLUSIVE"}
    return "FAIL" if "FAIL" in outcomes else "INCONCLUSIVE" if "INCONCLUSIVE" in outcomes else "PASS"


def changed_classes(baseline: Decisions, candidate: Decisions, names: list[str]) -> list[tuple[str, int, int, int]]:
    """Per class: test records, right before, right after; most changed first."""
    rows = []
    for one in np.unique(baseline.gold):
        mine = baseline.gold == one
        rows.append((names[one], int(mine.sum()), int(baseline.right[mine].sum()), int(candidate.right[mine].sum())))
    return sorted(rows, key=lambda row: (-abs(row[3] - row[2]), row[0]))


def turned(baseline: Decisions, candidate: Decisions) -> Mapping[str, np.ndarray]:
    """Row numbers of examples that broke and that were mended, those that the candidate is surest of first."""
    broke, mended = baseline.right & ~candidate.right, ~baseline.right & candidate.right
    order = np.argsort(-candidate.confidence, kind="stable")
    return {"broke": order[broke[order]], "mended": order[mended[order]]}


def _accuracy(baseline: Decisions, candidate: Decisions, params: GateParams) -> Difference:
    """Exact McNemar, one-sided; bounds by the normal approximation of the paired difference."""
    from scipy.stats import binom, norm

    one, other = baseline.right, candidate.right
    n, lost, won = len(one), int((one & ~other).sum()), int((~one & other).sum())
    value = (won - lost) / n
    spread = np.sqrt(max(won + lost - (won - lost) ** 2 / n, 1.0)) / n
    z = float(norm.ppf(1 - params.level))
    p = float(binom.sf(lost - 1, lost + won, 0.5)) if lost + won else 1.0
    return Difference(
        "accuracy",
        float(one.mean()),
        float(other.mean()),
        value - z * spread,
        value + z * spread,
        p,
        (z + POWER_Z) * spread,
    )


def _macro_f1(baseline: Decisions, candidate: Decisions, classes: int, params: GateParams) -> Difference:
    """Paired bootstrap over records."""
    from scipy.stats import norm

    n = len(baseline.gold)
    generator = np.random.default_rng(params.seed)

    def score(rows: np.ndarray, said: Decisions) -> float:
        counts = classification.confusion(said.gold[rows], said.predicted[rows], classes)
        return float(classification.from_confusion(counts)[2])

    every = np.arange(n)
    before, after = score(every, baseline), score(every, candidate)
    drawn = np.empty(params.resamples)
    for i in range(params.resamples):
        rows = generator.integers(0, n, n)
        drawn[i] = score(rows, candidate) - score(rows, baseline)
    low, high = np.quantile(drawn, [params.level, 1 - params.level])
    p = float((1 + (drawn >= 0).sum()) / (params.resamples + 1))
    z = float(norm.ppf(1 - params.level))
    return Difference("macro_f1", before, after, float(low), float(high), p, (z + POWER_Z) * float(drawn.std()))
