"""`python -m stages.gate compare [--baseline REV] [--champion REV] [--out PLACE]`: may the model here replace those?

Exit code 0: it may. 1: it must not. 2: they cannot be compared. 3: the test split is too small to tell.
With a champion besides the baseline, the candidate has to hold against both.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from stages import artifacts
from stages.errors import UserError
from stages.gate import latency, report, rules, runtime, sources, writing
from stages.gate.registering import registry
from stages.gate.rules import Difference, Finding
from stages.gate.sources import Side
from stages.params.gate import Floors, GateParams
from stages.params.loading import load
from stages.tracking.registry import ALIASES

EXIT = {"PASS": 0, "FAIL": 1, "INCONCLUSIVE": 3}
log = logging.getLogger("stages.gate")


def compare(words: Sequence[str]) -> int:
    """Compare, judge, report."""
    parser = argparse.ArgumentParser(prog="python -m stages.gate compare", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--baseline", help="revision to compare with, or @champion; gate.baseline by default")
    parser.add_argument("--champion", help="revision of the model in use, or @champion, when it is not the baseline's")
    parser.add_argument(
        "--out",
        type=Path,
        help="where to write the report: a FILE.md, or a folder for Markdown, page and pictures; standard output by default",
    )
    chosen = parser.parse_args(words)
    try:
        params = cast("GateParams", load((GateParams,))["gate"])
        first = named(chosen.baseline or params.baseline)
        baselines = standing(first, named(chosen.champion, "champion ") if chosen.champion else None)
        candidate = sources.candidate()
        for one in baselines:
            sources.check(one, candidate)
        found = differences(candidate, baselines, params)
        findings = [*rules.judge(found, params), *floors(candidate, params)]
    except UserError as error:
        log.error("gate: %s", error)
        return 2
    said = report.compose(candidate, baselines, found, findings, params, runtime.last_session())
    writing.write(said, chosen.out)
    log.info("gate: %s", said.outcome)
    return EXIT[said.outcome]


def named(words: str, role: str = "") -> tuple[str, str]:
    """A git revision and what reports call it; `@champion`, `@previous` and `@challenger` are looked up in the registry.

    Args:
        words: a revision or one of those.
        role: what to put before the revision in its name.

    Raises:
        CannotJudgeError: no model has that alias.
        RegistryError: the registry cannot be reached.
    """
    alias = words.removeprefix("@")
    if words == alias or alias not in ALIASES:
        return words, f"{role}{words[:12]}" if role else words
    found = registry().holder(alias)
    if found is None:
        raise sources.CannotJudgeError(f"{words}: no registered model has that alias. Register and promote one first.")
    log.info("gate: %s is %s", words, found)
    return found.commit, f"{alias} (version {found.number})"


def standing(baseline: tuple[str, str], champion: tuple[str, str] | None = None) -> list[Side]:
    """The models that a candidate has to hold against; one, when the champion is the baseline's commit.

    Args:
        baseline: revision and name of the one.
        champion: of the other, if there is one.

    Raises:
        CannotJudgeError: a revision or its outs cannot be had.
    """
    first = sources.baseline(*baseline)
    if champion is None:
        return [first]
    commit = sources.commit_of(champion[0])
    if commit is not None and commit == first.commit:
        log.info("gate: the champion is %s", baseline[0])
        return [first]
    return [first, sources.baseline(*champion)]


def differences(candidate: Side, baselines: Sequence[Side], params: GateParams) -> list[Difference]:
    """Every gated metric against every baseline."""
    classes = len(candidate.schema.labels)
    return [
        replace(found, against=one.name)
        for one in baselines
        for found in rules.differences(one.decisions, candidate.decisions, classes, params)
    ]


def floors(candidate: Side, params: GateParams) -> list[Finding]:
    """The floors that params ask for."""
    asked, found = params.floors, []
    if asked.accuracy is not None:
        found.append(rules.floor("accuracy", float(candidate.decisions.right.mean()), asked.accuracy))
    if asked.worst_class_recall is not None:
        names = candidate.schema.labels
        found.append(rules.worst_class(candidate.decisions, names, asked.worst_class_recall, params))
    if asked.slice_accuracy is not None:
        one = rules.worst_slice(candidate.decisions, candidate.texts, candidate.columns, asked.slice_accuracy, params)
        found.append(one)
    return [*found, *_measured(candidate, asked)]


def _measured(candidate: Side, asked: Floors) -> list[Finding]:
    found = []
    if asked.retention is not None:
        found.append(rules.floor("retention", _at(candidate.alignment, "retention", "worst"), asked.retention))
    if asked.ece is not None:
        value = _at(candidate.metrics, "calibration", "ece_calibrated")
        found.append(rules.floor("ece", value, asked.ece, at_most=True))
    if asked.robustness is not None:
        drops = [one["drop"] for one in candidate.alignment.get("robustness", {}).values() if "drop" in one]
        found.append(rules.floor("robustness", max(drops, default=None), asked.robustness, at_most=True))
    if asked.latency_ms is not None:
        found.append(rules.floor("latency_ms", latency.measure(candidate.texts), asked.latency_ms, at_most=True))
    if asked.release_megabytes is not None:
        files = [path for path in artifacts.RELEASE.rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in files) / 1e6 if files else None
        found.append(rules.floor("release_megabytes", size, asked.release_megabytes, at_most=True))
    return found


def _at(values: dict[str, Any], section: str, key: str) -> float | None:
    found = values.get(section, {}).get(key)
    return None if found is None else float(found)
