"""`python -m stages.gate compare [--baseline REV] [--out FILE]`: may the model here replace that of a revision?

Exit code 0: it may. 1: it must not. 2: the two cannot be compared. 3: the test split is too small to tell.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from stages import artifacts
from stages.errors import UserError
from stages.gate import report, rules, sources
from stages.gate.rules import Finding
from stages.gate.sources import Side
from stages.params.gate import Floors, GateParams
from stages.params.loading import load

EXIT = {"PASS": 0, "FAIL": 1, "INCONCLUSIVE": 3}
log = logging.getLogger("stages.gate")


def compare(words: Sequence[str]) -> int:
    """Compare, judge, report."""
    parser = argparse.ArgumentParser(prog="python -m stages.gate compare", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--baseline", help="revision to compare with; gate.baseline by default")
    parser.add_argument("--out", type=Path, help="where to write the report; standard output by default")
    chosen = parser.parse_args(words)
    try:
        params = cast("GateParams", load((GateParams,))["gate"])
        unknown = set(params.margins) - {"accuracy", "macro_f1"}
        if unknown:
            raise sources.CannotJudgeError(
                f"gate.margins: '{min(unknown)}' is no gated metric. Use accuracy and macro_f1."
            )
        baseline = sources.baseline(chosen.baseline or params.baseline)
        candidate = sources.candidate()
        sources.check(baseline, candidate)
    except UserError as error:
        log.error("gate: %s", error)
        return 2
    classes = len(candidate.schema.labels)
    found = rules.differences(baseline.decisions, candidate.decisions, classes, params)
    findings = [*rules.judge(found, params), *floors(candidate, params)]
    said = report.markdown(baseline, candidate, found, findings)
    if chosen.out:
        chosen.out.parent.mkdir(parents=True, exist_ok=True)
        chosen.out.write_text(said, encoding="utf-8")
    else:
        sys.stdout.write(said)
    outcome = rules.verdict(findings)
    log.info("gate: %s", outcome)
    return EXIT[outcome]


def floors(candidate: Side, params: GateParams) -> list[Finding]:
    """The floors that params ask for."""
    asked, found = params.floors, []
    if asked.accuracy is not None:
        found.append(rules.floor("accuracy", float(candidate.decisions.right.mean()), asked.accuracy))
    if asked.worst_class_recall is not None:
        names = candidate.schema.labels
        found.append(rules.worst_class(candidate.decisions, names, asked.worst_class_recall, params))
    return [*found, *_measured(candidate, asked)]


def _measured(candidate: Side, asked: Floors) -> list[Finding]:
    found = []
    if asked.retention is not None:
        found.append(rules.floor("retention", _at(candidate.alignment, "retention", "worst"), asked.retention))
    if asked.ece is not None:
        value = _at(candidate.metrics, "calibration", "ece_calibrated")
        found.append(rules.floor("ece", value, asked.ece, at_most=True))
    if asked.robustness is not None:
        drops = [one["drop"] for one in candidate.alignment.get("robustness", {}).values()]
        found.append(rules.floor("robustness", max(drops, default=None), asked.robustness, at_most=True))
    if asked.release_megabytes is not None:
        files = [path for path in artifacts.RELEASE.rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in files) / 1e6 if files else None
        found.append(rules.floor("release_megabytes", size, asked.release_megabytes, at_most=True))
    return found


def _at(values: dict[str, Any], section: str, key: str) -> float | None:
    found = values.get(section, {}).get(key)
    return None if found is None else float(found)
