"""What the gate has to say, composed once; `markdown` and `page` say it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from stages.gate import changes, drawing, origins, rules
from stages.gate.content import Code, Drawing, Quoted, Report, Section, Table
from stages.gate.rules import Difference, Finding
from stages.gate.runtime import StageRun
from stages.gate.sources import Side
from stages.params.gate import GateParams

SHOWN = 10
BARS = 20
WORDS = {"PASS": "may replace", "FAIL": "must not replace", "INCONCLUSIVE": "cannot be told from"}


def compose(
    candidate: Side,
    baselines: Sequence[Side],
    found: Sequence[Difference],
    findings: Sequence[Finding],
    params: GateParams,
    runs: Sequence[StageRun] = (),
) -> Report:
    """The whole report.

    Args:
        candidate: what would replace the others.
        baselines: what is there: the branch to merge into, and the champion when it is another.
        found: compared metrics of each baseline.
        findings: outcome of each rule.
        params: margins and level.
        runs: stages of the last session, where a record is.
    """
    outcome = rules.verdict(list(findings))
    names = " and ".join(one.name for one in baselines)
    decided = ", ".join(dict.fromkeys(_rule(one) for one in findings if one.outcome == outcome))
    sections = [
        _rules(findings),
        _metrics(candidate, baselines, found, params),
        _figures(candidate, baselines),
    ]
    for i, baseline in enumerate(baselines):
        sections += _against(candidate, baseline, f"classes-{i + 1}", folded=i > 0)
    sections += [_alignment(candidate, baselines), *origins.sections(candidate, baselines, runs)]
    lead = f"Decided by {decided}, on {len(candidate.decisions.ids):,} test records."
    title = f"the candidate {WORDS[outcome]} {names}"
    return Report(outcome, title, lead, sections, origins.again(candidate, baselines))


def _rule(one: Finding) -> str:
    return f"{one.rule} against {one.against}" if one.against else one.rule


def _rules(findings: Sequence[Finding]) -> Section:
    rows = [[Code(one.rule), one.against or "—", one.outcome, one.why] for one in findings]
    return Section("Rules", Table(("rule", "against", "outcome", "why"), rows, frozenset({1, 2, 3})))


def _metrics(candidate: Side, baselines: Sequence[Side], found: Sequence[Difference], params: GateParams) -> Section:
    rows = []
    for metric in dict.fromkeys(one.metric for one in found):
        against = {one.against: one for one in found if one.metric == metric}
        row = [metric.replace("_", " "), f"{len(candidate.decisions.ids):,}"]
        row += [_value(one, metric, against[one.name].baseline) for one in baselines]
        row.append(_value(candidate, metric, next(iter(against.values())).candidate))
        for one in (against[base.name] for base in baselines):
            row.append(f"{one.value:+.4f} ({one.low:+.4f} to {one.high:+.4f})")
        rows.append([*row, f"{max(one.detectable for one in against.values()):.4f}"])
    head = ["metric", "n", *(one.name for one in baselines), "candidate"]
    head += [f"less {one.name}" for one in baselines] + ["detectable loss"]
    notes = (
        "Intervals of values are two-sided, from resampling the test split. "
        f"Bounds of differences are one-sided at {1 - params.level:.0%} each, paired over records.",
    )
    return Section("Metrics", Table(head, rows), notes, [_forest(found, params)])


def _forest(found: Sequence[Difference], params: GateParams) -> Drawing:
    rows = []
    for one in found:
        margin = params.margins[one.metric]
        name = f"{one.metric.replace('_', ' ')} less {one.against}"
        rows.append((name, one.value / margin, one.low / margin, one.high / margin))
    title = "Differences in units of their margin; left of the dashed line a loss exceeds it"
    return Drawing("differences", title, partial(drawing.forest, rows, -1.0))


def _value(side: Side, metric: str, value: float) -> str:
    measured = side.metrics.get("test", {})
    low, high = measured.get(f"{metric}_low"), measured.get(f"{metric}_high")
    return f"{value:.4f}" if low is None or high is None else f"{value:.4f} ({low:.4f} to {high:.4f})"


def _figures(candidate: Side, baselines: Sequence[Side]) -> Section:
    """Everything else that `metrics.json` holds, whole splits first."""
    sides = [dict(_numbers(one.metrics)) for one in (*baselines, candidate)]
    rows = []
    for key in sides[-1]:
        if key.endswith(("_low", "_high", ".n")):
            continue
        split = key.rsplit(".", 1)[0]
        n = sides[-1].get(f"{split}.n")
        cells = [_with_interval(one, key) for one in sides]
        less = [f"{sides[-1][key] - one[key]:+.4f}" if key in one else "" for one in sides[:-1]]
        rows.append([Code(key), "" if n is None else f"{n:,.0f}", *cells, *less])
    head = ["figure", "n", *(one.name for one in baselines), "candidate", *(f"less {one.name}" for one in baselines)]
    return Section("All figures of metrics.json", Table(head, rows), folded=True)


def _numbers(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _numbers(value, f"{prefix}{key}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield f"{prefix}{key}", float(value)


def _with_interval(values: dict[str, float], key: str) -> str:
    if key not in values:
        return "—"
    low, high = values.get(f"{key}_low"), values.get(f"{key}_high")
    return f"{values[key]:.4f}" if low is None or high is None else f"{values[key]:.4f} ({low:.4f} to {high:.4f})"


def _against(candidate: Side, baseline: Side, picture: str, *, folded: bool) -> list[Section]:
    """What changed, record by record."""
    names, before, now = candidate.schema.labels, baseline.decisions, candidate.decisions
    than = f" against {baseline.name}"
    changed = [row for row in rules.changed_classes(before, now, names) if row[2] != row[3]]
    classes = [
        [Quoted(name), f"{n:,}", f"{was:,}", f"{is_:,}", f"{is_ - was:+d}"] for name, n, was, is_ in changed[:SHOWN]
    ]
    bars = [(name, is_ - was) for name, _, was, is_ in changed[:BARS]]
    title = f"Test records won and lost by class{than}"
    drawings = [Drawing(picture, title, partial(drawing.bars, bars))] if bars else []
    head = ("class", "test records", "right before", "right now", "change")
    sections = [
        Section(f"Classes that changed{than}: {len(changed)}", Table(head, classes), (), drawings, folded),
        _confusions(candidate, baseline, folded=folded),
    ]
    for what, title in (("broke", "Examples that broke"), ("mended", "Examples that were mended")):
        rows = rules.turned(before, now)[what]
        table = _examples(baseline, candidate, rows[:SHOWN])
        sections.append(Section(f"{title}{than}: {len(rows)}", table, folded=folded))
    return sections


def _confusions(candidate: Side, baseline: Side, *, folded: bool) -> Section:
    found = changes.confusions(baseline.decisions, candidate.decisions, candidate.schema.labels)
    grew = [one for one in found if one.change > 0][:SHOWN]
    shrank = [one for one in reversed(found) if one.change < 0][:SHOWN]
    rows = [
        [Quoted(one.gold), Quoted(one.predicted), str(one.before), str(one.after), f"{one.change:+d}"]
        for one in (*grew, *shrank)
    ]
    head = ("is", "taken for", "before", "now", "change")
    return Section(
        f"Confusions that grew and shrank most against {baseline.name}",
        Table(head, rows, frozenset({1})),
        folded=folded,
    )


def _examples(baseline: Side, candidate: Side, rows: np.ndarray) -> Table:
    names, before, now = candidate.schema.labels, baseline.decisions, candidate.decisions
    cells = [
        [
            Quoted(candidate.texts[i]),
            Quoted(names[now.gold[i]]),
            Quoted(names[before.predicted[i]]),
            Quoted(names[now.predicted[i]]),
            f"{now.confidence[i]:.3f}",
        ]
        for i in rows
    ]
    return Table(("text", "is", "before", "now", "confidence"), cells, frozenset({1, 2, 3}))


def _alignment(candidate: Side, baselines: Sequence[Side]) -> Section:
    verdicts = candidate.alignment.get("verdicts", {})
    others = [one.alignment.get("verdicts", {}) for one in baselines]
    rows = [[gap, *(one.get(gap, "not measured") for one in others), state] for gap, state in verdicts.items()]
    head = ("gap", *(one.name for one in baselines), "candidate")
    notes = () if verdicts else ("The candidate has no alignment report.",)
    return Section("Alignment", Table(head, rows, frozenset(range(1, len(head)))), notes)
