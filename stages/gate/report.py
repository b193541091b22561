"""The gate's report in Markdown, for a pull request's comment and a job's summary."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stages.gate import rules, sources
from stages.gate.rules import Difference, Finding
from stages.gate.sources import Side

SHOWN = 10
WORDS = {"PASS": "may replace", "FAIL": "must not replace", "INCONCLUSIVE": "cannot be told from"}


def markdown(baseline: Side, candidate: Side, found: Sequence[Difference], findings: Sequence[Finding]) -> str:
    """The whole report.

    Args:
        baseline: what is there.
        candidate: what would replace it.
        found: compared metrics.
        findings: outcome of each rule.
    """
    outcome = rules.verdict(list(findings))
    decided = [one for one in findings if one.outcome == outcome]
    n = len(candidate.decisions.ids)
    lines = [
        f"# {outcome}: the candidate {WORDS[outcome]} `{baseline.name}`",
        "",
        f"Decided by {', '.join(f'`{one.rule}`' for one in decided)}, on {n:,} test records.",
        "",
        *_table(("rule", "outcome", "why"), [[one.rule, one.outcome, one.why] for one in findings]),
        "",
        "## Metrics",
        "",
        *_table(
            ("metric", baseline.name, "candidate", "difference", "one-sided 95 % bounds", "detectable loss"),
            [
                [
                    one.metric,
                    f"{one.baseline:.4f}",
                    f"{one.candidate:.4f}",
                    f"{one.value:+.4f}",
                    f"{one.low:+.4f}, {one.high:+.4f}",
                    f"{one.detectable:.4f}",
                ]
                for one in found
            ],
        ),
    ]
    lines += _section("What was set differently", ("param", baseline.name, "candidate"), _params(baseline, candidate))
    names = candidate.schema.labels
    changed = [
        [name, str(count), str(before), str(after), f"{after - before:+d}"]
        for name, count, before, after in rules.changed_classes(baseline.decisions, candidate.decisions, names)
        if before != after
    ]
    head = ("class", "test records", "right before", "right now", "change")
    lines += _section("Classes that changed", head, changed[:SHOWN])
    for what, title in (("broke", "Examples that broke"), ("mended", "Examples that were mended")):
        found_rows = rules.turned(baseline.decisions, candidate.decisions)[what]
        head = ("text", "gold", "before", "now", "confidence")
        lines += _section(f"{title}: {len(found_rows)}", head, _examples(baseline, candidate, found_rows[:SHOWN]))
    verdicts = candidate.alignment.get("verdicts", {})
    lines += _section("Alignment", ("gap", "candidate", baseline.name), _verdicts(verdicts, baseline))
    test, train = (candidate.schema.fingerprint.get(split, "")[:12] for split in ("test", "train"))
    again = f"python -m stages.gate --baseline {baseline.name}"
    lines += ["", f"Test split `{test}`, train split `{train}` (sha256). Again: `{again}`."]
    return "\n".join(lines) + "\n"


def _params(baseline: Side, candidate: Side) -> list[list[str]]:
    return [
        [f"`{key}`", before, after] for key, before, after in sources.params_changed(baseline.params, candidate.params)
    ]


def _verdicts(verdicts: dict[str, str], baseline: Side) -> list[list[str]]:
    before = baseline.alignment.get("verdicts", {})
    return [[gap, state, before.get(gap, "not measured")] for gap, state in verdicts.items()]


def _examples(baseline: Side, candidate: Side, rows: np.ndarray) -> list[list[str]]:
    names, now = candidate.schema.labels, candidate.decisions
    return [
        [
            candidate.texts[i],
            names[now.gold[i]],
            names[baseline.decisions.predicted[i]],
            names[now.predicted[i]],
            f"{now.confidence[i]:.3f}",
        ]
        for i in rows
    ]


def _section(title: str, head: Sequence[str], rows: list[list[str]]) -> list[str]:
    return ["", f"## {title}", "", *(_table(head, rows) if rows else ["None."])]


def _table(head: Sequence[str], rows: list[list[str]]) -> list[str]:
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return lines + ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows]


def _cell(text: str) -> str:
    """Text that stays in its cell: one line, no bars, no markup of its own."""
    return " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
